import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { createRing, RingReader, RingWriter } from './byte-ring.ts'

const module = new URL('./byte-ring.ts', import.meta.url).href

/** A worker that reads a ring to its end and answers the digest, or what was thrown; it closes the ring after `most` bytes. */
const reader = `
  import { createHash } from 'node:crypto'
  import { parentPort, workerData } from 'node:worker_threads'
  import { RingReader } from '${module}'
  const { ring, limit, most } = workerData
  const reader = new RingReader(ring)
  const hash = createHash('sha256')
  let size = 0
  try {
    while (size < most && reader.next(limit)) {
      hash.update(reader.data.subarray(reader.from, reader.to))
      size += reader.to - reader.from
      reader.release()
    }
    reader.close()
    parentPort.postMessage({ size, digest: hash.digest('hex') })
  } catch (error) {
    parentPort.postMessage({ size, code: error.code })
  }`

const read = (ring: SharedArrayBuffer, limit: number, most = Infinity): Promise<Record<string, unknown>> =>
  new Promise((resolve, reject) => {
    const url = new URL(`data:text/javascript,${encodeURIComponent(reader)}`)
    new Worker(url, { workerData: { ring, limit, most } }).once('message', resolve).once('error', reject)
  })

test('RingWriter and RingReader pass bytes between threads in order', async () => {
  for (const [capacity, limit, chunks] of [
    [16, 5, 400],
    [4096, 4096, 3000],
    [65_536, 1000, 500],
  ] as const) {
    const ring = createRing(capacity)
    const answer = read(ring, limit)
    const writer = new RingWriter(ring)
    const hash = createHash('sha256')
    let size = 0
    for (let i = 0; i < chunks; i++) {
      const chunk = Buffer.alloc((i * 37) % (capacity * 2), i)
      hash.update(chunk)
      size += chunk.length
      assert.equal(await writer.write(chunk), true)
    }
    writer.end()
    assert.deepEqual(await answer, { size, digest: hash.digest('hex') })
  }
})

test('RingReader.next() throws canceled when the writer gave up', async () => {
  const ring = createRing(1024)
  const answer = read(ring, 1024)
  const writer = new RingWriter(ring)
  await writer.write(Buffer.alloc(5000))
  writer.cancel()
  assert.equal((await answer)['code'], 'CANCELED')
})

test('RingWriter.write() answers false once the reader closed', async () => {
  const ring = createRing(1024)
  const answer = read(ring, 1024, 3000)
  const writer = new RingWriter(ring)
  let written = 0
  while (await writer.write(Buffer.alloc(700))) written += 700
  assert.ok(written >= 2000 && written < 6000, String(written))
  await answer
})

test('RingWriter.abandon() lets go of a writer that waits', async () => {
  const writer = new RingWriter(createRing(16))
  const write = writer.write(Buffer.alloc(100))
  setImmediate(() => writer.abandon())
  assert.equal(await write, false)
})

test('RingReader reads in place what RingWriter wrote, whatever the counters stand at', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 50 }), fc.integer(), async (chunks, start) => {
      const ring = createRing(64)
      new Int32Array(ring, 0, 2).fill(start)
      const writer = new RingWriter(ring)
      const reader = new RingReader(ring)
      const seen: number[] = []
      for (const chunk of chunks) {
        await writer.write(chunk)
        if (chunk.length === 0) continue
        for (let rest = chunk.length; rest > 0;) {
          assert.equal(reader.next(10), true)
          seen.push(...reader.data.subarray(reader.from, reader.to))
          rest -= reader.to - reader.from
          reader.release()
        }
      }
      writer.end()
      assert.equal(reader.next(10), false)
      assert.deepEqual(Buffer.from(seen), Buffer.concat(chunks))
    }),
    { numRuns: 100, seed: 3 },
  )
})
