import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { collect, streamOf, type ByteStream } from '../bytes.ts'
import { createDeflatePool, gzip, type GzipOptions } from './gzip.ts'

const MiB = 1 << 20

/** Bytes that look random and are the same each time. */
const noise = (size: number, seed = 1): Buffer => {
  const bytes = Buffer.allocUnsafe(size)
  let state = seed
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) | 0
    bytes[at] = state >>> 16
  }
  return bytes
}

/** Words in an order that looks random: what text is to a compressor. */
const words = (size: number, seed = 1): Buffer => {
  const order = noise(size >> 2, seed)
  const text: string[] = []
  for (let at = 0, length = 0; length < size; at++) {
    const number = (order[at % order.length] ?? 0) & 63
    const word = `${'export const readonly '.slice(number & 7, (number >> 3) + (number & 7) + 2)}${number} `
    text.push(word)
    length += word.length
  }
  return Buffer.from(text.join('')).subarray(0, size)
}

const pack = async (stream: ByteStream, options?: GzipOptions): Promise<Buffer> => await collect(gzip(stream, options), 64 * MiB)

/** The bytes in pieces of the given sizes, over and over. */
const cut = (bytes: Uint8Array, sizes: readonly number[]): ByteStream => {
  const chunks: Uint8Array[] = []
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return streamOf(...chunks)
}

test('gzip() makes what zlib inflates to the same, with lengths around every border', async () => {
  const inputs = { noise: noise(MiB + 5), words: words(MiB + 5), zeros: Buffer.alloc(MiB + 5) }
  const borders = [0, 258, 32_768, 65_535, 131_070]
  for (const [name, bytes] of Object.entries(inputs))
    for (const size of [
      ...borders.flatMap((border) => [-4, -3, -1, 0, 1, 3, 4].map((step) => border + step)),
      MiB - 1,
      MiB,
      MiB + 1,
      MiB + 4,
    ])
      if (size >= 0) {
        const plain = bytes.subarray(0, size)
        assert.ok(plain.equals(gunzipSync(await pack(streamOf(plain), { level: 1 }))), `${size} bytes of ${name}`)
      }
})

test('gzip() makes what zlib inflates to the same, with matches at every distance that matters', async () => {
  for (const distance of [1, 2, 3, 4, 5, 255, 256, 257, 511, 513, 16_384, 32_766, 32_767, 32_768, 32_769, 65_535]) {
    const plain = Buffer.alloc(2 * distance + 300, noise(distance, distance))
    for (const level of [1, 5, 9])
      assert.ok(plain.equals(gunzipSync(await pack(streamOf(plain), { level }))), `distance ${distance}, level ${level}`)
  }
})

test('gzip() makes what zlib inflates to the same, with all levels', async () => {
  const plain = Buffer.concat([words(300_000), noise(100_000), Buffer.alloc(100_000), words(200_000, 5)])
  const sizes: number[] = []
  for (let level = 1; level <= 9; level++) {
    const packed = await pack(streamOf(plain), { level })
    assert.ok(plain.equals(gunzipSync(packed)), `level ${level}`)
    sizes.push(packed.length)
  }
  assert.ok((sizes[8] ?? 0) < (sizes[0] ?? 0))
})

test('gzip() makes what zlib inflates to the same, whatever it is given', async () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.record({ byte: fc.nat(255), count: fc.nat(70_000) }).map(({ byte, count }) => Buffer.alloc(count, byte)),
    fc
      .record({ unit: fc.uint8Array({ minLength: 1, maxLength: 300 }), count: fc.nat(40_000) })
      .map(({ unit, count }) => Buffer.alloc(count, unit)),
    fc.record({ size: fc.nat(70_000), seed: fc.nat() }).map(({ size, seed }) => noise(size, seed)),
    fc.record({ size: fc.nat(70_000), seed: fc.nat() }).map(({ size, seed }) => words(size, seed)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), async (parts, level) => {
      assert.ok(Buffer.concat(parts).equals(gunzipSync(await pack(streamOf(...parts), { level }))))
    }),
    { numRuns: 60, seed: 7 },
  )
})

test('gzip() makes the same bytes with any number of threads and however its input is cut', async () => {
  const plain = Buffer.concat([words(MiB + 12_345), noise(300_000), words(MiB, 9)])
  const expected = await pack(streamOf(plain))
  assert.ok(plain.equals(gunzipSync(expected)))
  for (const sizes of [[65_536], [1, 70_000, 3], [MiB - 1, 2]])
    assert.ok(expected.equals(await pack(cut(plain, sizes))), `chunks of ${sizes.join()}`)
  for (const threads of [1, 3]) {
    await using pool = createDeflatePool(threads)
    for (const packed of await Promise.all([pack(streamOf(plain), { pool }), pack(cut(plain, [300_000]), { pool })]))
      assert.ok(expected.equals(packed), `${threads} threads`)
  }
})

test('gzip() makes the bytes that every version before it made', async () => {
  const plain = Buffer.concat([words(MiB + 300_000), noise(100_000), Buffer.alloc(70_000)])
  const digests: Record<number, string> = {}
  for (const level of [1, 5, 9])
    digests[level] = createHash('sha256')
      .update(await pack(streamOf(plain), { level }))
      .digest('hex')
      .slice(0, 16)
  // whoever changes these changes the digests of what users push: say so in the changelog
  assert.deepEqual(digests, { 1: '631c56642eb807b1', 5: 'a4112ceaf55efa6b', 9: 'd6e0415ffa97e8b1' })
})

test('gzip() adds next to nothing to what cannot be compressed', async () => {
  const plain = noise(2 * MiB)
  assert.ok((await pack(streamOf(plain))).length < plain.length + 400)
})

test('gzip() writes a header without time, name and system', async () => {
  assert.equal((await pack(streamOf(Buffer.from('x')))).subarray(0, 10).toString('hex'), '1f8b08000000000000ff')
})

test('gzip() ends with the error of its input, and stops when nobody reads on', async () => {
  async function* failing(): ByteStream {
    yield* cut(words(3 * MiB), [MiB])
    throw new Error('broken')
  }
  await using pool = createDeflatePool(2)
  await assert.rejects(pack(failing(), { pool }), { message: 'broken' })
  let released = false
  async function* endless(): ByteStream {
    try {
      for (const piece = words(MiB); ;) yield piece
    } finally {
      released = true
    }
  }
  let chunks = 0
  for await (const _ of gzip(endless(), { pool })) if (++chunks === 3) break
  assert.ok(released)
})

test('gzip() reads no further ahead than its threads can follow', async () => {
  let read = 0
  async function* counted(): ByteStream {
    const piece = noise(MiB)
    for (; read < 24; read++) yield piece
  }
  await using pool = createDeflatePool(2)
  let written = 0
  for await (const chunk of gzip(counted(), { pool })) {
    written += chunk.length
    assert.ok(read <= written / MiB + 5, `${read} MiB read, ${written} bytes written`)
  }
  assert.equal(read, 24)
})
