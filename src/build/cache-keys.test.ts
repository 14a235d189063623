import assert from 'node:assert/strict'
import { chmod, link, lutimes, mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { runSkip, TestBuilds } from './test-builds.ts'

// What counts for the cache, and what does not: BuildKit's cache/contenthash and docs/dev/solver.md.

let builds: TestBuilds
before(async () => {
  builds = await TestBuilds.open()
  if (runSkip === false) await builds.busybox()
})
after(async () => await builds[Symbol.asyncDispose]())

/** How the steps end that make layers, the base image left out. */
const ends = async (context: string, options: object = {}): Promise<string> => {
  const { steps } = await builds.build({ context, ...options })
  return steps
    .filter((step) => !/^\[[^\]]*\] FROM |^FROM /.test(step))
    .map((step) => step.split(' ').at(-1))
    .join(' ')
}

test('Of a file its mode, kind, target, size and content count, and not its time or owner (106, 107, 110)', async () => {
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY src /d/', 'src/f': 'same size', 'src/sub/g': 'g' })
  const path = (name: string): string => join(context, 'src', name)
  await symlink('f', path('l'))
  assert.equal(await ends(context), 'done')
  const same: readonly (() => Promise<unknown>)[] = [
    () => utimes(path('f'), 5, 5),
    () => lutimes(path('l'), 5, 5),
    () => utimes(path('sub'), 5, 5),
    // the folder that is copied is none of what is copied
    () => chmod(join(context, 'src'), 0o700),
    // another inode of the same content
    async () => {
      await writeFile(path('copy'), 'same size')
      await rename(path('copy'), path('f'))
    },
  ]
  for (const change of same) {
    await change()
    assert.equal(await ends(context), 'cached', change.toString())
  }
  const others: readonly (() => Promise<unknown>)[] = [
    () => writeFile(path('f'), 'size same'),
    () => chmod(path('f'), 0o755),
    () => chmod(path('f'), 0o4755),
    () => chmod(path('sub'), 0o750),
    () => rename(path('f'), path('other')),
    () => writeFile(path('empty'), ''),
    () => mkdir(path('folder')),
    async () => {
      await rm(path('l'))
      await symlink('other', path('l'))
    },
    async () => {
      await rm(path('l'))
      await writeFile(path('l'), 'other')
    },
    () => rm(path('sub'), { recursive: true }),
  ]
  for (const change of others) {
    await change()
    assert.equal(await ends(context), 'done', change.toString())
    assert.equal(await ends(context), 'cached')
  }
  // two names of one file are two files of one content, whatever the context's file system says
  await link(path('other'), path('second'))
  assert.equal(await ends(context), 'done')
})

test('Of a COPY the files, the destination and the flags count, and not how it is written (109)', async () => {
  const context = await builds.context({ Dockerfile: '', 'a/f': 'F', 'a/g': 'G', b: 'B' })
  const copy = async (line: string): Promise<string> => {
    await writeFile(join(context, 'Dockerfile'), `FROM scratch\n${line}\n`)
    return await ends(context)
  }
  assert.equal(await copy('COPY a/f a/g /d/'), 'done')
  for (const line of [
    'COPY ./a/f /a/g /d/',
    'copy   a/f   a/g   /d/',
    'COPY a/* /d/',
    'COPY a /d',
    'ADD a /d/',
    'COPY --chown=0:0 a /d',
    'ARG x=a\nCOPY $x /d',
    'ENV y=z\nLABEL l=m\nCOPY a /d',
    'COPY --exclude=nothing a /d',
    '# a comment\nCOPY a \\\n  /d',
  ])
    assert.equal(await copy(line), 'cached', line)
  for (const line of ['COPY a /e', 'COPY --chown=1 a /d', 'COPY --chmod=600 a /d', 'COPY --exclude=g a /d'])
    assert.equal(await copy(line), 'done', line)
  // what is not copied does not count
  assert.equal(await copy('COPY a/f /only/'), 'done')
  await writeFile(join(context, 'a/g'), 'changed')
  await writeFile(join(context, 'b'), 'changed')
  await writeFile(join(context, '.dockerignore'), 'b')
  assert.equal(await ends(context), 'cached')
})

test('Of a base image the digest counts, and not its name (109)', { skip: runSkip }, async () => {
  const { descriptor } = await builds.dockerfile('FROM busybox\nENV base=1')
  for (const name of ['one:1', 'two:2']) await builds.content.tag(`docker.io/library/${name}`, descriptor)
  const run = async (from: string): Promise<string> =>
    await ends(await builds.context({ Dockerfile: `FROM ${from}\nRUN echo by digest > /f` }))
  assert.equal(await run('one:1'), 'done')
  assert.equal(await run('two:2'), 'cached')
  assert.equal(await run('one:1 AS name'), 'cached')
  const { descriptor: other } = await builds.dockerfile('FROM busybox\nRUN echo other > /base')
  await builds.content.tag('docker.io/library/one:1', other)
  assert.equal(await run('one:1'), 'done')
})

test('Of a RUN the words, shell, environment, user, folder, network and mounts count (108)', { skip: runSkip }, async () => {
  const run = async (lines: string, options: object = {}): Promise<string> =>
    (await ends(await builds.context({ Dockerfile: `FROM busybox\n${lines}`, f: 'F', g: 'G' }), options)).split(' ').at(-1)!
  assert.equal(await run('RUN true'), 'done')
  assert.equal(await run('RUN true # no comment in a shell'), 'done')
  assert.equal(await run('RUN   true'), 'cached')
  assert.equal(await run('RUN ["/bin/sh", "-c", "true"]'), 'cached', 'the same words')
  for (const line of [
    'RUN  true && true',
    'SHELL ["/bin/sh", "-e", "-c"]\nRUN true',
    'ENV a=b\nRUN true',
    'ARG c=d\nRUN true',
    'USER 5\nRUN true',
    'RUN --network=none true',
    'WORKDIR /w\nRUN true',
    'RUN --mount=type=tmpfs,target=/t true',
    'RUN --mount=type=bind,source=f,target=/t true',
  ]) {
    assert.equal(await run(line), 'done', line)
    assert.equal(await run(line), 'cached', line)
  }
  const proxies = { buildArgs: { HTTPS_PROXY: 'http://proxy' }, extraHosts: ['host:10.0.0.1'] }
  assert.equal(await run('RUN true', { extraHosts: ['host:10.0.0.1'] }), 'done', 'the name of a host')
  assert.equal(await run('RUN true', { ...proxies, extraHosts: ['host:10.0.0.2'] }), 'cached', 'neither its address nor a proxy')
})

test(
  'A step that changed takes all that is built on it along, but not what is copied from elsewhere (109)',
  { skip: runSkip },
  async () => {
    const context = await builds.context({
      Dockerfile: `FROM busybox AS other
COPY kept /kept
FROM busybox
COPY early /early
RUN cat /early > /made
COPY --link --from=other /kept /linked
COPY --from=other /kept /copied
COPY late /late
RUN cat /late > /last
`,
      early: '1',
      kept: 'kept',
      late: 'late',
    })
    await ends(context)
    await writeFile(join(context, 'early'), '2')
    const { steps } = await builds.build({ context })
    const end = (text: string): string | undefined =>
      steps
        .find((step) => step.includes(text))
        ?.split(' ')
        .at(-1)
    assert.deepEqual(
      ['COPY kept', 'COPY early', 'RUN cat /early', 'COPY --link', '/copied', 'COPY late', 'RUN cat /late'].map(end),
      ['cached', 'done', 'done', 'cached', 'cached', 'cached', 'done'],
    )
  },
)
