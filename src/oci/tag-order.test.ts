import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isReferrersTag, newestFirst } from './tag-order.ts'

const ordered = (text: string): void => {
  const tags = text.split(' ')
  assert.deepEqual(newestFirst(tags.toReversed()), tags)
  assert.deepEqual(newestFirst(tags.toSorted()), tags)
}

test('newestFirst() orders versions by their numbers, the newest first', () => {
  ordered('1.10 1.9 1.2 1.0')
  ordered('v2.0.0 v1.11.3 v1.2.0')
  ordered('3.20.1 3.20.0 3.20 3.19.4 3.19 3')
  ordered('2024.10.1 2024.9.30 18 9')
  ordered('1.2.3.10 1.2.3.9 1.2.3')
})

test('newestFirst() puts latest and plain versions before variants, and words, dates and hashes last', () => {
  ordered('latest 3.20 3.19 3.20-alpine 3.20-slim 3.19-alpine edge bookworm')
  ordered('22 20 22-bookworm-slim 20-alpine3.20 lts 20241001 20240807 3f1c2ab')
})

test('newestFirst() puts a pre-release before the release that it led to', () => {
  ordered('2.0.0 2.0.0-rc10 2.0.0-rc2 2.0.0-beta.1 1.9.9')
  ordered('3.14rc1 3.13 3.14-rc1-alpine 3.13-alpine')
})

test('newestFirst() is a total order that loses nothing, whatever the tags are', () => {
  const tag = fc.oneof(
    fc.stringMatching(/^\w[\w.-]{0,20}$/),
    fc.stringMatching(/^v?\d{1,16}(\.\d{1,3}){0,4}(-(rc|alpine|beta)\d{0,3})?$/),
  )
  fc.assert(
    fc.property(fc.uniqueArray(tag, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (tags, numbers) => {
      const shuffled = tags
        .map((one) => [numbers.next().value as number, one] as const)
        .toSorted(([a], [b]) => a - b)
        .map(([, one]) => one)
      assert.deepEqual(newestFirst(shuffled), newestFirst(tags))
      assert.deepEqual(newestFirst(tags).toSorted(), tags.toSorted())
    }),
  )
})

test('isReferrersTag() knows the tags of referrers and of cosign', () => {
  const digest = `sha256-${'0a'.repeat(32)}`
  for (const tag of [digest, `${digest}.sig`, `${digest}.att`, `${digest}.sbom`]) assert.ok(isReferrersTag(tag), tag)
  for (const tag of ['latest', 'sha256-0a', `x${digest}`, `${digest}-slim`]) assert.ok(!isReferrersTag(tag), tag)
})
