import assert from 'node:assert/strict'
import { utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { streamOf } from '../lib/bytes.ts'
import { writeTar, type TarInput } from '../lib/tar/writer.ts'
import { runSkip, TestBuilds } from './test-builds.ts'

const runs = { skip: runSkip }
const dated = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')

/** A context of files with times of their own. */
const contextOf = async (
  builds: TestBuilds,
  files: Readonly<Record<string, readonly [text: string, seconds: number]>>,
): Promise<string> => {
  const texts = Object.entries(files).map(([path, [text]]) => [path, text] as const)
  const folder = await builds.context(Object.fromEntries(texts))
  for (const [path, [, seconds]] of Object.entries(files)) await utimes(join(folder, path), seconds, seconds)
  return folder
}

test('buildImage() dates an image by the newest file that was copied, and each step by what it had', async () => {
  await using builds = await TestBuilds.open()
  const context = await contextOf(builds, {
    Dockerfile: ['FROM scratch\nWORKDIR /w\nCOPY a /a\nLABEL x=y\nCOPY b /b\nCOPY <<E /t\nt\nE\n', 1_800_000_000],
    a: ['A', 1_500_000_000],
    b: ['B', 1_400_000_000.25],
    unused: ['U', 1_900_000_000],
  })
  const { config } = await builds.build({ context })
  assert.equal(config.created, dated(1_500_000_000))
  const [folder, ...rest] = config.history?.map(({ created }) => created) ?? []
  assert.equal(folder, '1980-01-02T00:00:00Z', 'nothing that has a date went into it')
  assert.deepEqual(new Set(rest), new Set([dated(1_500_000_000)]))
  await builds.files({ config }, async (tree) => {
    assert.deepEqual((await tree.stat('b'))?.mtime, { seconds: 1_400_000_000, nanoseconds: 250_000_000 })
    assert.equal((await tree.stat('t'))?.mtime.seconds, 1_500_000_000, 'a heredoc has the date of what is below it')
  })
})

test('buildImage() rounds a date up, so that no source is newer than it', async () => {
  await using builds = await TestBuilds.open()
  const context = await contextOf(builds, { Dockerfile: ['FROM scratch\nCOPY a /', 1], a: ['A', 1_500_000_000.5] })
  assert.equal((await builds.build({ context })).config.created, dated(1_500_000_001))
})

test('buildImage() makes the same image in another place and another time', runs, async () => {
  const digests: string[] = []
  const dates: (string | undefined)[] = []
  for (const year of [2031, 2042]) {
    await using builds = await TestBuilds.open()
    await builds.busybox()
    const context = await contextOf(builds, {
      Dockerfile: [
        'FROM busybox AS made\nCOPY a /a\nRUN cat /a /a > /twice; mkdir /m; ln /a /m/a\nFROM scratch\nCOPY --from=made / /\n',
        9,
      ],
      a: ['A', 1_600_000_000],
    })
    const image = await builds.build({ context }, { now: () => new Date(Date.UTC(year, 0)) })
    digests.push(image.descriptor.digest)
    dates.push(image.config.created)
    await builds.files(image, async (tree) => assert.equal((await tree.stat('a'))?.mtime.seconds, 1_600_000_000))
  }
  assert.equal(digests[0], digests[1])
  assert.equal(dates[0], dates[1])
})

test('buildImage() clamps what RUN makes to what it had, and keeps what it sets back', runs, async () => {
  await using builds = await TestBuilds.open()
  await builds.busybox()
  const { config } = await builds.dockerfile('FROM busybox\nRUN echo now > /now; touch -d @100 /then')
  const time = 1_500_000_000
  assert.equal(config.created, dated(time))
  await builds.files({ config }, async (tree) => {
    assert.equal((await tree.stat('now'))?.mtime.seconds, time)
    assert.equal((await tree.stat('then'))?.mtime.seconds, 100)
  })
  const { config: clock } = await builds.dockerfile('FROM busybox\nRUN echo now > /now', {}, { times: 'clock' })
  await builds.files({ config: clock }, async (tree) => {
    const mtime = (await tree.stat('now'))?.mtime.seconds ?? 0
    assert.ok(Math.abs(Date.now() / 1000 - mtime) < 60, 'with the clock, times are what they are')
  })
})

test('buildImage() gives the image of before when only times of files have changed', async () => {
  await using builds = await TestBuilds.open()
  const context = await contextOf(builds, { Dockerfile: ['FROM scratch\nCOPY a /', 1], a: ['A', 1_500_000_000] })
  const before = await builds.build({ context })
  await utimes(join(context, 'a'), 1_600_000_000, 1_600_000_000)
  const after = await builds.build({ context })
  assert.deepEqual(after.steps, ['[1/1] COPY a / → cached'])
  assert.equal(after.descriptor.digest, before.descriptor.digest)
})

test('buildImage() dates what has no date anew when the base is another', async () => {
  await using builds = await TestBuilds.open()
  for (const seconds of [1_500_000_000, 1_600_000_000]) {
    const context = await contextOf(builds, { Dockerfile: ['FROM scratch\nCOPY a /', 1], a: ['A', seconds] })
    const base = await builds.build({ context, noCache: true })
    await builds.content.tag('docker.io/library/based:latest', base.descriptor)
    const { config } = await builds.dockerfile('FROM based\nWORKDIR /w\nCOPY <<E /h\nh\nE\n')
    await builds.files({ config }, async (tree) => {
      for (const path of ['w', 'h']) assert.equal((await tree.stat(path))?.mtime.seconds, seconds, path)
    })
  }
})

test('SOURCE_DATE_EPOCH may be the context’s or a stage’s, or an ARG before FROM (88)', async () => {
  await using builds = await TestBuilds.open()
  const file = (name: string, text: string, seconds: number): TarInput => ({
    name,
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: Buffer.byteLength(text),
    mtime: { seconds, nanoseconds: 0 },
    body: streamOf(Buffer.from(text)),
  })
  const text =
    'ARG SOURCE_DATE_EPOCH=context\nFROM scratch AS dated\nCOPY a /\nFROM scratch\nARG SOURCE_DATE_EPOCH\nCOPY a b /\nENV e=$SOURCE_DATE_EPOCH'
  const build = async (buildArgs: Readonly<Record<string, string>>) =>
    await builds.build({
      context: writeTar([file('Dockerfile', text, 1), file('a', 'A', 1_200_000_000), file('b', 'B', 1_300_000_000)]),
      buildArgs,
    })
  const cases: readonly (readonly [given: Readonly<Record<string, string>>, seconds: number])[] = [
    [{}, 1_300_000_000],
    [{ SOURCE_DATE_EPOCH: 'context' }, 1_300_000_000],
    [{ SOURCE_DATE_EPOCH: 'Dated' }, 1_200_000_000],
    [{ SOURCE_DATE_EPOCH: '1100000000' }, 1_100_000_000],
  ]
  for (const [given, seconds] of cases) {
    const { config } = await build(given)
    assert.equal(config.created, dated(seconds), JSON.stringify(given))
    assert.equal(config.config?.Env?.at(-1), `e=${seconds}`)
    await builds.files({ config }, async (tree) => {
      assert.equal((await tree.stat('b'))?.mtime.seconds, seconds)
      assert.equal((await tree.stat('a'))?.mtime.seconds, Math.min(seconds, 1_200_000_000))
    })
  }
  const { config } = await build({ SOURCE_DATE_EPOCH: '' })
  assert.deepEqual([config.created, config.config?.Env?.at(-1)], [dated(1_300_000_000), 'e='], 'empty is none')
  const folder = await builds.dockerfile(
    'FROM scratch\nARG SOURCE_DATE_EPOCH\nENV e=$SOURCE_DATE_EPOCH',
    {},
    { buildArgs: { SOURCE_DATE_EPOCH: 'context' } },
  )
  assert.equal(folder.config.config?.Env?.at(-1), 'e=', 'a folder of this machine has no date')
})
