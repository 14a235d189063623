import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collect, streamOf } from '../lib/bytes.ts'
import { digestOf } from '../oci/digest.ts'
import { describe as describeBytes } from '../oci/manifest.ts'
import { drain, isVerified, keepVerified, verified, verifyBytes } from './verify.ts'

const type = 'text/plain'

test('verified() hands on the bytes when they are right, however they are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 50 })),
      fc.constantFrom('sha256', 'sha512'),
      async (chunks, algorithm) => {
        const whole = Buffer.concat(chunks)
        const descriptor = { mediaType: type, digest: digestOf(whole, algorithm), size: whole.length }
        assert.ok((await collect(verified(streamOf(...chunks), descriptor), 10_000)).equals(whole))
      },
    ),
  )
})

const right = Buffer.from('hello')
const wrong = [
  ['another digest', Buffer.from('hallo'), 'DIGEST_MISMATCH'],
  ['too few bytes', Buffer.from('hell'), 'SIZE_MISMATCH'],
  ['too many bytes', Buffer.from('hello!'), 'SIZE_MISMATCH'],
  ['no bytes', Buffer.alloc(0), 'SIZE_MISMATCH'],
] as const
for (const [what, bytes, code] of wrong)
  test(`verified() throws data_loss ${code} when there are ${what}`, async () => {
    const descriptor = describeBytes(right, type)
    await assert.rejects(drain(verified(streamOf(bytes), descriptor)), { kind: 'data_loss', code })
    assert.throws(() => verifyBytes(bytes, descriptor), { kind: 'data_loss', code })
  })

test('verified() stops as soon as there are too many bytes', async () => {
  let asked = 0
  async function* endless() {
    for (;;) {
      asked++
      yield Buffer.alloc(3)
    }
  }
  await assert.rejects(drain(verified(endless(), describeBytes(right, type))), { code: 'SIZE_MISMATCH' })
  assert.equal(asked, 2)
})

test('verified() answers the same stream when it is verified against the same descriptor', () => {
  const descriptor = describeBytes(right, type)
  const stream = verified(streamOf(right), descriptor)
  assert.equal(verified(stream, descriptor), stream)
  assert.notEqual(verified(stream, { ...descriptor, size: 6 }), stream)
  assert.ok(isVerified(keepVerified(stream, streamOf()), descriptor))
  assert.ok(!isVerified(keepVerified(streamOf(right), streamOf()), descriptor))
})
