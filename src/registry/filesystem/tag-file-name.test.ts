import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { tagFileName, tagOfFileName } from './tag-file-name.ts'

const tags = fc.stringMatching(/^\w[\w.-]{0,127}$/)

test('tagFileName() is another name for another tag, also where case does not count, and can be turned back', () => {
  fc.assert(
    fc.property(tags, tags, (a, b) => {
      const [first, second] = [tagFileName(a), tagFileName(b)]
      assert.equal(tagOfFileName(first), a)
      assert.equal(first.toLowerCase() === second.toLowerCase(), a === b)
      assert.match(first, /^[a-z0-9_][a-z0-9_.!-]{0,160}$/)
    }),
    { seed: 1 },
  )
  const upper = 'Z'.repeat(128)
  assert.equal(tagOfFileName(tagFileName(upper)), upper)
})

test('tagFileName() leaves small tags alone and numbers the capitals of others', () => {
  assert.equal(tagFileName('v1.0-rc_2'), 'v1.0-rc_2')
  assert.equal(tagFileName('Latest'), 'latest!1')
  assert.equal(tagFileName('aBcD'), 'abcd!a')
})
