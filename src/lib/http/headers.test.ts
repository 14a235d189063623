import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isLoopbackHost } from './host.ts'
import { redactUrl } from './redact.ts'
import { parseRetryAfter } from './retry-after.ts'
import { parseWarnings } from './warning.ts'

test('parseRetryAfter() reads seconds and dates, and nothing else', () => {
  const now = Date.parse('2026-01-02T03:04:05Z')
  const cases: readonly (readonly [string | undefined, number | undefined])[] = [
    ['0', 0],
    [' 120 ', 120_000],
    ['Fri, 02 Jan 2026 03:04:15 GMT', 10_000],
    ['Friday, 02-Jan-26 03:04:15 GMT', 10_000],
    ['Thu, 01 Jan 2026 00:00:00 GMT', 0],
    ['99999999999999999999', 365 * 86_400_000],
    ['-1', undefined],
    ['1.5', undefined],
    ['soon', undefined],
    ['2026', 2_026_000],
    ['', undefined],
    [undefined, undefined],
  ]
  for (const [header, expected] of cases) assert.equal(parseRetryAfter(header, now), expected, header)
  fc.assert(
    fc.property(fc.string(), (text) => {
      const wait = parseRetryAfter(text, now)
      assert.ok(wait === undefined || wait >= 0)
    }),
  )
})

test('parseWarnings() gives the texts for users, safe for a terminal', () => {
  const cases: readonly (readonly [string | undefined, readonly string[]])[] = [
    ['299 - "this registry is going away"', ['this registry is going away']],
    ['299 - "a, \\"b\\"", 110 host:80 "stale", 299 x "c" "Wed, 21 Oct 2015 07:28:00 GMT"', ['a, "b"', 'c']],
    ['299 - "red \u001B[31m\r\nline"', ['red  [31m line']],
    ['299 - "open', []],
    ['299 - ""', []],
    ['nonsense', []],
    [undefined, []],
  ]
  for (const [header, expected] of cases) assert.deepEqual(parseWarnings(header), expected)
  assert.equal(parseWarnings(`299 - "${'x'.repeat(5000)}"`)[0]?.length, 1000)
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('299', ' ', '-', '"', '\\', ',', 'a'), maxLength: 50 }),
      (text) => void parseWarnings(text),
    ),
  )
  for (const part of ['299 - "a",', '299 - "', '\\"', '299 ']) parseWarnings(part.repeat(20_000))
})

test('redactUrl() leaves out user, password, query and fragment', () => {
  assert.equal(redactUrl('https://user:secret@host:5/a/b?token=secret#secret'), 'https://host:5/a/b')
  assert.equal(redactUrl('secret'), 'an invalid URL')
})

test('isLoopbackHost() knows the names of this machine and no others', () => {
  for (const host of ['localhost', 'LOCALHOST', 'x.localhost', '127.0.0.1', '127.255.3.4', '[::1]', '::1'])
    assert.ok(isLoopbackHost(host), host)
  for (const host of ['127.0.0.1.example', 'localhost.example', '128.0.0.1', '::2', '0.0.0.0', '127.example', ''])
    assert.ok(!isLoopbackHost(host), host)
})
