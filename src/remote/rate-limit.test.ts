import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDuration } from '../lib/duration.ts'
import { describeLimit, isRunningOut, parseRateLimit } from './rate-limit.ts'

const headers = (limit?: string, remaining?: string): { readonly header: (name: string) => string | undefined } => ({
  header: (name) => (name === 'ratelimit-limit' ? limit : name === 'ratelimit-remaining' ? remaining : undefined),
})

test('parseRateLimit() reads the limit of Docker Hub and of others, and nothing else', () => {
  const six = 21_600_000
  const cases: readonly (readonly [string | undefined, string | undefined, object | undefined])[] = [
    ['100;w=21600', '76;w=21600', { limit: 100, remaining: 76, window: six }],
    [' 100 ; w = 21600 ', '0', { limit: 100, remaining: 0, window: six }],
    ['100', '5;w=21600', { limit: 100, remaining: 5, window: six }],
    ['100', '5', { limit: 100, remaining: 5 }],
    ['10, 10;w=1, 50;w=60', '9', { limit: 10, remaining: 9 }],
    ['100;w=0', '5', { limit: 100, remaining: 5 }],
    ['0', '0', undefined],
    ['100', undefined, undefined],
    [undefined, '5', undefined],
    ['-1', '5', undefined],
    ['many', '5', undefined],
    ['99999999999999', '5', undefined],
  ]
  for (const [limit, remaining, expected] of cases) assert.deepEqual(parseRateLimit(headers(limit, remaining)), expected, limit)
  fc.assert(fc.property(fc.string(), fc.string(), (limit, remaining) => void parseRateLimit(headers(limit, remaining))))
})

test('isRunningOut() and describeLimit() say it when a tenth is left', () => {
  assert.deepEqual(
    [11, 10, 0].map((remaining) => isRunningOut({ limit: 100, remaining })),
    [false, true, true],
  )
  assert.equal(describeLimit({ limit: 1, remaining: 0 }), '1 pull')
  assert.equal(describeLimit({ limit: 200, remaining: 0, window: 21_600_000 }), '200 pulls in 6 hours')
})

test('formatDuration() rounds up to one unit', () => {
  const cases: readonly (readonly [number, string])[] = [
    [0, '1 second'],
    [1500, '2 seconds'],
    [60_000, '1 minute'],
    [61_000, '2 minutes'],
    [7_200_000, '2 hours'],
    [90_000_000, '2 days'],
  ]
  for (const [milliseconds, text] of cases) assert.equal(formatDuration(milliseconds), text)
})
