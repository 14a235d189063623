import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../lib/errors.ts'
import { digestOf } from '../oci/digest.ts'
import { digestParameter, manifestReference, pageParameters, repositoryName, tagParameter } from './parameters.ts'

test('repositoryName() takes the names of the spec and no others', () => {
  for (const name of ['a', 'a/b/c', 'a.b', 'a_b', 'a__b', 'a---b', '0', 'a'.repeat(255)]) assert.equal(repositoryName(name), name)
  for (const name of [
    '',
    'A',
    'a/',
    '/a',
    'a//b',
    'a..b',
    'a___b',
    '-a',
    'a-',
    '.',
    '..',
    'a/../b',
    'a%2fb',
    'a+b',
    'a b',
    'ä',
    'a\n',
    'a'.repeat(256),
  ])
    assert.throws(() => repositoryName(name), { kind: 'invalid_argument', code: 'NAME_INVALID' }, name)
})

test('manifestReference() tells digests from tags by the colon', () => {
  const digest = digestOf('x')
  for (const text of [digest, encodeURIComponent(digest)]) assert.deepEqual(manifestReference(text), { kind: 'digest', digest })
  assert.deepEqual(manifestReference('latest'), { kind: 'tag', tag: 'latest' })
  assert.throws(() => manifestReference('sha256:abc'), { code: 'DIGEST_INVALID' })
  assert.throws(() => manifestReference(`md5:${'a'.repeat(32)}`), { code: 'DIGEST_UNSUPPORTED' })
})

test('tagParameter() refuses what is no tag', () => {
  for (const tag of ['_', 'a'.repeat(128), 'V1.0-x_y']) assert.equal(tagParameter(tag), tag)
  for (const tag of ['', '.a', '-a', 'a/b', 'a:b', 'a'.repeat(129), 'a\n'])
    assert.throws(() => tagParameter(tag), { code: 'TAG_INVALID' })
})

test('pageParameters() reads n and last', () => {
  assert.deepEqual(pageParameters(new URLSearchParams('')), {})
  assert.deepEqual(pageParameters(new URLSearchParams('n=0&last=')), { limit: 0, last: '' })
  assert.deepEqual(pageParameters(new URLSearchParams('n=12&last=x%2Fy')), { limit: 12, last: 'x/y' })
  for (const n of ['', '-1', '1.5', '1e3', ' 1', '0x1', '1234567890'])
    assert.throws(() => pageParameters(new URLSearchParams({ n })), { kind: 'invalid_argument' })
})

test('parameters of any text are read or refused with invalid_argument', () => {
  const readers = [repositoryName, digestParameter, manifestReference, tagParameter]
  fc.assert(
    fc.property(fc.constantFrom(...readers), fc.string({ unit: 'binary' }), (read, text) => {
      try {
        read(text)
      } catch (error) {
        assert.ok(error instanceof GantryError && error.kind === 'invalid_argument')
      }
    }),
    { seed: 1, numRuns: 500 },
  )
})
