import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inside, listing } from '../layers/erofs/test-mounts.ts'
import type { LayerStore } from '../layers/interfaces.ts'
import { createLayerWorkers, type TarLayersOptions } from '../layers/tar-layers.ts'
import { streamOf } from '../lib/bytes.ts'
import type { Mount } from '../lib/mount.ts'
import { digestOf, type DiffId } from '../oci/digest.ts'
import type { Compression } from '../oci/media-type.ts'

/** What the contract suite is run for. */
export interface LayerStoreSuite {
  readonly open: (options: TarLayersOptions) => LayerStore
  /** Where another process finds the same function: `import { name } from module`. */
  readonly module: string
  readonly name: string
}

/** An empty store in a temporary folder. Disposing removes all of it. */
export interface LayerStoreFixture extends AsyncDisposable {
  readonly store: LayerStore
  readonly folder: string
  /** Another store over the same folder, as another process has it. */
  reopen(options?: { readonly maxTarSize?: number }): LayerStore
  /** A new empty folder beside the store. */
  space(): Promise<string>
}

/** Shared by all tests: starting a thread costs more than most of them. */
const workers = createLayerWorkers()

export const openFixture = async (suite: LayerStoreSuite): Promise<LayerStoreFixture> => {
  const root = await mkdtemp(join(tmpdir(), 'gantry-layers-'))
  const folder = join(root, 'store')
  let serial = 0
  return {
    folder,
    store: suite.open({ folder, workers }),
    reopen: (options) => suite.open({ folder, workers, ...options }),
    space: async () => {
      const path = join(root, String(serial++))
      await mkdir(path)
      return path
    },
    [Symbol.asyncDispose]: async () => await rm(root, { recursive: true, force: true }),
  }
}

export const diffIdOf = (tar: Uint8Array): DiffId => digestOf(tar)

/** Adds tars as layers, base first. */
export const addAll = async (
  store: LayerStore,
  tars: readonly Buffer[],
  compression: Compression = 'none',
): Promise<DiffId[]> => {
  const ids: DiffId[] = []
  for (const tar of tars) {
    const id = diffIdOf(tar)
    await store.add(id, streamOf(tar), { compression })
    ids.push(id)
  }
  return ids
}

/** The mounts of a stack, read-only or with an upper of its own, and where they put it. */
export const mountsOf = async (
  fixture: LayerStoreFixture,
  ids: readonly DiffId[],
  options: { readonly writable?: boolean; readonly store?: LayerStore } = {},
): Promise<{ readonly mounts: readonly Mount[]; readonly target: string; readonly upper: string }> => {
  const [target, scratch, upper, work] = await Promise.all([fixture.space(), fixture.space(), fixture.space(), fixture.space()])
  const writable = options.writable === true ? { upper: { upper, work } } : {}
  const mounts = await (options.store ?? fixture.store).mounts(ids, { target, scratch, ...writable })
  return { mounts, target, upper }
}

/** All that can be seen of a stack when it is mounted. */
export const seen = async (fixture: LayerStoreFixture, ids: readonly DiffId[]): Promise<string[]> => {
  const { mounts, target } = await mountsOf(fixture, ids)
  return listing(mounts, target)
}

/** The paths that can be seen of a stack when it is mounted, sorted. */
export const seenPaths = async (fixture: LayerStoreFixture, ids: readonly DiffId[]): Promise<string[]> => {
  const { mounts, target } = await mountsOf(fixture, ids)
  const found = inside(mounts, 'find', [target, '-mindepth', '1', '-printf', '%P\\0'])
  return found.toString('latin1').split('\0').slice(0, -1).sort()
}

/** Fails if the store has anything that is not whole: something half-written, or work that nobody does. */
export const assertTidy = async (fixture: LayerStoreFixture, layers: readonly DiffId[]): Promise<void> => {
  const listed: DiffId[] = []
  for await (const id of fixture.store.list()) listed.push(id)
  assert.deepEqual(listed.sort(), [...layers].sort())
  assert.deepEqual(await leftovers(fixture), [])
}

/** What work in progress there is, besides locks. */
export const leftovers = async (fixture: LayerStoreFixture): Promise<string[]> => {
  const names = await readdir(join(fixture.folder, 'tmp')).catch(() => [])
  return names.filter((name) => !name.endsWith('lock'))
}
