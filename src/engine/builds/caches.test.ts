import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { cacheRecords } from '../../build/cache.ts'
import { createManifest } from '../../content/mutate.ts'
import { openLayout } from '../../content/layout.ts'
import { streamOf } from '../../lib/bytes.ts'
import { describe, encodeJson, parseManifest } from '../../oci/manifest.ts'
import { buildImage, type BuildEvent } from '../build.ts'
import { Engine } from '../engine.ts'
import { TestEngine } from '../test-engine.ts'

let host: TestEngine
let count = 0
before(async () => void (host = await TestEngine.start()))
after(async () => await host[Symbol.asyncDispose]())

/** Another machine: an engine with a root of its own. */
const machine = (): Engine =>
  new Engine({ ...host.engine.options, root: join(host.folder, `root-${count}`), runFolder: join(host.folder, `run-${count++}`) })

const context = async (files: Readonly<Record<string, string>>): Promise<string> => {
  const folder = join(host.folder, `context-${count++}`)
  await mkdir(folder)
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

interface Seen {
  readonly id: string
  /** How steps ended, by what they are. */
  readonly steps: readonly string[]
  readonly warnings: readonly string[]
  /** Layers that were brought. */
  readonly brought: number
}

const build = async (engine: Engine, folder: string, options: object = {}): Promise<Seen> => {
  const events: BuildEvent[] = []
  const { id } = await buildImage(engine, {
    context: folder,
    tags: [],
    pull: false,
    onEvent: (one) => void events.push(one),
    ...options,
  })
  const labels = new Map(events.flatMap((one) => (one.kind === 'started' ? [[one.id, one.label] as const] : [])))
  const ended = events.filter(({ kind }) => kind === 'cached' || kind === 'done') as readonly {
    readonly id: string
    readonly kind: string
  }[]
  const own = ended.filter((one) => !one.id.startsWith('internal:'))
  return {
    id,
    steps: own.map((one) => `${labels.get(one.id)?.replace(/^\[.*?\] /, '')}: ${one.kind}`),
    warnings: events.flatMap((one) => (one.kind === 'warning' ? [one.message] : [])),
    brought: ended.filter((one) => /importing layer/.test(one.id)).length,
  }
}

const staged = 'FROM scratch AS one\nCOPY a /a\nCOPY b /b\nFROM scratch\nCOPY --from=one /a /copied\nCOPY c /c\n'
const files = { Dockerfile: staged, a: 'a', b: 'b', c: 'c' }
const all = ['COPY a /a', 'COPY b /b', 'COPY --from=one /a /copied', 'COPY c /c']

test('--cache-to mode=max gives another machine all steps, and it brings the layers of the image only', async () => {
  const folder = await context(files)
  const ref = host.name('caches/max')
  const first = await build(host.engine, folder, {
    cacheTo: [`type=registry,ref=${ref},mode=max,image-manifest=true,oci-mediatypes=true`],
  })
  const other = machine()
  const second = await build(other, folder, { cacheFrom: [`type=registry,ref=${ref}`] })
  assert.deepEqual(second.steps.toSorted(), all.map((step) => `${step}: cached`).toSorted())
  assert.equal(second.brought, 2)
  assert.equal(second.id, first.id)
  // what was brought is known from now on, without the cache
  assert.ok((await build(other, folder)).steps.includes('COPY c /c: cached'))
})

test('A step on a file system that a cache has brings the layers that it needs', async () => {
  const folder = await context(files)
  const ref = host.name('caches/needed')
  await build(host.engine, folder, { cacheTo: [`type=registry,ref=${ref},mode=max`] })
  await writeFile(join(folder, 'Dockerfile'), staged.replace('/a /copied', '/b /other'))
  const seen = await build(machine(), folder, { cacheFrom: [ref] })
  assert.ok(seen.steps.includes('COPY b /b: cached') && seen.steps.includes('COPY --from=one /b /other: done'), seen.steps.join())
  // both layers of the stage that is copied from, and the last one of the image
  assert.equal(seen.brought, 3)
})

test('--cache-to mode=min gives the steps of the image only', async () => {
  const folder = await context({ ...files, a: 'min', b: 'min-b' })
  const dest = join(host.folder, 'min')
  await build(host.engine, folder, { cacheTo: [`type=local,dest=${dest}`] })
  const seen = await build(machine(), folder, { cacheFrom: [`type=local,src=${dest}`] })
  assert.deepEqual(
    seen.steps.filter((step) => step.endsWith('done')).map((step) => step.split(':')[0]),
    ['COPY a /a', 'COPY b /b'],
  )
})

test('--cache-to takes several, with any compression, and --cache-from too, the first that knows a step first', async () => {
  const folder = await context({ ...files, a: 'several' })
  const [one, two] = [join(host.folder, 'gz'), join(host.folder, 'zst')]
  await build(host.engine, folder, {
    cacheTo: [
      `type=local,dest=${one},mode=max,compression=gzip`,
      `type=local,dest=${two},mode=max,tag=z,compression=zstd,compression-level=1`,
    ],
  })
  for (const [path, name, type] of [
    [one, 'latest', 'gzip'],
    [two, 'z', 'zstd'],
  ] as const) {
    await using layout = await openLayout(path)
    const { layers } = parseManifest(layout.read(await layout.resolve(name)))
    assert.ok(layers.length > 0 && layers.every(({ mediaType }) => mediaType.endsWith(type)))
  }
  const seen = await build(machine(), folder, {
    cacheFrom: [`type=local,src=${join(host.folder, 'nothing')}`, `type=local,src=${two},tag=z`, `type=local,src=${one}`],
  })
  assert.ok(seen.steps.every((step) => step.endsWith('cached')))
  assert.equal(seen.warnings.length, 1)
  assert.match(seen.warnings[0]!, /^cannot import the cache from ".*nothing": .*it is no OCI layout$/)
})

test('--cache-to type=inline puts the steps into the image, from where any machine takes them', async () => {
  const folder = await context({ ...files, a: 'inline', b: 'inline too' })
  const name = host.name('caches/inline:1')
  const tags = [name]
  const outputs = [{ kind: 'image', names: [name], push: true, mediaTypes: 'oci', annotations: [] }]
  const { id } = await build(host.engine, folder, { tags, outputs, cacheTo: ['type=inline'] })
  assert.equal(
    (await build(host.engine, folder, { tags, cacheTo: ['type=inline'] })).id,
    id,
    'nor is it another image when all was cached',
  )
  const other = machine()
  const seen = await build(other, folder, { cacheFrom: [name] })
  assert.deepEqual(
    seen.steps.filter((step) => step.endsWith('cached')).map((step) => step.split(':')[0]),
    ['COPY --from=one /a /copied', 'COPY c /c'],
  )
  // an image that is built on it holds no cache that is not its own
  const built = await build(other, await context({ Dockerfile: `FROM ${name}\nENV x=y` }))
  const config = join(other.options.root, 'content', 'blobs', 'sha256', built.id.slice(7))
  assert.ok(!(await readFile(config, 'utf8')).includes('buildcache'))
})

test('A cache is written again from a cache, with layers that were never brought', async () => {
  const folder = await context({ ...files, a: 'again' })
  const [first, second] = [host.name('caches/first'), host.name('caches/second')]
  await build(host.engine, folder, { cacheTo: [`type=registry,ref=${first},mode=max`] })
  const middle = await build(machine(), folder, {
    cacheFrom: [first],
    cacheTo: [`type=registry,ref=${second},mode=max`],
  })
  assert.equal(middle.brought, 2)
  const seen = await build(machine(), folder, { cacheFrom: [second] })
  assert.ok(seen.steps.every((step) => step.endsWith('cached')))
})

test('--no-cache asks no cache, and a cache that is not needed is not asked', async () => {
  const folder = await context({ ...files, a: 'unasked' })
  const engine = machine()
  await build(engine, folder)
  for (const options of [{}, { noCache: true }])
    assert.deepEqual((await build(engine, folder, { ...options, cacheFrom: ['127.0.0.1:1/nobody/listens'] })).warnings, [])
})

test('A cache that is missing, foreign or no cache is told and left out', async () => {
  const folder = await context({ ...files, a: 'bad' })
  const dest = join(host.folder, 'bad')
  await using layout = await openLayout(dest, { create: true })
  const put = async (name: string, value: object, mediaType: string): Promise<string> => {
    const bytes = encodeJson(value)
    const config = describe(bytes, mediaType)
    await layout.write(config, streamOf(bytes))
    await layout.tag(name, await createManifest(layout, { config, layers: [] }))
    return `type=local,src=${dest},tag=${name}`
  }
  const ours = 'application/vnd.gantry.buildcache.config.v1+json'
  const image = { architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } }
  const cases: readonly (readonly [string, RegExp])[] = [
    [host.name('caches/none'), /caches\/none/],
    [`type=local,src=${dest},tag=missing`, /missing/],
    [await put('foreign', { layers: [], records: [] }, 'application/vnd.buildkit.cacheconfig.v0'), /BuildKit has written it/],
    [await put('future', { version: 2, records: [] }, ours), /no build cache of a version that is known/],
    [await put('odd', { version: 1, records: 'none' }, ours), /no build cache/],
    [await put('artifact', {}, 'application/x'), /it is no build cache/],
    [await put('image', image, 'application/vnd.oci.image.config.v1+json'), /the image holds no cache/],
    [
      await put('inline', { ...image, 'moby.buildkit.cache.v0': 'e30=' }, 'application/vnd.oci.image.config.v1+json'),
      /BuildKit has written it/,
    ],
    [
      await put('broken', { ...image, 'gantry.buildcache.v1': 'e30=' }, 'application/vnd.oci.image.config.v1+json'),
      /no build cache/,
    ],
  ]
  for (const [from, message] of cases) {
    const seen = await build(machine(), folder, { cacheFrom: [from] })
    assert.match(seen.warnings.join('\n'), message, from)
    assert.ok(seen.steps.every((step) => step.endsWith('done')))
  }
  // records that lead nowhere are none
  const nowhere = {
    version: 1,
    records: [{}, null, { key: 'a'.repeat(64), layer: `sha256:${'b'.repeat(64)}`, time: 0 }, { key: '..', layer: 'x' }],
  }
  assert.deepEqual((await build(machine(), folder, { cacheFrom: [await put('nowhere', nowhere, ours)] })).warnings, [])
})

