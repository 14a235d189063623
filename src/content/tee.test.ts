import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { collect, streamOf, type ByteStream } from '../lib/bytes.ts'
import { describe as describeBytes } from '../oci/manifest.ts'
import { teeStream } from './tee.ts'
import { isVerified, verified } from './verify.ts'

const text = async (stream: ByteStream): Promise<string> => (await collect(stream, 1000)).toString()
const letters = (): ByteStream => streamOf(...['a', 'b', 'c'].map((letter) => Buffer.from(letter)))

test('teeStream() gives every branch all chunks', async () => {
  assert.deepEqual(await Promise.all(teeStream(letters(), 3).map(text)), ['abc', 'abc', 'abc'])
})

test('teeStream() asks for the next chunk when every branch has asked', async () => {
  let given = 0
  async function* counted(): ByteStream {
    for (;;) {
      given++
      yield Buffer.from('x')
    }
  }
  const [fast, slow] = teeStream(counted(), 2).map((branch) => branch[Symbol.asyncIterator]())
  const first = fast!.next()
  await turn()
  assert.equal(given, 0)
  await Promise.all([slow!.next(), first])
  const second = fast!.next()
  await turn()
  assert.equal(given, 1)
  await slow!.return?.()
  await second
  assert.equal(given, 2)
  await fast!.return?.()
})

test('teeStream() lets the source go when every branch has been left, read or not', async () => {
  let left = false
  async function* source(): ByteStream {
    try {
      yield Buffer.from('a')
      yield Buffer.from('b')
    } finally {
      left = true
    }
  }
  const [one, two] = teeStream(source(), 2)
  const early = two![Symbol.asyncIterator]().return?.()
  for await (const _ of one!) break
  await early
  assert.ok(left)
})

test('teeStream() throws the error of the source in every branch', async () => {
  async function* broken(): ByteStream {
    yield Buffer.from('a')
    throw new Error('broken')
  }
  const results = await Promise.allSettled(teeStream(broken(), 2).map(text))
  for (const result of results) assert.ok(result.status === 'rejected' && /broken/.test(String(result.reason)))
})

test('teeStream() keeps the promise of a verified stream', () => {
  const descriptor = describeBytes(Buffer.from('abc'), 'text/plain')
  for (const branch of teeStream(verified(letters(), descriptor), 2)) assert.ok(isVerified(branch, descriptor))
})
