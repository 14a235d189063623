import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { csvFields } from './csv-fields.ts'
import { isGantryError } from './errors.ts'

test('csvFields() reads fields as Go does', () => {
  const good: readonly (readonly [string, readonly string[]])[] = [
    ['', ['']],
    ['a', ['a']],
    ['a,b=c,', ['a', 'b=c', '']],
    [' a , b', [' a ', ' b']],
    ['"a,b",c', ['a,b', 'c']],
    ['x,"say ""yes"""', ['x', 'say "yes"']],
    ['""', ['']],
    [',,', ['', '', '']],
    ["'a,b'", ["'a", "b'"]],
  ]
  for (const [line, fields] of good) assert.deepEqual(csvFields(line), fields, line)
  for (const line of ['a"b', '"a', '"a"b', 'x,"', 'a,b"'])
    assert.throws(() => csvFields(line), { code: 'CSV_INVALID', message: /^parse error on line 1, column \d+: / })
})

test('csvFields() gives back what was quoted, and refuses the rest in no other way', () => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', ' ', '=', '\n') })
  fc.assert(
    fc.property(fc.array(field, { minLength: 1 }), (fields) => {
      const line = fields.map((one) => `"${one.replaceAll('"', '""')}"`).join(',')
      assert.deepEqual(csvFields(line), fields)
    }),
    { numRuns: 500, seed: 1 },
  )
  fc.assert(
    fc.property(field, (line) => {
      try {
        assert.ok(csvFields(line).length > 0)
      } catch (error) {
        assert.ok(isGantryError(error, 'invalid_argument'))
      }
    }),
    { numRuns: 2000, seed: 2 },
  )
})
