import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createImage } from '../../content/mutate.ts'
import { isGantryError } from '../../lib/errors.ts'
import { parseUntil } from '../until.ts'
import { TestEngine } from '../test-engine.ts'
import { filterImages } from './filter.ts'
import { listImages } from './list.ts'
import { nameImage } from './names.ts'
import { untagImage } from './untag.ts'

/** Images without layers, made on the given days of 2024, with labels. */
const images = [
  { names: ['docker.io/library/alpine:3', 'docker.io/library/alpine:latest'], day: 1, labels: { team: 'a', tier: 'base' } },
  { names: ['localhost:5000/team/app:1'], day: 2, labels: { team: 'b' } },
  { names: [], day: 3, labels: {} },
  { names: ['docker.io/library/old:1'], day: undefined, labels: { team: '' } },
] as const

const start = async (): Promise<TestEngine> => {
  const test = await TestEngine.start()
  const store = await test.engine.content()
  for (const { names, day, labels } of images) {
    const target = await createImage(store, {
      config: {
        os: 'linux',
        architecture: 'amd64',
        created: day === undefined ? '1970-01-01T00:00:00Z' : `2024-01-0${day}T00:00:00Z`,
        config: { Labels: labels },
        rootfs: { type: 'layers', diff_ids: [] },
      },
      layers: [],
    })
    for (const name of names.length === 0 ? [target.digest] : names) await nameImage(store, name, target)
  }
  return test
}

test('filterImages() filters as docker does', async () => {
  await using test = await start()
  const all = await listImages(test.engine)
  const shown = async (...filters: readonly string[]): Promise<string> =>
    (await filterImages(test.engine, all, filters))
      .map(({ names }) => names.map((name) => name.replace(/^.*\//, '')).join('+') || '<none>')
      .join(' ')
  assert.equal(await shown(), '<none> app:1 alpine:3+alpine:latest old:1', 'the newest first, without a time last')
  const cases: readonly (readonly [filters: string, shown: string])[] = [
    ['dangling=true', '<none>'],
    ['dangling=0', 'app:1 alpine:3+alpine:latest old:1'],
    ['label=team', 'app:1 alpine:3+alpine:latest old:1'],
    ['label=team=a', 'alpine:3+alpine:latest'],
    ['label=team=', 'old:1'],
    ['label=team label=tier', 'alpine:3+alpine:latest'],
    ['label=none', ''],
    ['before=localhost:5000/team/app:1', 'alpine:3+alpine:latest old:1'],
    ['since=alpine', '<none> app:1'],
    ['since=alpine before=localhost:5000/team/app:1', ''],
    ['until=2024-01-02T12:00:00Z', 'app:1 alpine:3+alpine:latest old:1'],
    ['reference=alpine', 'alpine:3+alpine:latest'],
    ['reference=alpine:3', 'alpine:3'],
    ['reference=al*', 'alpine:3+alpine:latest'],
    ['reference=*:latest', 'alpine:latest'],
    ['reference=docker.io/library/alpine', 'alpine:3+alpine:latest'],
    ['reference=*/*/app', 'app:1'],
    ['reference=*', 'alpine:3+alpine:latest old:1'],
    ['reference=old reference=*/*/*', 'app:1 old:1'],
    ['reference=alpine:3 label=team=b', ''],
  ]
  for (const [filters, expected] of cases) assert.equal(await shown(...filters.split(' ')), expected, filters)
})

test('filterImages() refuses filters that docker does not know', async () => {
  await using test = await start()
  for (const [filter, code] of [
    ['foo=bar', 'FILTER_INVALID'],
    ['dangling=perhaps', 'FILTER_INVALID'],
    ['label', 'USAGE'],
    ['until=soon', 'UNTIL_INVALID'],
    ['before=nothing', 'NO_SUCH_IMAGE'],
    ['reference=[', 'PATTERN_INVALID'],
  ] as const)
    await assert.rejects(filterImages(test.engine, [], [filter]), (error) => isGantryError(error) && error.code === code, filter)
})

test('parseUntil() reads durations, dates and seconds', () => {
  const now = new Date(Date.UTC(2024, 5, 1))
  assert.equal(parseUntil('24h', now), now.getTime() - 24 * 3_600_000)
  assert.equal(parseUntil('1h30m', now), now.getTime() - 1.5 * 3_600_000)
  assert.equal(parseUntil('1700000000', now), 1_700_000_000_000)
  assert.equal(parseUntil('2024-01-02T03:04:05Z', now), Date.UTC(2024, 0, 2, 3, 4, 5))
  assert.equal(parseUntil('2024-01-02', now), new Date(2024, 0, 2).getTime())
  assert.equal(parseUntil('2024-01-02T03', now), new Date(2024, 0, 2, 3).getTime())
  for (const text of ['', 'soon', '2024-13-01', '2024-1-1', '5 days'])
    assert.throws(
      () => parseUntil(text, now),
      (error) => isGantryError(error, 'invalid_argument'),
      text,
    )
})

test('untagImage() takes names and leaves the image', async () => {
  await using test = await start()
  const alpine = (await listImages(test.engine)).find(({ names }) => names.length === 2)
  assert.ok(alpine)
  assert.deepEqual(await untagImage(test.engine, 'alpine', ['alpine:3']), ['alpine:3'])
  await assert.rejects(
    untagImage(test.engine, 'alpine', ['alpine:latest', 'alpine:3']),
    (error) => isGantryError(error, 'not_found') && error.hint === 'its names are alpine:latest',
  )
  assert.deepEqual(await untagImage(test.engine, 'alpine'), ['alpine:latest'])
  const left = (await listImages(test.engine)).find(({ id }) => id === alpine.id)
  assert.deepEqual(left?.names, [])
})
