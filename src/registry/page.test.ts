import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pageOf } from './page.ts'

test('pageOf() is the names after `last`, as many as asked for', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string()),
      fc.option(fc.nat(10), { nil: undefined }),
      fc.option(fc.string(), { nil: undefined }),
      (names, limit, last) => {
        const sorted = [...names].sort()
        const expected = sorted.filter((name) => last === undefined || name > last).slice(0, limit)
        assert.deepEqual(
          pageOf(sorted, { ...(limit === undefined ? {} : { limit }), ...(last === undefined ? {} : { last }) }),
          expected,
        )
      },
    ),
    { seed: 1 },
  )
})
