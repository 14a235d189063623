import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatContentRange, formatRange, formatUploadRange, parseContentRange, parseRange, parseUploadRange } from './range.ts'

test('parseRange() answers the span when one satisfiable range is asked', () => {
  const part = (start: number, end: number) => ({ kind: 'part', start, end })
  const cases: readonly (readonly [string | undefined, object])[] = [
    ['bytes=0-0', part(0, 1)],
    ['bytes=5-', part(5, 10)],
    ['bytes=-3', part(7, 10)],
    ['bytes=-99', part(0, 10)],
    ['Bytes = 2 - 99999999999999999999', part(2, 10)],
    ['bytes=10-', { kind: 'unsatisfiable' }],
    ['bytes=10-12', { kind: 'unsatisfiable' }],
    ['bytes=-0', { kind: 'unsatisfiable' }],
    [undefined, { kind: 'whole' }],
    ['', { kind: 'whole' }],
    ['bytes=-', { kind: 'whole' }],
    ['bytes=5-2', { kind: 'whole' }],
    ['bytes=0-1,4-5', { kind: 'whole' }],
    ['items=0-1', { kind: 'whole' }],
    ['bytes=0x1-2', { kind: 'whole' }],
  ]
  for (const [header, expected] of cases) assert.deepEqual(parseRange(header, 10), expected, header)
  assert.deepEqual(parseRange('bytes=0-', 0), { kind: 'unsatisfiable' })
})

const span = fc
  .tuple(fc.nat(2 ** 40), fc.integer({ min: 1, max: 2 ** 40 }))
  .map(([start, length]) => ({ start, end: start + length }))

test('the parsers read back what the formatters wrote', () => {
  fc.assert(
    fc.property(span, fc.nat(1000), ({ start, end }, more) => {
      assert.deepEqual(parseRange(formatRange({ start, end }), end + more), { kind: 'part', start, end })
      assert.deepEqual(parseContentRange(formatContentRange({ start, end }, end + more)), { start, end, size: end + more })
      assert.deepEqual(parseUploadRange(formatUploadRange({ start, end })), { start, end })
    }),
  )
  assert.equal(formatContentRange(undefined, 7), 'bytes */7')
  assert.equal(formatUploadRange({ start: 0, end: 0 }), '0-0')
})

test('parseContentRange() and parseUploadRange() answer undefined when the header is hostile', () => {
  const hostile = [
    '',
    'bytes',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes 0-99999999999999999999/*',
    'bytes -1-5/10',
    'bytes */10',
    '0-1/2',
    '1e3-2e3',
  ]
  for (const header of [undefined, ...hostile]) assert.equal(parseContentRange(header), undefined, header)
  for (const header of [undefined, '', '5', '5-', '-5', '9-5', '0-99999999999999999999', 'lines=0-4', '0-1,4-5'])
    assert.equal(parseUploadRange(header), undefined, header)
  assert.deepEqual(parseContentRange('bytes 0-4/*'), { start: 0, end: 5 })
  assert.deepEqual(parseUploadRange('bytes=0-4'), { start: 0, end: 5 })
  fc.assert(fc.property(fc.string(), (text) => void [parseRange(text, 5), parseContentRange(text), parseUploadRange(text)]))
})
