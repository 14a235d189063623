import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../../lib/errors.ts'
import { selectTags } from './select-tags.ts'

const tags = [
  '1',
  '1.9',
  '1.10',
  '1.10.2',
  'v2.0.0',
  '2.1.0-rc1',
  'edge',
  'latest',
  `sha256-${'a'.repeat(64)}`,
  `sha256-${'a'.repeat(64)}.sig`,
]
const all = { allow: [], deny: [] }

test('selectTags() leaves out the tags of referrers, and what globs and expressions do not let through', () => {
  assert.deepEqual(selectTags(tags, all), tags.slice(0, 8))
  assert.deepEqual(selectTags(tags, { allow: ['1.*', '/v\\d.*/'], deny: ['*.2'] }), ['1.9', '1.10', 'v2.0.0'])
  assert.deepEqual(selectTags(tags, { allow: ['?'], deny: [] }), ['1'])
})

test('selectTags() takes versions of a range, and the newest first', () => {
  assert.deepEqual(selectTags(tags, { ...all, range: '>=1.9 <2' }), ['1.9', '1.10', '1.10.2'])
  assert.deepEqual(selectTags(tags, { ...all, newest: 4 }), ['2.1.0-rc1', 'v2.0.0', '1.10.2', '1.10'])
  assert.deepEqual(selectTags(['edge', 'b10', 'b9', '1'], { ...all, newest: 3 }), ['1', 'edge', 'b10'])
  assert.throws(() => selectTags(tags, { ...all, range: 'a b c' }), { code: 'RANGE_INVALID' })
})

test('selectTags() answers some of the tags, or an error of its own', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.string(), { maxLength: 3 }), fc.option(fc.string()), (names, allow, range) => {
      try {
        const found = selectTags(names, { allow, deny: [], newest: 3, ...(range === null ? {} : { range }) })
        assert.ok(found.length <= 3 && found.every((tag) => names.includes(tag)))
      } catch (error) {
        assert.ok(isGantryError(error), String(error))
      }
    }),
  )
})
