import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { readManifest } from '../../content/read-blob.ts'
import { streamOf } from '../../lib/bytes.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { randomImage, randomIndex } from '../../testing/random-image.ts'
import { Engine } from '../engine.ts'
import { listImages } from './list.ts'
import { localImages } from './lookup.ts'

const amd64: Platform = { os: 'linux', architecture: 'amd64' }

/** Engines of one root, each like a process of its own. */
const engines = (context: TestContext): ((platform?: Platform) => Engine) => {
  const root = mkdtempSync(join(tmpdir(), 'gantry-known-'))
  context.after(() => rmSync(root, { recursive: true }))
  return (platform = amd64) =>
    new Engine({ root, runFolder: join(root, 'run'), environment: {}, platform, selfCommand: [], now: () => new Date(0) })
}

test('listImages() says the same whether images are known or read', async (context) => {
  const open = engines(context)
  const store = await open().content()
  for (const seed of [1, 2]) await store.tag(`docker.io/library/x:${seed}`, await randomImage(store, { seed }))
  await store.tag('docker.io/library/y:1', await randomIndex(store))
  const read = await listImages(open())
  assert.equal(read.length, 3)
  const path = open().path('cache', 'images.json')
  const kept = readFileSync(path)
  assert.deepEqual(await listImages(open()), read)
  assert.deepEqual(readFileSync(path), kept)
  for (const damage of [Buffer.alloc(0), kept.subarray(0, 200), Buffer.from('{}'), Buffer.from('null')]) {
    writeFileSync(path, damage)
    assert.deepEqual(await listImages(open()), read)
    assert.deepEqual(readFileSync(path), kept)
  }
})

test('localImages() knows nothing of images that are gone', async (context) => {
  const open = engines(context)
  const store = await open().content()
  const [first, second] = [await randomImage(store, { seed: 1 }), await randomImage(store, { seed: 2 })]
  for (const [name, image] of Object.entries({ 'a/b:1': first, 'a/b:2': second })) await store.tag(name, image)
  const [, known] = await localImages(open())
  assert.equal(known?.target.digest, second.digest)
  await store.delete(known.id)
  assert.deepEqual(
    (await localImages(open())).map(({ names }) => names),
    [['a/b:1']],
  )
  await store.untag('a/b:1')
  assert.deepEqual(await localImages(open()), [])
  assert.ok(!readFileSync(open().path('cache', 'images.json'), 'utf8').includes(first.digest))
})

test('localImages() chooses anew for another platform, and when a better image has come', async (context) => {
  const open = engines(context)
  const store = await open().content()
  const index = await randomIndex(store)
  await store.tag('a/b:1', index)
  const architecture = async (platform?: Platform): Promise<string | undefined> =>
    (await localImages(open(platform)))[0]?.image.config.architecture
  assert.equal(await architecture(), 'amd64')
  assert.equal(await architecture({ os: 'linux', architecture: 'arm64' }), 'arm64')
  const read = await readManifest(store, index)
  const best = read.kind === 'index' ? read.index.manifests[0] : undefined
  assert.ok(best)
  const bytes = store.read(best)
  await store.delete(best.digest)
  assert.equal(await architecture(), 'arm64')
  assert.equal(await architecture(), 'arm64')
  await store.write(best, streamOf(bytes))
  assert.equal(await architecture(), 'amd64')
})

test('listImages() does without where nothing can be kept', async (context) => {
  const open = engines(context)
  const store = await open().content()
  await store.tag('a/b:1', await randomImage(store))
  writeFileSync(open().path('cache'), '')
  assert.equal((await listImages(open())).length, 1)
  assert.ok(!existsSync(open().path('cache', 'images.json')))
})
