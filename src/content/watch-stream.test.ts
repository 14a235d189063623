import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GantryError } from '../lib/errors.ts'
import { streamOf, type ByteStream } from '../lib/bytes.ts'
import { drain } from './verify.ts'
import { watchStream } from './watch-stream.ts'

test('watchStream() reports bytes and the end', async () => {
  const seen: (number | string)[] = []
  const stream = streamOf(Buffer.alloc(3), Buffer.alloc(4))
  await drain(watchStream(stream, { onProgress: (bytes) => seen.push(bytes), onEnd: () => seen.push('end') }))
  assert.deepEqual(seen, [3, 7, 'end'])
})

test('watchStream() ends with the reason of the signal when the stream hangs', async () => {
  const abort = new AbortController()
  async function* hanging(): ByteStream {
    yield Buffer.alloc(1)
    abort.abort(new GantryError('canceled', 'ENOUGH', 'Canceled'))
    await new Promise(() => undefined)
  }
  const seen: string[] = []
  const stream = watchStream(hanging(), { signal: abort.signal, onEnd: () => seen.push('end') })
  await assert.rejects(drain(stream), { code: 'ENOUGH' })
  assert.deepEqual(seen, [])
})

test('watchStream() reads nothing when the signal is aborted before', async () => {
  await assert.rejects(drain(watchStream(streamOf(Buffer.alloc(1)), { signal: AbortSignal.abort() })), { kind: 'canceled' })
})
