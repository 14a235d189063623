import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { removePrefix, removeSuffix, replacePattern } from './shell-pattern.ts'

/** What the rules say, as a regular expression: slow for hostile patterns, right for short ones. */
const regexOf = (pattern: string, longest: boolean): string =>
  Array.from(pattern, (one) => (one === '*' ? (longest ? '.*' : '.*?') : one === '?' ? '.' : one.replace(/[^a-z]/, '\\$&'))).join(
    '',
  )

const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '.', '\n'), maxLength: 10 })
const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), maxLength: 6 })

test('removePrefix() removes what a regular expression of the pattern matches', () => {
  fc.assert(
    fc.property(text, pattern, fc.boolean(), (text, pattern, longest) => {
      assert.equal(removePrefix(pattern, text, longest), text.replace(new RegExp(`^${regexOf(pattern, longest)}`), ''))
    }),
    { numRuns: 3000, seed: 1 },
  )
})

test('removeSuffix() removes the mirror image of a prefix', () => {
  const mirror = (value: string): string => Array.from(value).reverse().join('')
  fc.assert(
    fc.property(text, pattern, fc.boolean(), (text, pattern, longest) => {
      assert.equal(removeSuffix(pattern, text, longest), mirror(removePrefix(mirror(pattern), mirror(text), longest)))
    }),
    { numRuns: 1000, seed: 2 },
  )
})

test('replacePattern() replaces what a regular expression of the pattern matches', () => {
  const filled = pattern.filter((value) => value.replace(/\*/g, '') !== '')
  fc.assert(
    fc.property(text, filled, fc.boolean(), (text, pattern, all) => {
      const expected = text.replace(new RegExp(regexOf(pattern, true), all ? 'g' : ''), 'X')
      assert.equal(replacePattern(pattern, text, 'X', all), expected)
    }),
    { numRuns: 3000, seed: 3 },
  )
})

test('replacePattern() takes characters outside the first plane as one', () => {
  assert.equal(replacePattern('?', '😀b', 'X', false), 'Xb')
  assert.equal(removeSuffix('?', 'b😀', false), 'b')
})
