import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { collectGarbage } from '../content/collect-garbage.ts'
import { openDiskStore } from '../content/disk-store/disk-store.ts'
import { streamOf } from '../lib/bytes.ts'
import { Leases } from '../lib/leases.ts'
import { chainIds } from '../oci/chain-id.ts'
import type { ChainId, DiffId } from '../oci/digest.ts'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { file, tarOf } from './erofs/test-layers.ts'
import type { LayerStore } from './interfaces.ts'
import { createLayerStore } from './layer-store.ts'
import { createLayerWorkers, TarLayers } from './tar-layers.ts'

const workers = createLayerWorkers()

/** A process with both stores of a root, as the engine has it. */
const openRoot = async (root: string) => {
  const leases = new Leases(join(root, 'leases'))
  const content = await openDiskStore({ folder: join(root, 'content'), leases })
  const tars = new TarLayers({ folder: join(root, 'layers'), leases, workers })
  const layers = createLayerStore(tars, async () => assert.fail('nothing is mounted'))
  return { leases, content, tars, layers }
}

const addLayer = async (layers: LayerStore, text: string): Promise<DiffId> =>
  (await layers.create(streamOf(await tarOf([file(text, text)])))).diffId

/** The index over several layers, base first, as a driver makes it. */
const merge = async (tars: TarLayers, ids: readonly DiffId[]): Promise<ChainId> => {
  const chainId = chainIds(ids).at(-1) as ChainId
  const layers = await Promise.all(ids.map(async (id) => await tars.info(id)))
  const temporary = await tars.workspace.run(async () => await tars.workspace.temporary())
  await tars.runJob({ kind: 'merge', folder: tars.folder, temporary, chainId, layers })
  return chainId
}

const list = async (layers: LayerStore): Promise<readonly DiffId[]> => (await Array.fromAsync(layers.list())).toSorted()

test('layers and what was made of them are collected unless a live process relies on them', async () => {
  await using folder = await temporaryFolder()
  const [one, two] = [await openRoot(folder.path), await openRoot(folder.path)]
  const [a, b, c] = [await addLayer(one.layers, 'a'), await addLayer(one.layers, 'b'), await addLayer(one.layers, 'c')]
  const [ab, ac] = [await merge(one.tars, [a, b]), await merge(one.tars, [a, c])]
  {
    await using _lease = await two.content.lease()
    assert.ok((await two.layers.has(a)) && (await two.layers.has(b)))
    await two.leases.rely([ab])
    const made = await addLayer(two.layers, 'made')
    const removed = await collectGarbage(one.content, { dependents: [one.layers] })
    assert.deepEqual(new Set(removed.map(({ digest }) => digest)), new Set<string>([c, ac]))
    assert.deepEqual(await list(one.layers), [a, b, made].toSorted())
  }
  const removed = await collectGarbage(one.content, { dependents: [one.layers], stacks: async () => [[a]] })
  assert.equal(removed.length, 3)
  assert.deepEqual(await list(one.layers), [a])
})

test('work of dead processes is removed, and that of live ones is not', async () => {
  await using folder = await temporaryFolder()
  const [one, two] = [await openRoot(folder.path), await openRoot(folder.path)]
  await addLayer(one.layers, 'a')
  const work = join(folder.path, 'layers', 'tmp')
  await using _lease = await two.leases.take()
  const live = `${await two.leases.owner()}.work`
  for (const name of ['0123456789abcdef.work', live]) mkdirSync(join(work, name))
  await collectGarbage(one.content, { dependents: [one.layers] })
  assert.deepEqual(readdirSync(work), [live])
})

test('verify() tells what is wrong with a layer, and makes its index again', async () => {
  await using folder = await temporaryFolder()
  const { layers, tars } = await openRoot(folder.path)
  const [a, b] = [await addLayer(layers, 'a'), await addLayer(layers, 'b')]
  const ab = await merge(tars, [a, b])
  assert.deepEqual(await layers.verify(a), {})
  assert.deepEqual(await Array.fromAsync(layers.verifyMerged()), [{ id: ab }])
  const before = readFileSync(tars.paths.index(a))
  writeFileSync(tars.paths.index(a), 'no index')
  assert.deepEqual(await layers.verify(a), { index: 'its index is not what its tar gives' })
  assert.match((await Array.fromAsync(layers.verifyMerged()))[0]?.index ?? '', /missing or damaged/)
  assert.equal((await layers.verify(a, { repair: true })).repaired, true)
  assert.deepEqual(readFileSync(tars.paths.index(a)), before)
  assert.deepEqual(readdirSync(tars.paths.layer(a)).toSorted(), ['index', 'info', 'tar'])
  truncateSync(tars.paths.info(b), 1)
  assert.match((await layers.verify(b)).index ?? '', /list of facts/)
  truncateSync(tars.paths.tar(b), 600)
  assert.match((await layers.verify(b, { repair: true })).tar ?? '', /^its tar of 600 bytes has the digest/)
  const merged = join(tars.paths.merged, ab.replace(':', '-'), 'index')
  assert.deepEqual((await layers.verify(a)).tar, undefined)
  writeFileSync(merged, 'other')
  assert.equal((await Array.fromAsync(layers.verifyMerged({ repair: true })))[0]?.repaired, true)
  assert.deepEqual(await Array.fromAsync(layers.verifyMerged()), [])
})
