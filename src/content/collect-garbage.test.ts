import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { streamOf, type ByteStream } from '../lib/bytes.ts'
import { describe as describeBytes } from '../oci/manifest.ts'
import { temporaryStore } from '../testing/content-store-folder.ts'
import { chunksOf, randomBytes, randomImage, randomIndex } from '../testing/random-image.ts'
import { collectGarbage } from './collect-garbage.ts'
import { copy } from './copy.ts'
import { openDiskStore } from './disk-store/disk-store.ts'
import { partialPath } from './disk-store/ingest.ts'
import { readImage } from './image.ts'
import type { DiskStore, Garbage } from './interfaces.ts'
import { Reachable } from './reachable.ts'

const digestsIn = async (store: DiskStore): Promise<ReadonlySet<string>> =>
  new Set((await Array.fromAsync(store.list())).map(({ digest }) => digest))

const digestsOf = (garbage: readonly Garbage[]): ReadonlySet<string> => new Set(garbage.map(({ digest }) => digest))

test('collectGarbage() deletes what no name and no other root reaches', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const [kept, shared, dropped] = [1, 2, 3].map(async (seed) => await randomImage(store, { seed }))
  const index = await randomIndex(store, { seed: 4 })
  await store.tag('a:1', await kept!)
  await store.tag('a:2', index)
  const nameless = await randomImage(store, { seed: 5 })
  await store.tag(nameless.digest, nameless)
  const before = await digestsIn(store)
  const gone = await readImage(store, await dropped!)
  const result = await collectGarbage(store, { keep: [await shared!] })
  const expected = [gone.descriptor, gone.manifest.config, ...gone.manifest.layers].map(({ digest }) => digest)
  assert.deepEqual(digestsOf(result), new Set(expected))
  assert.equal(result[0]?.digest, gone.descriptor.digest)
  assert.deepEqual(await digestsIn(store), new Set([...before].filter((digest) => !expected.some((one) => one === digest))))
  const reachable = new Reachable(store)
  await reachable.add([await kept!])
  const { layers } = await readImage(store, await kept!)
  for (const { diffId, chainId } of layers) assert.ok(reachable.layers.has(diffId) && reachable.layers.has(chainId))
  for (const { diffId } of gone.layers) assert.ok(!reachable.layers.has(diffId))
})

test('collectGarbage() removes an index before its manifests', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const index = await randomIndex(store)
  const removed = [...digestsOf(await collectGarbage(store))]
  assert.equal(removed[0], index.digest)
  assert.deepEqual(await digestsIn(store), new Set())
})

test('collectGarbage() keeps the blobs of a sparse index', async () => {
  await using from = await temporaryStore()
  await using to = await temporaryStore()
  const index = await randomIndex(from.subject, { attestation: true })
  await copy(from.subject, to.subject, { from: index, to: 'a:1', platform: { os: 'linux', architecture: 'arm64' } })
  const before = await digestsIn(to.subject)
  assert.deepEqual(await collectGarbage(to.subject), [])
  assert.deepEqual(await digestsIn(to.subject), before)
})

test('collectGarbage() keeps what a lease relies on, with all that it leads to, in this process or another', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const [one, two, three] = [
    await randomImage(store, { seed: 1 }),
    await randomIndex(store, { seed: 2 }),
    await randomImage(store, { seed: 3 }),
  ]
  const other = await openDiskStore({ folder: store.folder })
  const lease = await store.lease()
  const sub = await other.lease()
  assert.ok((await store.has(one)) && (await other.has(two)))
  const removed = await collectGarbage(store)
  assert.ok(digestsOf(removed).has(three.digest))
  assert.equal(removed.length, 5)
  await sub[Symbol.asyncDispose]()
  assert.ok(digestsOf(await collectGarbage(other)).has(two.digest))
  assert.equal((await digestsIn(store)).size, 5)
  await lease[Symbol.asyncDispose]()

  const code = `
    import { openDiskStore } from '${import.meta.resolve('./disk-store/disk-store.ts')}'
    const store = await openDiskStore({ folder: ${JSON.stringify(store.folder)} })
    await store.lease()
    await store.has(${JSON.stringify(one)})
    process.stdout.write('held')
    setTimeout(() => undefined, 60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  assert.deepEqual(await collectGarbage(store), [])
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal((await collectGarbage(store)).length, 5)
  assert.deepEqual(readdirSync(join(store.folder, 'leases')), ['collecting.lock'])
})

test('collectGarbage() clears what dead writers left, and partial blobs only when they are old', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const bytes = randomBytes(1, 3 << 20)
  const descriptor = describeBytes(bytes, 'application/octet-stream')
  async function* breaking(): ByteStream {
    yield* chunksOf(bytes.subarray(0, 2 << 20), 65_536)
    throw new Error('broken')
  }
  await assert.rejects(store.write(descriptor, breaking()))
  const ingest = join(store.folder, 'ingest')
  writeFileSync(join(ingest, '0123456789abcdef.abc.tmp'), 'left by a writer that was killed')
  writeFileSync(join(store.folder, '.index.json.1.abc.tmp'), 'left by a writer that was killed')
  const partial = partialPath(store.folder, descriptor.digest)
  await collectGarbage(store)
  assert.deepEqual(
    readdirSync(ingest).map((name) => join(ingest, name)),
    [partial, `${partial}.lock`],
  )
  assert.ok(!existsSync(join(store.folder, '.index.json.1.abc.tmp')))
  utimesSync(partial, 1000, 1000)
  await collectGarbage(store, { partialsBefore: 2_000_000 })
  assert.deepEqual(readdirSync(ingest), [])
})

test('collectGarbage() passes over damaged and odd content', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const image = await randomImage(store)
  await store.tag('a:1', image)
  const { manifest } = await readImage(store, image)
  await store.delete(manifest.config.digest)
  await store.ingest(streamOf(Buffer.from('{"schemaVersion":2,"layers":1}')), 'x/y')
  assert.equal((await collectGarbage(store)).length, 1)
})
