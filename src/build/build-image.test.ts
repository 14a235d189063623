import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { collect, streamOf } from '../lib/bytes.ts'
import { isGantryError } from '../lib/errors.ts'
import { parseManifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import type { BuildEvent } from './build-image.ts'
import { cachedLayerIds } from './cache.ts'
import type { SourceDetail } from './dockerfile/source.ts'
import { TestBuilds } from './test-builds.ts'

let builds: TestBuilds
before(async () => void (builds = await TestBuilds.open()))
after(async () => await builds[Symbol.asyncDispose]())

test('buildImage() makes an image of files, with docker’s config and history', async () => {
  const { descriptor, imageId, config } = await builds.dockerfile(
    'FROM scratch\nLABEL a=b\nCOPY . /srv/\nENV x=1\nCMD ["/srv/run"]\n',
    { run: { text: '#!x', mode: 0o755 }, 'sub/data': 'data', '.dockerignore': 'Dockerfile\n.dockerignore' },
  )
  assert.equal(descriptor.mediaType, mediaTypes.ociManifest)
  const manifest = parseManifest(builds.content.read(descriptor))
  assert.equal(manifest.config.digest, imageId)
  assert.deepEqual([manifest.layers[0]?.mediaType, manifest.layers[0]?.digest], [mediaTypes.ociLayer, config.rootfs.diff_ids[0]])
  assert.deepEqual(JSON.parse(builds.content.read(manifest.config).toString()), config)
  assert.deepEqual(await builds.listing({ config }), [
    '755 0:0 srv/',
    '755 0:0 srv/run "#!x"',
    '755 0:0 srv/sub/',
    '644 0:0 srv/sub/data "data"',
  ])
  const { created } = config
  assert.ok(created !== undefined && Math.abs(Date.parse(created) - Date.now()) < 60_000)
  assert.deepEqual(config, {
    created,
    architecture: 'amd64',
    os: 'linux',
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'x=1'],
      WorkingDir: '/',
      Labels: { a: 'b' },
      Cmd: ['/srv/run'],
      ArgsEscaped: true,
    },
    rootfs: { type: 'layers', diff_ids: config.rootfs.diff_ids },
    history: [
      { created, created_by: 'LABEL a=b', comment: 'buildkit.dockerfile.v0', empty_layer: true },
      { created, created_by: 'COPY . /srv/ # buildkit', comment: 'buildkit.dockerfile.v0' },
      { created, created_by: 'ENV x=1', comment: 'buildkit.dockerfile.v0', empty_layer: true },
      { created, created_by: 'CMD ["/srv/run"]', comment: 'buildkit.dockerfile.v0', empty_layer: true },
    ],
  })
})

test('buildImage() does not do again what it has done, and gives the same image', async () => {
  const context = await builds.context({
    Dockerfile: 'FROM scratch\nCOPY a /a\nCOPY b /b\nWORKDIR /w\nCOPY c /c\n',
    a: 'A',
    b: 'B',
    c: 'C',
  })
  // a newer file before it makes WORKDIR a newer folder
  for (const name of ['a', 'b', 'c']) await utimes(join(context, name), 2000, 2000)
  const first = await builds.build({ context })
  assert.deepEqual(
    first.steps,
    [1, 2, 3, 4].map((number) => `[${number}/4] ${['COPY a /a', 'COPY b /b', 'WORKDIR /w', 'COPY c /c'][number - 1]} → done`),
  )
  const second = await builds.build({ context })
  assert.ok(second.steps.every((step) => step.endsWith('cached')))
  assert.equal(second.descriptor.digest, first.descriptor.digest)

  const past = new Date(1000)
  await utimes(join(context, 'b'), past, past)
  assert.equal((await builds.build({ context })).descriptor.digest, first.descriptor.digest, 'only a time changed')

  await chmod(join(context, 'b'), 0o755)
  assert.deepEqual(
    (await builds.build({ context })).steps.map((step) => step.split(' ').at(-1)),
    ['cached', 'done', 'cached', 'cached'],
  )
  await writeFile(join(context, 'b'), 'other')
  await utimes(join(context, 'b'), past, past)
  const edited = await builds.build({ context })
  assert.deepEqual(
    edited.steps.map((step) => step.split(' ').at(-1)),
    ['cached', 'done', 'cached', 'cached'],
  )
  assert.notEqual(edited.descriptor.digest, first.descriptor.digest)
})

test('buildImage() does everything again when told so', async () => {
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY a /fresh\n', a: 'fresh' })
  await builds.build({ context })
  assert.ok((await builds.build({ context, noCache: true })).steps.every((step) => step.endsWith('done')))
})

