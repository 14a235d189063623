import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { deflateRawSync, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import fc from 'fast-check'
import { collect, streamOf, type ByteStream } from './bytes.ts'
import { Inflater, type Codec } from './compression-inflater.ts'
import { compress, decompress, detectCodec } from './compression.ts'

const codecs: readonly Codec[] = ['gzip', 'zstd']
const pack = { gzip: gzipSync, zstd: zstdCompressSync }
const unpack = { gzip: gunzipSync, zstd: zstdDecompressSync }
const limit = 64 * 1024 * 1024
const skippable = Buffer.from('502a4d1803000000616263', 'hex')

/** The bytes in chunks of the given sizes, over and over. */
const cut = (bytes: Uint8Array, sizes: readonly number[]): ByteStream => {
  const chunks: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1
    chunks.push(bytes.subarray(at, at + size))
    at += size
  }
  return streamOf(...chunks)
}

/** Bytes that compress, more or less. */
const bytes = fc
  .record({
    words: fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 20 }),
    times: fc.nat(4000),
  })
  .map(({ words, times }) => Buffer.concat(Array.from({ length: times }, (_, i) => words[(i * i) % words.length] as Uint8Array)))
const sizes = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 })

for (const codec of codecs) {
  test(`decompress() gives back what was compressed, however ${codec} is cut`, async () => {
    await fc.assert(
      fc.asyncProperty(bytes, bytes, sizes, async (first, second, sizes) => {
        const packed = Buffer.concat([pack[codec](first), pack[codec](second)])
        const plain = Buffer.concat([first, second])
        assert.ok(plain.equals(await collect(decompress(cut(packed, sizes), codec), limit)))
      }),
      { numRuns: 40, seed: 7 },
    )
  })

  test(`decompress() refuses ${codec} that is cut off anywhere`, async () => {
    const packed = pack[codec](Buffer.from('some text, '.repeat(500)))
    for (let length = 0; length < packed.length; length++)
      await assert.rejects(collect(decompress(streamOf(packed.subarray(0, length)), codec), limit), {
        kind: 'data_loss',
        code: 'COMPRESSION_TRUNCATED',
      })
  })

  test(`decompress() refuses what follows ${codec}`, async () => {
    const packed = pack[codec](Buffer.from('some text'))
    for (const garbage of ['\0', '\0\0\0\0', 'garbage', '\x1f', '\x1f\x8b', '(\xb5', 'x'.repeat(100_000)])
      for (const sizes of [[1], [packed.length], [100_000]]) {
        const stream = cut(Buffer.concat([packed, Buffer.from(garbage, 'latin1')]), sizes)
        await assert.rejects(
          collect(decompress(stream, codec), limit),
          { kind: 'data_loss' },
          JSON.stringify(garbage.slice(0, 9)),
        )
      }
  })

  test(`decompress() takes any bytes as ${codec} without more than an error`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(200), sizes, async (noise, at, sizes) => {
        const damaged = Buffer.from(pack[codec](Buffer.from('some text that is damaged '.repeat(9))))
        damaged.set(noise.subarray(0, Math.max(0, damaged.length - at)), Math.min(at, damaged.length))
        for (const input of [noise, damaged])
          await collect(decompress(cut(input, sizes), codec), limit).catch((error: unknown) =>
            assert.equal((error as { kind?: string }).kind, 'data_loss'),
          )
      }),
      { numRuns: 300, seed: 7 },
    )
  })

  test(`compress() writes the same ${codec} however the bytes are cut`, async () => {
    await fc.assert(
      fc.asyncProperty(bytes, sizes, fc.integer({ min: 1, max: 9 }), async (plain, sizes, level) => {
        const whole = await collect(compress(streamOf(plain), codec, { level }), limit)
        assert.ok(whole.equals(await collect(compress(cut(plain, sizes), codec, { level }), limit)))
        assert.ok(unpack[codec](whole).equals(plain))
      }),
      { numRuns: 40, seed: 7 },
    )
  })

  test(`compress() and decompress() of ${codec} pass on the source's error and release it`, async () => {
    for (const change of [compress, decompress]) {
      const packed = pack[codec](randomBytes(100_000))
      const released: string[] = []
      async function* source(error?: Error): ByteStream {
        try {
          yield packed
          if (error !== undefined) throw error
          for (;;) yield packed
        } finally {
          released.push(change.name)
        }
      }
      const failure = new Error('the network is down')
      await assert.rejects(collect(change(source(failure), codec), limit), failure)
      for await (const _ of change(source(), codec)) break
      assert.equal(released.length, 2)
    }
  })
}

test('compress() writes a gzip header without time, name and system', async () => {
  for (const level of [1, 6, 9]) {
    const packed = await collect(compress(streamOf(Buffer.from('x')), 'gzip', { level }), limit)
    assert.deepEqual([...packed.subarray(0, 8)], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0])
    assert.equal(packed[9], 255)
  }
})

test('decompress() takes skippable frames and gzip headers with all their fields', async () => {
  const frame = zstdCompressSync(Buffer.from('text'))
  for (const parts of [
    [skippable, frame],
    [frame, skippable, frame],
    [frame, skippable],
  ]) {
    const text = await collect(decompress(cut(Buffer.concat(parts), [3]), 'zstd'), limit)
    assert.equal(text.toString(), 'text'.repeat(parts.filter((part) => part === frame).length))
  }
  await assert.rejects(collect(decompress(streamOf(frame, skippable.subarray(0, 9)), 'zstd'), limit), {
    code: 'COMPRESSION_TRUNCATED',
  })
  // RFC 1952: FTEXT, FEXTRA, FNAME, FCOMMENT
  const header = Buffer.from('1f8b081d00000000000303006162636e616d6500636f6d6d656e7400', 'hex')
  const trailer = gzipSync('text').subarray(-8)
  const member = Buffer.concat([header, deflateRawSync('text'), trailer])
  assert.equal((await collect(decompress(cut(member, [1]), 'gzip'), limit)).toString(), 'text')
})

test('decompress() refuses gzip with a wrong checksum or length', async () => {
  for (const back of [8, 4]) {
    const packed = gzipSync(Buffer.from('text'))
    packed[packed.length - back] = (packed[packed.length - back] as number) ^ 1
    await assert.rejects(collect(decompress(streamOf(packed), 'gzip'), limit), { code: 'COMPRESSION_INVALID' })
  }
})

test('Inflater works in shared memory', () => {
  const packed = gzipSync(Buffer.from('text'))
  const input = new Uint8Array(new SharedArrayBuffer(100))
  input.set(packed, 9)
  const output = new Uint8Array(new SharedArrayBuffer(100))
  using inflater = new Inflater('gzip')
  inflater.step(input, 9, 9 + packed.length, output, 5, 100)
  inflater.finish(Buffer.alloc(10))
  assert.equal(inflater.taken, packed.length)
  assert.equal(Buffer.from(output.slice(5, 5 + inflater.made)).toString(), 'text')
})

test('detectCodec() knows the first bytes', () => {
  assert.equal(detectCodec(gzipSync('x')), 'gzip')
  assert.equal(detectCodec(zstdCompressSync('x')), 'zstd')
  assert.equal(detectCodec(skippable), 'zstd')
  for (const other of ['', '\x1f', 'BZh9', 'ustar', '\xfd7zXZ\0'])
    assert.equal(detectCodec(Buffer.from(other, 'latin1')), undefined)
})
