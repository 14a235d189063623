import assert from 'node:assert/strict'
import { chmod, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { runSkip, TestBuilds, type TestBuild } from '../test-builds.ts'
import { readBuildRecord, type BuildRecord } from './build-history.ts'
import { buildIdentity } from './build-identity.ts'
import { describeDifferences, describeFiles } from './differences.ts'
import { isSecretName, scrubber } from './secret-names.ts'
import { formatLabel, parseLabel, readNote } from './step-note.ts'

let builds: TestBuilds
before(async () => {
  builds = await TestBuilds.open()
  if (runSkip === false) await builds.busybox()
})
after(async () => await builds[Symbol.asyncDispose]())

/** What a build said while it went on, by step. */
const said = ({ events }: TestBuild): readonly string[] =>
  events.flatMap((event) => (event.kind === 'explained' ? [event.reasons.join(', ')] : []))

const recorded = async (context: string, options: object = {}): Promise<BuildRecord> => {
  const identity = buildIdentity({ context, ...options }, builds.services.platform)
  const record = await readBuildRecord(join(builds.services.cacheFolder, 'builds'), identity)
  assert.ok(record !== undefined)
  return record
}

test('A build says why a COPY is done again, and keeps it', async () => {
  const context = await builds.context({
    Dockerfile: 'FROM scratch\nCOPY src /app/src\nCOPY other /o\n',
    'src/a.ts': 'a',
    'src/b/c.ts': 'c',
    'src/gone.ts': '',
    other: 'o',
  })
  const first = await builds.build({ context })
  assert.deepEqual(said(first), [], 'nothing is done again in a first build')
  assert.deepEqual(
    (await recorded(context)).steps.map(({ text, outcome, reasons }) => [text, outcome, ...reasons]),
    [
      ['COPY src /app/src', 'ran', 'never built here before'],
      ['COPY other /o', 'ran', 'never built here before'],
    ],
  )
  await writeFile(join(context, 'src/a.ts'), 'A')
  assert.deepEqual(said(await builds.build({ context })), ['src/a.ts changed'])
  await chmod(join(context, 'src/b/c.ts'), 0o755)
  await writeFile(join(context, 'src/new.ts'), '')
  await rm(join(context, 'src/gone.ts'))
  assert.deepEqual(said(await builds.build({ context })), ['src/b/c.ts 644 → 755, src/new.ts is new, src/gone.ts is gone'])
  assert.deepEqual(
    (await recorded(context)).steps.map(({ outcome }) => outcome),
    ['ran', 'cached'],
  )
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY --chown=7 src /app/src\nCOPY other /p\n')
  assert.deepEqual(said(await builds.build({ context })), ['--chown none → 7', 'the destination /o → /p'])
  assert.deepEqual(said(await builds.build({ context, noCache: true })), ['--no-cache', '--no-cache'])
  await builds.layers.remove((await builds.build({ context })).config.rootfs.diff_ids[1]!)
  assert.deepEqual(said(await builds.build({ context })), ['the cache does not have it any more'])
})

test('A build says which variables, words and steps before are why a RUN is done again', { skip: runSkip }, async () => {
  const file = (lines: string): string => `FROM busybox\nARG VERSION=1\nENV FOO=a\nARG API_TOKEN\n${lines}\n`
  const context = await builds.context({ Dockerfile: file('RUN echo one\nRUN echo two'), f: '1' })
  const buildArgs = { API_TOKEN: 'first-secret' }
  await builds.build({ context, buildArgs })
  const again = async (text: string, options: object = {}): Promise<readonly string[]> => {
    await writeFile(join(context, 'Dockerfile'), text)
    return said(await builds.build({ context, buildArgs, ...options }))
  }
  const two = file('RUN echo one\nRUN echo two')
  // what makes the same files leaves what comes after it alone, but variables are seen by both
  assert.deepEqual(await again(two.replace('FOO=a', 'FOO=b')), ['ENV FOO a → b', 'ENV FOO a → b'])
  assert.deepEqual(await again(two, { buildArgs: { ...buildArgs, VERSION: '2' } }), [
    'ARG VERSION 1 → 2, ENV FOO b → a',
    'ARG VERSION 1 → 2, ENV FOO b → a',
  ])
  assert.deepEqual(await again(two, { buildArgs: { API_TOKEN: 'other-secret' } }), [
    'ARG VERSION 2 → 1, ARG API_TOKEN changed',
    'ARG VERSION 2 → 1, ARG API_TOKEN changed',
  ])
  const after = ['FROM busybox', 'COPY f /f', 'RUN cat f > /tmp/g', 'RUN echo g'].join('\n')
  await again(after)
  await writeFile(join(context, 'f'), '2')
  assert.deepEqual(await again(after), ['f changed', 'after [2] COPY f /f: f changed', 'after [2] COPY f /f: f changed'])
  assert.deepEqual(await again(after.replace('echo g', 'echo h')), ['RUN command changed'])
  assert.deepEqual(await again(after.replace('RUN cat', 'USER 7\nRUN cat')).then((all) => all[0]), 'USER none → 7')
  await assert.rejects(again(after.replace('echo g', 'false')))
  await assert.rejects(again(after.replace('echo g', 'false')), (error: object) => {
    assert.deepEqual(said(error as TestBuild), ['it did not finish the last time'])
    return true
  })
  // no secret is in any file of the cache
  for (const name of await readdir(builds.services.cacheFolder, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue
    const text = await readFile(join(name.parentPath, name.name), 'utf8')
    assert.ok(!/(?:first|other)-secret/.test(text), name.name)
  }
})

test('A build says that its base image has moved, and what that means for the rest', { skip: runSkip }, async () => {
  const tag = async (text: string): Promise<string> => {
    const { descriptor } = await builds.dockerfile(`FROM busybox\nCOPY f /${text}`, { f: text })
    await builds.content.tag('docker.io/library/moving:1', descriptor)
    return descriptor.digest.slice(0, 19)
  }
  const one = await tag('one')
  const context = await builds.context({ Dockerfile: 'FROM moving:1\nRUN true\nCOPY Dockerfile /same\n' })
  await builds.build({ context })
  const two = await tag('two')
  assert.deepEqual(said(await builds.build({ context })), [`base image docker.io/library/moving:1 moved from ${one} to ${two}`])
})

test('A step is found again by its text where it has moved, else by its place', async () => {
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY a /a\nCOPY b /b', a: 'moved', b: 'moves' })
  await builds.build({ context })
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY <<E /new\nx\nE\nCOPY a /a\nCOPY b /b')
  const { steps, ...build } = await builds.build({ context })
  assert.deepEqual(said({ steps, ...build }), ['this step is new'])
  assert.ok(steps.slice(1).every((step) => step.endsWith('cached')))
})

test('Builds of other targets, platforms and Dockerfiles are other builds', async () => {
  const context = await builds.context({
    Dockerfile: 'FROM scratch AS x\nCOPY a /a',
    a: 'identity',
    Other: 'FROM scratch\nCOPY a /o',
  })
  await builds.build({ context })
  await builds.build({ context, dockerfile: join(context, 'Other') })
  assert.deepEqual(
    (await recorded(context)).steps.map(({ text }) => text),
    ['COPY a /a'],
  )
  assert.deepEqual(
    (await recorded(context, { dockerfile: join(context, 'Other') })).steps.map(({ text }) => text),
    ['COPY a /o'],
  )
  assert.notDeepEqual(
    buildIdentity({ context, target: 'x' }, builds.services.platform),
    buildIdentity({ context }, builds.services.platform),
  )
  assert.deepEqual(
    buildIdentity({ context, dockerfile: join(context, 'Dockerfile') }, builds.services.platform),
    buildIdentity({ context }, builds.services.platform),
  )
})

test('isSecretName() knows the names that docker’s lint knows', () => {
  for (const name of ['TOKEN', 'npm_token', 'AWS_SECRET_ACCESS_KEY', 'password', 'ApiKey', 'DB_PASSWD', 'AUTH'])
    assert.ok(isSecretName(name), name)
  for (const name of ['VERSION', 'MONKEY', 'AUTHOR', 'PUBLIC_KEY', 'TOKENS_PER_SECOND']) assert.ok(!isSecretName(name), name)
  assert.equal(
    scrubber({ TOKEN: 'abcdef', KEY: 'abc', SECRET: 'abcdefgh', V: 'visible' })('abcdefgh abcdef abc visible'),
    '*** *** abc visible',
  )
})

test('describeDifferences() and describeFiles() take whatever a file may hold', () => {
  const facts = fc.dictionary(
    fc.constantFrom('args', 'env', 'from', 'cwd', 'scripts', 'x', 'arguments', '__proto__'),
    fc.jsonValue(),
  )
  fc.assert(
    fc.property(facts, facts, (a, b) => {
      for (const one of describeDifferences(a, b)) assert.ok(one.length < 400)
      assert.deepEqual(describeDifferences(a, a), [])
    }),
  )
  const files = fc.dictionary(fc.string(), fc.string())
  fc.assert(
    fc.property(files, files, (a, b) => {
      assert.ok(describeFiles(a, b).length <= 4)
      assert.deepEqual(describeFiles(a, a), [])
    }),
  )
  fc.assert(fc.property(fc.jsonValue(), (value) => void readNote(value)))
  fc.assert(
    fc.property(fc.string(), (label) => {
      const { text } = parseLabel(label)
      assert.ok(label.endsWith(text))
    }),
  )
  assert.equal(formatLabel(parseLabel('[build  2/10] RUN x')), '[build 2] RUN x')
})