test('buildImage() takes a cached layer that is gone for none', async () => {
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY a /gone\n', a: 'gone' })
  const { config } = await builds.build({ context })
  for (const id of config.rootfs.diff_ids) await builds.layers.remove(id)
  assert.ok((await builds.build({ context })).steps.every((step) => step.endsWith('done')))
})

test('cachedLayerIds() names the layers that records name', async () => {
  const { config } = await builds.dockerfile('FROM scratch\nCOPY Dockerfile /cached\nWORKDIR /cached-too')
  const ids = await cachedLayerIds(builds.services.cacheFolder)
  for (const id of config.rootfs.diff_ids) assert.ok(ids.includes(id))
  await writeFile(join(builds.services.cacheFolder, 'records', 'aa.json'), 'no record')
  assert.equal((await cachedLayerIds(builds.services.cacheFolder)).length, ids.length)
  assert.deepEqual(await cachedLayerIds(join(builds.root, 'no-cache')), [])
})

test('buildImage() keeps what a step depended on, to explain it later', async () => {
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY --chown=3 explained /e/\n', explained: 'why' })
  await builds.build({ context })
  const records = execFileSync('grep', ['-rl', '"chown":"3"', join(builds.services.cacheFolder, 'records')], { encoding: 'utf8' })
    .trim()
    .split('\n')
  assert.equal(records.length, 1)
  const record = JSON.parse(await readFile(records[0]!, 'utf8')) as {
    step: string
    layer: string
    inputs: { kind: string; onto: string; sources: unknown[] }
  }
  assert.deepEqual(
    [record.step, record.inputs.kind, record.inputs.onto, record.inputs.sources.length],
    ['[1/1] COPY --chown=3 explained /e/', 'copy', 'scratch', 1],
  )
  const hex = record.layer.slice('sha256:'.length)
  const files = JSON.parse(
    await readFile(join(builds.services.cacheFolder, 'files', hex.slice(0, 2), `${hex}.json`), 'utf8'),
  ) as object
  assert.deepEqual(Object.keys(files), ['/e', 'explained'])
})

test('buildImage() copies from other stages and leaves unused ones alone (92)', async () => {
  const { config, steps } = await builds.dockerfile(
    `FROM scratch AS one
COPY --chown=7:8 a /from/one
FROM scratch AS unused
COPY missing /
FROM scratch
COPY --from=one /from/one /kept
COPY --from=0 --chown=0 /from /changed`,
    { a: 'A' },
  )
  assert.deepEqual(await builds.listing({ config }), ['755 0:0 changed/', '644 0:0 changed/one "A"', '644 7:8 kept "A"'])
  assert.ok(!steps.some((step) => step.includes('unused')))
})

test('buildImage() does identical steps once', async () => {
  const { steps } = await builds.dockerfile(
    'FROM scratch AS one\nCOPY same /same\nFROM scratch AS two\nCOPY same /same\nFROM scratch\nCOPY --from=one /same /1\nCOPY --from=two /same /2',
    { same: 'same in both' },
  )
  assert.equal(steps.filter((step) => step.includes('COPY same')).length, 1)
})

test('buildImage() builds on an image, and keeps its history and its layers', async () => {
  const base = await builds.dockerfile('FROM scratch\nCOPY a /a\nENV e=1\nCMD ["x"]\nONBUILD COPY a /triggered', { a: 'base' })
  await builds.content.tag('docker.io/library/base:1', base.descriptor)
  const { config, descriptor } = await builds.dockerfile('FROM base:1\nCOPY b /a\nENTRYPOINT ["y"]', { a: 'A', b: 'B' })
  assert.deepEqual(config.history?.slice(0, 3), base.config.history?.slice(0, 4))
  assert.equal(config.rootfs.diff_ids[0], base.config.rootfs.diff_ids[0])
  assert.equal(parseManifest(builds.content.read(descriptor)).layers.length, 3)
  assert.deepEqual([config.config?.Env?.at(-1), config.config?.Cmd, config.config?.OnBuild], ['e=1', undefined, undefined])
  assert.deepEqual(await builds.listing({ config }), ['644 0:0 a "B"', '644 0:0 triggered "A"'])
})

