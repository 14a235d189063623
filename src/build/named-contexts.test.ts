import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../lib/errors.ts'
import { NamedContexts } from './plan/named-contexts.ts'
import { runSkip, TestBuilds, type TestBuild } from './test-builds.ts'
import { TestServer } from './test-servers.ts'

const platform = { os: 'linux', architecture: 'amd64' }
let builds: TestBuilds

before(async () => {
  builds = await TestBuilds.open()
  const { descriptor } = await builds.dockerfile('FROM scratch\nCOPY image /\nENV FROM=image\nONBUILD LABEL triggered=yes', {
    image: 'I',
  })
  await builds.content.tag('docker.io/library/base:1', descriptor)
})
after(async () => await builds[Symbol.asyncDispose]())

const build = async (text: string, contexts: Readonly<Record<string, string>>): Promise<TestBuild> =>
  await builds.dockerfile(text, { own: 'own' }, { contexts })

test('a folder stands for an image of COPY --from, without what its own .dockerignore leaves out', async () => {
  const lib = await builds.context({ a: 'A', no: 'no', '.dockerignore': 'no\n.*' })
  const image = await build('FROM scratch\nCOPY --from=lib . /l/\nCOPY own /', { lib })
  assert.deepEqual(await builds.listing(image), ['755 0:0 l/', '644 0:0 l/a "A"', '644 0:0 own "own"'])
  // names are those of images, with or without the default tag
  assert.deepEqual(
    await builds.listing(await build('FROM scratch\nCOPY --from=Lib:latest a /', { 'docker.io/library/lib': lib })),
    ['644 0:0 a "A"'],
  )
  await assert.rejects(build('FROM scratch\nCOPY --from=lib no /', { lib }), { code: 'SOURCE_NOT_FOUND' })
})

test('a folder stands for the image of a FROM: one layer with its files', async () => {
  const rootfs = await builds.context({ 'bin/x': { text: 'X', mode: 0o755 } })
  const image = await build('FROM rootfs\nCOPY own /', { rootfs })
  assert.deepEqual(await builds.listing(image), ['755 0:0 bin/', '755 0:0 bin/x "X"', '644 0:0 own "own"'])
  assert.deepEqual(
    image.config.history?.map(({ created_by: text, comment }) => text ?? comment),
    ['buildkit.exporter.image.v0', 'COPY own / # buildkit'],
  )
})

test('a named context stands for a whole stage, whose instructions are not looked at', async () => {
  const text = 'FROM missing AS dep\nCOPY nowhere /\nFROM scratch\nCOPY --from=dep a /\nFROM dep\nCOPY own /'
  const dep = await builds.context({ a: 'A' })
  assert.deepEqual(await builds.listing(await build(text, { dep })), ['644 0:0 a "A"', '644 0:0 own "own"'])
  const image = await build('FROM missing AS dep\nENV NO=1\nFROM dep\nCOPY own /', { dep: 'docker-image://base:1' })
  assert.deepEqual(await builds.listing(image), ['644 0:0 image "I"', '644 0:0 own "own"'])
  assert.deepEqual(image.config.config?.Env?.slice(1), ['FROM=image'])
})

test('an image stands for another one, for one platform or all', async () => {
  const image = await build('FROM alpine\nCOPY own /', { alpine: 'docker-image://base:1' })
  assert.deepEqual(await builds.listing(image), ['644 0:0 image "I"', '644 0:0 own "own"'])
  assert.deepEqual(image.config.config?.Labels, { triggered: 'yes' })
  const copied = await build('FROM scratch\nCOPY --from=alpine image /', { 'alpine::linux/amd64': 'docker-image://base:1' })
  assert.deepEqual(await builds.listing(copied), ['644 0:0 image "I"'])
  await assert.rejects(build('FROM alpine', { 'alpine::linux/arm64': 'docker-image://base:1' }), { kind: 'not_found' })
  assert.deepEqual(await builds.listing(await build('FROM alpine\nCOPY own /', { alpine: 'docker-image://scratch' })), [
    '644 0:0 own "own"',
  ])
})

test('a stage stands for an image or another stage, and can never lead to itself', async () => {
  const text = 'FROM scratch AS one\nCOPY own /one\nFROM other\nCOPY own /two'
  assert.deepEqual(await builds.listing(await build(text, { other: 'target:one' })), ['644 0:0 one "own"', '644 0:0 two "own"'])
  assert.deepEqual(await builds.listing(await build('FROM scratch AS one\nCOPY own /one', { one: 'target:one' })), [
    '644 0:0 one "own"',
  ])
  await assert.rejects(build(text, { other: 'target:none' }), /target stage "none" could not be found/)
})

test('what a server has stands for a stage: an archive with its files, anything else as a file', async () => {
  const tar = execFileSync('tar', ['-C', await builds.context({ a: 'A' }), '--owner=0', '--group=0', '-cz', './a'])
  await using server = await TestServer.open((request, response) =>
    response.writeHead(200).end(request.url === '/tar' ? tar : 'text'),
  )
  const image = await build('FROM scratch\nCOPY --from=tar a /\nCOPY --from=file context /f', {
    tar: `${server.url}/tar`,
    file: `${server.url}/x`,
  })
  assert.deepEqual(await builds.listing(image), ['644 0:0 a "A"', '600 0:0 f "text"'])
})

test('RUN --mount takes its files from a named context', { skip: runSkip }, async () => {
  await builds.busybox()
  const lib = await builds.context({ a: 'A', 'd/b': 'B' })
  const { output } = await build('FROM busybox\nRUN --mount=from=lib,target=/lib cat /lib/a /lib/d/b', { lib })
  assert.equal(output, 'AB')
})

test('scratch and context cannot be replaced, and what means nothing is refused', async () => {
  const lib = await builds.context({ a: 'A' })
  assert.deepEqual(await builds.listing(await build('FROM scratch\nCOPY own /', { scratch: lib, context: lib })), [
    '644 0:0 own "own"',
  ])
  for (const contexts of [{ 'a b': lib }, { '': lib }, { lib: '' }])
    await assert.rejects(build('FROM scratch\nCOPY own /', contexts), { code: 'BUILD_CONTEXT_INVALID' })
  await assert.rejects(build('FROM scratch\nCOPY --from=lib a /', { lib: '/nowhere' }), { code: 'NO_CONTEXT' })
  fc.assert(
    fc.property(
      fc.string(),
      fc.string({ unit: fc.constantFrom('a', 'A', ':', '/', '@', '#', '?', '-', '.', 'docker-image://', 'git@') }),
      (name, value) => {
        try {
          new NamedContexts({ [name]: value }).find(name, platform)
        } catch (error) {
          assert.ok(isGantryError(error), String(error))
        }
      },
    ),
    { numRuns: 500, seed: 3 },
  )
})
