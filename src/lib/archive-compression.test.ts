import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { constants, gzipSync, zstdCompressSync } from 'node:zlib'
import { archiveHeadSize, decompressDetected, detectArchiveCodec, type ArchiveCodec } from './archive-compression.ts'
import { collect, streamOf, type ByteStream } from './bytes.ts'
import { GantryError } from './errors.ts'

const data = Buffer.from(Array.from({ length: 20_000 }, (_, index) => `line ${index % 977}\n`).join(''))
const limit = 16 << 20

/** The data as a program of the machine compresses it; undefined where that is not installed. */
const byProgram = (program: string): Buffer | undefined => {
  const { status, stdout } = spawnSync(program, ['-c'], { input: data, maxBuffer: limit })
  return status === 0 ? stdout : undefined
}

const compressed: Readonly<Record<ArchiveCodec, Buffer | undefined>> = {
  gzip: gzipSync(data),
  zstd: zstdCompressSync(data, { params: { [constants.ZSTD_c_checksumFlag]: 1 } }),
  xz: byProgram('xz'),
  bzip2: byProgram('bzip2'),
}

const cut = (bytes: Buffer, size: number): ByteStream =>
  streamOf(
    ...Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) => bytes.subarray(index * size, (index + 1) * size)),
  )
const read = async (stream: ByteStream): Promise<Buffer> => await collect(await decompressDetected(stream), limit)

for (const [codec, bytes] of Object.entries(compressed)) {
  const skip = bytes === undefined ? `${codec} is not installed` : false

  test(`decompressDetected() reads ${codec}, however it is cut`, { skip }, async () => {
    assert.equal(detectArchiveCodec(bytes!.subarray(0, archiveHeadSize)), codec)
    for (const size of [1, 1000, 1 << 20]) assert.ok((await read(cut(bytes!, size))).equals(data))
  })

  test(`decompressDetected() throws data_loss when ${codec} is damaged or cut short`, { skip }, async () => {
    const broken = Buffer.from(bytes!).fill(0x55, bytes!.length >> 1, (bytes!.length >> 1) + 20)
    for (const wrong of [bytes!.subarray(0, -10), broken]) await assert.rejects(read(cut(wrong, 1000)), { kind: 'data_loss' })
  })

  test(`decompressDetected() throws the error of the stream when ${codec} breaks`, { skip }, async () => {
    async function* breaking(): ByteStream {
      yield bytes!.subarray(0, 100)
      throw new GantryError('unavailable', 'CONNECTION_LOST', 'Cannot read: the connection is lost')
    }
    await assert.rejects(read(breaking()), { code: 'CONNECTION_LOST' })
  })

  test(`decompressDetected() lets the stream go when ${codec} is left early`, { skip }, async () => {
    let left = false
    async function* source(): ByteStream {
      try {
        for (;;) yield* cut(bytes!, 1000)
      } finally {
        left = true
      }
    }
    for await (const _ of await decompressDetected(source())) break
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.ok(left)
  })
}

test('decompressDetected() hands on what is not compressed', async () => {
  for (const bytes of [Buffer.alloc(0), Buffer.from('a'), data]) assert.ok((await read(streamOf(bytes))).equals(bytes))
})