test('buildImage() clamps times to SOURCE_DATE_EPOCH, but not those of the base image (88)', async () => {
  const base = await builds.dockerfile('FROM scratch\nCOPY a /a', { a: 'epoch base' })
  await builds.content.tag('docker.io/library/epoch:latest', base.descriptor)
  const files = { Dockerfile: 'FROM epoch\nCOPY b old /d/\nCOPY <<EOF /h\nh\nEOF\nWORKDIR /w\nENV x=y', b: 'B', old: 'old' }
  const images = []
  for (let round = 0; round < 2; round++) {
    const context = await builds.context(files)
    await utimes(join(context, 'old'), 5, 5)
    images.push(await builds.build({ context, noCache: true, buildArgs: { SOURCE_DATE_EPOCH: '1000' } }))
  }
  const [one, two] = images
  assert.equal(one?.descriptor.digest, two?.descriptor.digest, 'reproducible')
  const times = await builds.files(one!, async (tree) =>
    Object.fromEntries(
      await Promise.all(['d/b', 'd/old', 'h', 'w'].map(async (path) => [path, (await tree.stat(path))?.mtime.seconds] as const)),
    ),
  )
  assert.deepEqual(times, { 'd/b': 1000, 'd/old': 5, h: 1000, w: 1000 })
  assert.equal(one?.config.created, '1970-01-01T00:16:40Z')
  assert.equal(one?.config.history?.[0]?.created, base.config.created)
  assert.ok(one?.config.history?.slice(1).every((entry) => entry.created === '1970-01-01T00:16:40Z'))
  await assert.rejects(
    builds.dockerfile('FROM scratch', {}, { buildArgs: { SOURCE_DATE_EPOCH: 'soon' } }),
    /invalid SOURCE_DATE_EPOCH: soon/,
  )
})

test('buildImage() keeps the times of sources without SOURCE_DATE_EPOCH', async () => {
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY t /new/t', t: 'time' })
  await utimes(join(context, 't'), 77, 77.25)
  const image = await builds.build({ context })
  await builds.files(image, async (tree) => {
    assert.deepEqual((await tree.stat('new/t'))?.mtime, { seconds: 77, nanoseconds: 250_000_000 })
    assert.equal((await tree.stat('new'))?.mtime.seconds, 77)
  })
})

test('buildImage() reads the ignore file of the Dockerfile, else that of the context (105)', async () => {
  const files = {
    Dockerfile: 'FROM scratch\nCOPY . /',
    'Other.Dockerfile': 'FROM scratch\nCOPY . /',
    a: 'A',
    b: 'B',
    '.dockerignore': '*\n!a',
  }
  const context = await builds.context(files)
  assert.deepEqual(await builds.listing(await builds.build({ context })), ['644 0:0 a "A"'])
  await builds.write(context, 'Other.Dockerfile.dockerignore', '*\n!b')
  assert.deepEqual(await builds.listing(await builds.build({ context, dockerfile: join(context, 'Other.Dockerfile') })), [
    '644 0:0 b "B"',
  ])
})

