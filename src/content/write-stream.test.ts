import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ByteStream } from '../lib/bytes.ts'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { chunksOf, randomBytes } from '../testing/random-image.ts'
import { readFileStream } from './file-stream.ts'
import { drain } from './verify.ts'
import { writeNewFile, writeStream } from './write-stream.ts'

const mebibyte = 1 << 20

test('writeStream() writes all bytes behind those that are there, however they are cut', async () => {
  await using folder = await temporaryFolder()
  const sizes = fc.constantFrom(1, 999, 65_536, mebibyte - 1, mebibyte, mebibyte + 1, 3 * mebibyte)
  await fc.assert(
    fc.asyncProperty(fc.array(sizes, { maxLength: 4 }), fc.nat(10), async (chunks, start) => {
      const path = join(folder.path, 'file')
      const bytes = randomBytes(
        chunks.length,
        chunks.reduce((sum, size) => sum + size, 0),
      )
      async function* stream(): ByteStream {
        // one buffer for all chunks: it must have been taken from it before the next is asked for
        const shared = Buffer.alloc(3 * mebibyte)
        for (let at = 0, index = 0; index < chunks.length; index++) {
          const size = chunks[index]!
          bytes.copy(shared, 0, at, at + size)
          yield shared.subarray(0, size)
          at += size
        }
      }
      const handle = await open(path, 'w+')
      try {
        await handle.write(Buffer.alloc(start, 'x'))
        assert.equal(await writeStream(handle, stream(), start), bytes.length)
      } finally {
        await handle.close()
      }
      assert.ok((await readFile(path)).equals(Buffer.concat([Buffer.alloc(start, 'x'), bytes])))
    }),
    { numRuns: 20, seed: 1 },
  )
})

test(
  'writeStream() is resource_exhausted when the disk is full',
  { skip: existsSync('/dev/full') ? false : 'there is no /dev/full' },
  async () => {
    const handle = await open('/dev/full', 'w')
    try {
      const stream = chunksOf(randomBytes(1, 5 * mebibyte), 65_536)
      await assert.rejects(writeStream(handle, stream, 0), { kind: 'resource_exhausted', code: 'DISK_FULL' })
    } finally {
      await handle.close()
    }
  },
)

test('writeNewFile() leaves nothing after an error, and a file that may not be written else', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'file')
  async function* breaking(): ByteStream {
    yield Buffer.alloc(2 * mebibyte)
    throw new Error('broken')
  }
  await assert.rejects(writeNewFile(path, breaking()), /broken/)
  assert.deepEqual(readdirSync(folder.path), [])
  assert.equal(await writeNewFile(path, chunksOf(Buffer.alloc(10), 3)), 10)
  assert.equal((await stat(path)).mode & 0o777, 0o444)
})

test('readFileStream() reads to the end of the file when the range goes beyond it', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'file')
  await writeNewFile(path, chunksOf(Buffer.from('abcdef'), 2))
  const text = async (start: number, end: number): Promise<string> =>
    Buffer.concat(await Array.fromAsync(readFileStream(path, start, end))).toString()
  assert.deepEqual([await text(2, 4), await text(4, 100), await text(3, 3), await text(9, 12)], ['cd', 'ef', '', ''])
  await assert.rejects(drain(readFileStream(path, 0, 6, { signal: AbortSignal.abort() })), { kind: 'canceled' })
})
