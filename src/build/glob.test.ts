import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../lib/errors.ts'
import { hasWildcard, matchGlob, matchGlobPrefix, parseGlob } from './glob.ts'

const match = (pattern: string, name: string): boolean => matchGlob(parseGlob(pattern, false), name)

const table: readonly (readonly [string, string, boolean])[] = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*', '', true],
  ['*', '.hidden', true],
  ['*', 'a/b', false],
  ['*c', 'abc', true],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['**', 'a/b', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[^c]', 'abc', false],
  ['ab[^b-d]', 'abe', true],
  ['a[[]b', 'a[b', true],
  ['[a-zé-ï]', 'ê', true],
  ['a?b', 'a☺b', true],
  ['a?b', 'a/b', false],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['[\\]a]', ']', true],
  ['[\\-]', '-', true],
  ['[x\\-]', 'z', false],
]

for (const [pattern, name, expected] of table)
  test(`matchGlob() answers ${expected} for ${JSON.stringify(pattern)} and ${JSON.stringify(name)}`, () => {
    assert.equal(match(pattern, name), expected)
  })

for (const pattern of ['[', '[]', '[]a]', '[^]', '[a', '[a-', '[a-]', '[-a]', '[x-]', 'a\\', '[\\', '[a-\\'])
  test(`parseGlob() refuses ${JSON.stringify(pattern)}`, () => {
    assert.throws(() => parseGlob(pattern, false), { code: 'PATTERN_INVALID' })
  })

test('matchGlob() agrees with a regular expression', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?'), maxLength: 7 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 9 })
  fc.assert(
    fc.property(pattern, text, (pattern, text) => {
      const regex = pattern.replaceAll(/\*+/g, '[^/]*').replaceAll('?', '[^/]')
      assert.equal(match(pattern, text), new RegExp(`^${regex}$`).test(text))
    }),
    { numRuns: 3000, seed: 1 },
  )
})

test('matchGlobPrefix() is true for every beginning of what matches', () => {
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '/', '*', '?', '**'), maxLength: 6 })
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 })
  fc.assert(
    fc.property(pattern, text, fc.nat(8), (pattern, text, length) => {
      const tokens = parseGlob(pattern, true)
      fc.pre(matchGlob(tokens, text))
      assert.ok(matchGlobPrefix(tokens, text.slice(0, length)))
    }),
    { numRuns: 2000, seed: 2 },
  )
})

test('parseGlob() throws nothing but a GantryError for random patterns', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', '-', '[', ']', '^', '\\', '*', '?', '/'), maxLength: 12 }),
      fc.boolean(),
      (pattern, deep) => {
        try {
          matchGlob(parseGlob(pattern, deep), 'a/a-b]')
        } catch (error) {
          assert.ok(error instanceof GantryError, String(error))
        }
      },
    ),
    { numRuns: 3000, seed: 3 },
  )
})

test('hasWildcard() looks past escapes', () => {
  assert.deepEqual(['a*', 'a?', '[a]', 'a\\*', 'a\\\\*', 'a'].map(hasWildcard), [true, true, true, false, true, false])
})