test('buildImage() names what is missing, with the lines around (93)', async () => {
  await assert.rejects(builds.dockerfile('FROM scratch\n\nCOPY nothing /\n'), (error) => {
    assert.ok(isGantryError(error, 'not_found'))
    assert.equal(error.message, 'Cannot build "Dockerfile" line 3: failed to calculate checksum: "/nothing": not found')
    assert.match((error.detail as SourceDetail).excerpt, /3 \| >>> COPY nothing \//)
    return true
  })
  await assert.rejects(builds.dockerfile('FROM scratch\nCOPY ignored /', { ignored: '', '.dockerignore': 'ignored' }), {
    code: 'SOURCE_NOT_FOUND',
  })
  assert.deepEqual(
    await builds.listing(await builds.dockerfile('FROM scratch\nCOPY no* /d/')),
    [],
    'a wildcard may match nothing (95)',
  )
})

test('buildImage() wants a folder for several sources (94)', async () => {
  for (const sources of ['a b', '?'])
    await assert.rejects(
      builds.dockerfile(`FROM scratch\nCOPY ${sources} /d`, { a: '', b: '' }),
      /the destination must be a directory and end with a \//,
    )
  const into = await builds.dockerfile('FROM scratch\nWORKDIR /d\nCOPY a b /d', { a: '', b: '' })
  assert.deepEqual(await builds.listing(into), ['755 0:0 d/', '644 0:0 d/a ""', '644 0:0 d/b ""'])
})

test('buildImage() looks owners up in the image (98)', async () => {
  const text = 'FROM scratch\nCOPY etc /etc\n'
  const files = { 'etc/passwd': 'root:x:0:0::/:\napp:x:500:501::/:\n', 'etc/group': 'staff:x:77:\n', f: 'F' }
  const owner = async (chown: string): Promise<string> => {
    const image = await builds.dockerfile(`${text}USER app\nCOPY ${chown} f /f`, files)
    return await builds.files(image, async (tree) => {
      const entry = await tree.stat('f')
      return `${entry?.uid}:${entry?.gid}`
    })
  }
  assert.equal(await owner(''), '0:0', 'even after USER')
  assert.equal(await owner('--chown=app'), '500:501')
  assert.equal(await owner('--chown=12'), '12:12')
  assert.equal(await owner('--chown=12:staff'), '12:77')
  assert.equal(await owner('--chown=app:0'), '500:0')
  assert.equal(await owner('--chown=:3'), '0:3')
  await assert.rejects(owner('--chown=nobody'), /cannot change the owner to "nobody": unable to find user nobody/)
  await assert.rejects(builds.dockerfile('FROM scratch\nCOPY --chown=app f /f', { f: '' }), { code: 'OWNER_NOT_FOUND' })
})

test('buildImage() makes WORKDIR for the current user, and a layer even if it is there (119)', async () => {
  const { config } = await builds.dockerfile(
    'FROM scratch\nCOPY passwd /etc/passwd\nUSER app\nWORKDIR /a/b\nWORKDIR /a\nUSER later\nWORKDIR /c\nUSER 9\nWORKDIR /d',
    { passwd: 'app:x:500:501::/:\n' },
  )
  assert.equal(config.rootfs.diff_ids.length, 5)
  const lines = await builds.listing({ config })
  assert.deepEqual(
    lines.filter((line) => !line.includes('etc')),
    ['755 500:501 a/', '755 500:501 a/b/', '755 0:0 c/', '755 9:9 d/'],
  )
})

test('buildImage() extracts local archives with ADD, and only with ADD (99)', async () => {
  const folder = await builds.context({ 'x/one': 'ONE', 'x/two': { text: '2', mode: 0o700 } })
  const tar = execFileSync('tar', ['-C', folder, '--owner=5', '--group=6', '-c', 'x'])
  const context = await builds.context({
    Dockerfile: 'FROM scratch\nADD any.name /add/\nADD --chown=1:2 any.name /own\nADD text.gz /t/\nCOPY any.name /copy/',
  })
  await writeFile(join(context, 'any.name'), gzipSync(tar))
  await writeFile(join(context, 'text.gz'), gzipSync('text'))
  const lines = await builds.listing(await builds.build({ context }))
  assert.deepEqual(
    lines.map((line) => line.replace(/ ".*/, '')),
    [
      '755 0:0 add/',
      '755 5:6 add/x/',
      '644 5:6 add/x/one',
      '700 5:6 add/x/two',
      '755 0:0 copy/',
      '644 0:0 copy/any.name',
      '755 1:2 own/',
      '755 1:2 own/x/',
      '644 1:2 own/x/one',
      '700 1:2 own/x/two',
      '755 0:0 t/',
      '644 0:0 t/text.gz',
    ],
  )
})

test('buildImage() writes heredocs as files (91)', async () => {
  const image = await builds.dockerfile(
    'FROM scratch\nARG n=1\nCOPY <<a.txt <<"b.txt" /d/\n$n\na.txt\n$n\nb.txt\nADD <<c /c\nC\nc',
  )
  assert.deepEqual(await builds.listing(image), [
    '644 0:0 c "C\\n"',
    '755 0:0 d/',
    '644 0:0 d/a.txt "1\\n"',
    '644 0:0 d/b.txt "$n\\n"',
  ])
})

test('buildImage() takes a tar, compressed or not, as the context: as it is, with its owners, nothing left out', async () => {
  const folder = await builds.context({
    Dockerfile: 'FROM scratch\nCOPY . /',
    a: { text: 'A', mode: 0o750 },
    'd/l': { link: '../a' },
    'd/no': 'no',
    '.dockerignore': 'd/no\nDocker*\n.d*',
  })
  const tar = execFileSync('tar', ['-C', folder, '--owner=5', '--group=6', '-c', '.'])
  for (const bytes of [tar, gzipSync(tar)]) {
    const image = await builds.build({ context: streamOf(bytes.subarray(0, 100), bytes.subarray(100)) })
    assert.deepEqual(await builds.listing(image), [
      '644 5:6 .dockerignore "d/no\\nDocker*\\n.d*"',
      '644 5:6 Dockerfile "FROM scratch\\nCOPY . /"',
      '750 5:6 a "A"',
      '755 5:6 d/',
      '777 5:6 d/l -> ../a',
      '644 5:6 d/no "no"',
    ])
  }
  const inside = execFileSync('tar', ['-C', await builds.context({ 'sub/File': 'FROM scratch\nCOPY sub /s' }), '-c', '.'])
  assert.deepEqual(await builds.listing(await builds.build({ context: streamOf(inside), dockerfile: 'sub/File' })), [
    '755 0:0 s/',
    '644 0:0 s/File "FROM scratch\\nCOPY sub /s"',
  ])
})

test('buildImage() takes a Dockerfile alone, which has no context (101)', async () => {
  const image = await builds.build({ context: streamOf(Buffer.from('FROM scratch\nCOPY <<EOF /f\nx\nEOF')) })
  assert.deepEqual(await builds.listing(image), ['644 0:0 f "x\\n"'])
  await assert.rejects(builds.build({ context: streamOf(Buffer.from('FROM scratch\nCOPY a /')) }), { code: 'SOURCE_NOT_FOUND' })
  const context = await builds.context({ a: 'A' })
  const both = await builds.build({ context, dockerfile: streamOf(Buffer.from('FROM scratch\nCOPY a /')) })
  assert.deepEqual(await builds.listing(both), ['644 0:0 a "A"'])
})

test('buildImage() refuses what it cannot read', async () => {
  await assert.rejects(
    builds.build({ context: await builds.context({}) }),
    /failed to read dockerfile: open Dockerfile: no such file or directory/,
  )
  await assert.rejects(builds.build({ context: '/nowhere' }), { code: 'NO_CONTEXT' })
  await assert.rejects(builds.build({ dockerfile: '/nowhere/Dockerfile' }), { code: 'NO_DOCKERFILE' })
  await assert.rejects(
    builds.dockerfile('FROM missing'),
    (error) => isGantryError(error, 'not_found') && (error.detail as SourceDetail).startLine === 1,
  )
})

test('buildImage() warns of what docker warns of', async () => {
  const { events } = await builds.dockerfile('# syntax=example.com/frontend\nFROM scratch\nLABEL a=b \\\n\n  c=d')
  assert.deepEqual(
    events.flatMap((event) =>
      event.kind === 'warning'
        ? [event.message.split(' ').slice(0, 3).join(' ')]
        : event.kind === 'lint'
          ? [`${event.warning.rule} ${event.warning.range.start}`]
          : [],
    ),
    ['NoEmptyContinuation 5', 'the frontend "example.com/frontend"'],
  )
})

test('buildImage() refuses a file that breaks a rule where the file says so, before any step', async () => {
  await assert.rejects(
    builds.dockerfile('# check=error=true\nFROM scratch as x\nCOPY missing /'),
    (error: Error & { events: readonly BuildEvent[] }) => {
      assert.match(error.message, /^lint violation found for rules: FromAsCasing$/)
      assert.equal(error.events.filter(({ kind }) => kind === 'lint').length, 1)
      return true
    },
  )
  const { events } = await builds.dockerfile(
    'FROM scratch as x\nLABEL a=b',
    {},
    { buildArgs: { BUILDKIT_DOCKERFILE_CHECK: 'skip=all' } },
  )
  assert.ok(!events.some(({ kind }) => kind === 'lint'))
})

test('buildImage() leaves nothing behind when it is aborted', async () => {
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY . /abort', big: 'x'.repeat(1000) })
  const stop = new AbortController()
  const onEvent = (): void => stop.abort()
  await assert.rejects(builds.build({ context, signal: stop.signal, onEvent }), { kind: 'canceled' })
  await assert.rejects(builds.build({ context, signal: AbortSignal.abort() }), { kind: 'canceled' })
  assert.deepEqual(await builds.leftovers(), [])
})

test('buildImage() removes what a killed build has left', async () => {
  await writeFile(join(builds.services.scratchFolder, 'build-dead.lock'), '')
  await writeFile(join(builds.services.scratchFolder, 'build-dead'), '')
  await builds.dockerfile('FROM scratch')
  assert.deepEqual(await builds.leftovers(), [])
})

test('buildImage() lets two builds of the same at once do a step once', async () => {
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY . /both', data: 'both' })
  const results = await Promise.all([builds.build({ context }), builds.build({ context }), builds.build({ context })])
  assert.equal(new Set(results.map((one) => one.descriptor.digest)).size, 1)
  assert.equal(results.flatMap((one) => one.steps).filter((step) => step.endsWith('done')).length, 1)
})

test('buildImage() gives what any reader of the store can read', async () => {
  const { descriptor, config } = await builds.dockerfile('FROM scratch\nCOPY a /a', { a: 'readable' })
  const manifest = parseManifest(builds.content.read(descriptor))
  const tar = await collect(await builds.content.open(manifest.layers[0]!), 1 << 20)
  assert.equal(execFileSync('tar', ['-xO', 'a'], { input: tar, encoding: 'utf8' }), 'readable')
  assert.equal(config.rootfs.diff_ids.length, 1)
  await rm(join(builds.root, 'unused'), { force: true })
})
