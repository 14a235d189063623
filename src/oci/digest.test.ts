import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../lib/errors.ts'
import { createDigester, digestAlgorithm, digestHex, digestOf, isDigest, parseDigest } from './digest.ts'

const emptySha256 = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const emptySha512 =
  'sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e'

describe('digestOf()', () => {
  test('answers the published digests of no bytes', () => {
    assert.equal(digestOf(''), emptySha256)
    assert.equal(digestOf(new Uint8Array(), 'sha512'), emptySha512)
  })
})

describe('createDigester()', () => {
  test('equals digestOf() however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), fc.constantFrom('sha256' as const, 'sha512' as const), (chunks, algorithm) => {
        const digester = createDigester(algorithm)
        for (const chunk of chunks) digester.update(chunk)
        assert.equal(digester.digest(), digestOf(Buffer.concat(chunks), algorithm))
      }),
      { seed: 3 },
    )
  })
})

const wrong: readonly (readonly [text: string, code: string, reason: string])[] = [
  ['', 'DIGEST_INVALID', 'invalid checksum digest format'],
  ['abc', 'DIGEST_INVALID', 'invalid checksum digest format'],
  [':abc', 'DIGEST_INVALID', 'invalid checksum digest format'],
  ['sha256:', 'DIGEST_INVALID', 'invalid checksum digest format'],
  ['SHA256:' + 'a'.repeat(64), 'DIGEST_INVALID', 'invalid checksum digest format'],
  ['md5:a b', 'DIGEST_INVALID', 'invalid checksum digest format'],
  ['sha256:' + 'A'.repeat(64), 'DIGEST_INVALID', 'invalid checksum digest format'],
  ['sha256:' + 'a'.repeat(63) + '\n', 'DIGEST_INVALID', 'invalid checksum digest format'],
  ['sha256:' + 'a'.repeat(63), 'DIGEST_INVALID', 'invalid checksum digest length'],
  ['sha256:' + 'a'.repeat(64) + '\n', 'DIGEST_INVALID', 'invalid checksum digest length'],
  ['sha512:' + 'a'.repeat(64), 'DIGEST_INVALID', 'invalid checksum digest length'],
  ['md5:d41d8cd98f00b204e9800998ecf8427e', 'DIGEST_UNSUPPORTED', 'unsupported digest algorithm'],
  ['sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564', 'DIGEST_UNSUPPORTED', 'unsupported digest algorithm'],
  ['constructor:' + 'a'.repeat(64), 'DIGEST_UNSUPPORTED', 'unsupported digest algorithm'],
]

describe('parseDigest()', () => {
  test('takes apart what isDigest() accepts', () => {
    for (const text of [emptySha256, emptySha512]) {
      const digest = parseDigest(text)
      assert.equal(`${digestAlgorithm(digest)}:${digestHex(digest)}`, text)
    }
  })

  for (const [text, code, reason] of wrong)
    test(`refuses ${JSON.stringify(text.slice(0, 30))} of ${text.length} characters`, () => {
      assert.equal(isDigest(text), false)
      assert.throws(() => parseDigest(text), {
        name: 'GantryError',
        kind: 'invalid_argument',
        code,
        message: `Cannot parse digest ${JSON.stringify(text)}: ${reason}`,
      })
    })

  test('throws nothing but invalid_argument for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: 'grapheme' })),
        fc.constantFrom('', 'sha256:', 'sha512:'),
        (text, prefix) => {
          assert.throws(() => parseDigest(prefix + text), GantryError)
        },
      ),
      { seed: 4 },
    )
  })
})