test('A layer of a cache whose bytes are wrong is refused, and nothing of it is kept', async () => {
  const folder = await context({ ...files, a: 'wrong bytes' })
  const dest = join(host.folder, 'wrong')
  await build(host.engine, folder, { cacheTo: [`type=local,dest=${dest},compression=uncompressed,mode=max`] })
  const blobs = join(dest, 'blobs', 'sha256')
  for (const name of await readdir(blobs)) {
    const bytes = await readFile(join(blobs, name))
    if (bytes.length > 512 && bytes[0] !== 0x7b) await writeFile(join(blobs, name), Buffer.from(bytes).fill(0x41, 0, 1))
  }
  const other = machine()
  await assert.rejects(
    build(other, folder, { cacheFrom: [`type=local,src=${dest}`] }),
    (error: Error & { readonly hint?: string }) => {
      assert.match(error.message, /Cannot use the cache: layer "sha256:[0-9a-f]+": /)
      assert.equal(error.hint, 'build without --cache-from')
      return true
    },
  )
  assert.deepEqual(await cacheRecords(other.path('build-cache')), [])
  assert.ok((await build(other, folder)).steps.every((step) => step.endsWith('done')))
})

test('A cache that cannot be written ends the build, unless that is to be ignored', async () => {
  const folder = await context({ ...files, a: 'unwritable' })
  const file = join(host.folder, 'a-file')
  await writeFile(file, '')
  const to = `type=registry,ref=127.0.0.1:1/nobody/listens`
  await assert.rejects(
    build(machine(), folder, { cacheTo: [to] }),
    /^GantryError: Cannot export the cache to "127\.0\.0\.1:1\/nobody\/listens": /,
  )
  const { warnings } = await build(machine(), folder, { cacheTo: [`${to},ignore-error=true`] })
  assert.match(warnings.join(), /Cannot export the cache/)
  await rm(file)
})
