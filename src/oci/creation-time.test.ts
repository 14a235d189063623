import assert from 'node:assert/strict'
import { test } from 'node:test'
import { creationTime } from './creation-time.ts'

test('creationTime() knows a time from what reproducible builders write in its place', () => {
  assert.equal(creationTime('2024-01-02T03:04:05Z'), Date.UTC(2024, 0, 2, 3, 4, 5))
  assert.equal(creationTime('2024-01-02T03:04:05.123456789+02:00'), Date.UTC(2024, 0, 2, 1, 4, 5, 123))
  for (const pretence of ['0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '1980-01-01T00:00:01Z', 'never', '', undefined])
    assert.equal(creationTime(pretence), undefined, pretence)
})
