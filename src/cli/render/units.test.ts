import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { bytesSize, ellipsis, formatG, humanDuration, humanSize, quoteCommand, shortId } from './units.ts'

describe('humanSize()', () => {
  const cases: readonly (readonly [bytes: number, three: string, four: string])[] = [
    [0, '0B', '0B'],
    [1, '1B', '1B'],
    [999, '999B', '999B'],
    [1000, '1kB', '1kB'],
    [1024, '1.02kB', '1.024kB'],
    [4_270_000, '4.27MB', '4.27MB'],
    [1_236_000, '1.24MB', '1.236MB'],
    [123_456_789, '123MB', '123.5MB'],
    // The rounding of C's %g shows where it reaches the next power.
    [999_900, '1e+03kB', '999.9kB'],
    [999_999, '1e+03kB', '1000kB'],
    [1e9, '1GB', '1GB'],
    [3.42e12, '3.42TB', '3.42TB'],
    [1e15, '1PB', '1PB'],
    [1e27, '1e+03YB', '1000YB'],
  ]
  for (const [bytes, three, four] of cases)
    test(`of ${bytes} bytes`, () => {
      assert.equal(humanSize(bytes), three)
      assert.equal(humanSize(bytes, 4), four)
    })
})

test('bytesSize() counts in powers of 1024', () => {
  assert.equal(bytesSize(1024), '1KiB')
  assert.equal(bytesSize(1536 * 1024), '1.5MiB')
  assert.equal(bytesSize(1023), '1023B')
  assert.equal(bytesSize(123_456_789), '117.7MiB')
})

test('formatG() writes significant digits as %g does', () => {
  const cases: readonly (readonly [value: number, digits: number, text: string])[] = [
    [100, 4, '100'],
    [0.0001, 3, '0.0001'],
    [0.00001234, 3, '1.23e-05'],
    [1234567, 3, '1.23e+06'],
    [1e100, 2, '1e+100'],
    [-1234, 4, '-1234'],
    [0, 3, '0'],
  ]
  for (const [value, digits, text] of cases) assert.equal(formatG(value, digits), text)
})

describe('humanDuration()', () => {
  const second = 1000
  const minute = 60 * second
  const hour = 60 * minute
  const day = 24 * hour
  const cases: readonly (readonly [milliseconds: number, text: string])[] = [
    [0, 'Less than a second'],
    [-5 * minute, 'Less than a second'],
    [999, 'Less than a second'],
    [second, '1 second'],
    [1999, '1 second'],
    [2 * second, '2 seconds'],
    [59_999, '59 seconds'],
    [minute, 'About a minute'],
    [119_999, 'About a minute'],
    [2 * minute, '2 minutes'],
    [hour - 1, '59 minutes'],
    [hour, 'About an hour'],
    [1.5 * hour - 1, 'About an hour'],
    [1.5 * hour, '2 hours'],
    [47.4 * hour, '47 hours'],
    [47.5 * hour, '2 days'],
    [13 * day, '13 days'],
    [14 * day - hour, '13 days'],
    [14 * day, '2 weeks'],
    [59 * day, '8 weeks'],
    [60 * day, '2 months'],
    [364 * day, '12 months'],
    [2 * 365 * day - hour, '24 months'],
    [2 * 365 * day, '2 years'],
    [10 * 365 * day, '10 years'],
  ]
  for (const [milliseconds, text] of cases)
    test(`of ${milliseconds} ms is ${text}`, () => assert.equal(humanDuration(milliseconds), text))
})

test('shortId() takes 12 digits, with or without an algorithm', () => {
  assert.equal(shortId(`sha256:${'ab'.repeat(32)}`), 'abababababab')
  assert.equal(shortId('cd'.repeat(32)), 'cdcdcdcdcdcd')
  assert.equal(shortId('short'), 'short')
})

test('ellipsis() cuts to columns', () => {
  assert.equal(ellipsis('hello', 5), 'hello')
  assert.equal(ellipsis('hello', 4), 'hel…')
  assert.equal(ellipsis('hello', 1), 'h')
  assert.equal(ellipsis('hello', 0), '')
  assert.equal(ellipsis('', 1), '')
  assert.equal(ellipsis('日本語', 6), '日本語')
  assert.equal(ellipsis('日本語', 5), '日本…')
  assert.equal(ellipsis('日本語', 4), '日…')
})

test('quoteCommand() joins words as ps does', () => {
  assert.equal(quoteCommand(['nginx']), '"nginx"')
  assert.equal(quoteCommand(['/docker-entrypoint.sh', 'nginx', '-g', 'daemon off;']), '"/docker-entrypoint.…"')
  assert.equal(quoteCommand(['/e', 'a b', 'c'], true), '"/e \'a b\' c"')
  assert.equal(quoteCommand(['sh', '-c', 'echo "x"\n'], true), String.raw`"sh -c 'echo \"x\"\n'"`)
  assert.equal(quoteCommand([]), '""')
})

test('humanSize() never has more than its digits', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => assert.match(humanSize(bytes), /^(?:\d{1,3}|\d\.\d{1,2}|\d\d\.\d|1e\+03)[kMGTP]?B$/)),
    { seed: 30 },
  )
})
