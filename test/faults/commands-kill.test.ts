import assert from 'node:assert/strict'
import { createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { test, type TestContext } from 'node:test'
import { openDiskStore } from '../../src/content/disk-store/disk-store.ts'
import { createImage } from '../../src/content/mutate.ts'
import { collectUnused } from '../../src/engine/images/collect.ts'
import { removeImage } from '../../src/engine/images/remove.ts'
import { saveImages } from '../../src/engine/images/save.ts'
import { streamOf } from '../../src/lib/bytes.ts'
import { digestOf } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { describe } from '../../src/oci/manifest.ts'
import { startFaultyRegistry } from '../../src/testing/faulty-registry.ts'
import { checkStore, leftovers, type StoreState } from './check-store.ts'
import { assertClearError, FaultyRoot, type Ended } from './gantry-process.ts'
import { largeLayer } from './large-image.ts'
import { publishImage } from './published-image.ts'
import { walkCalls, type WalkOptions } from './walk.ts'

const faults = {
  before: { action: 'before', calls: /^/ },
  during: { action: 'during', calls: /^write/ },
  full: { action: 'ENOSPC', calls: /^(?:open|write|mkdir|rename|link)/ },
} as const

/** Walks through a command with these faults. */
const walkAll = async (
  context: TestContext,
  options: Omit<WalkOptions, 'action' | 'calls'>,
  kinds: readonly (keyof typeof faults)[] = ['before', 'during', 'full'],
): Promise<void> => {
  for (const fault of kinds.map((kind) => faults[kind])) {
    const count = await walkCalls({
      each: 'kind',
      ...options,
      ...fault,
      check: async (root, ended, call) => {
        if (ended.status !== undefined && ended.status > 0) assertClearError(ended)
        await options.check(root, ended, call)
      },
    })
    context.diagnostic(`${fault.action}: ${count} calls`)
  }
}

const succeed = async (root: FaultyRoot, ...args: readonly string[]): Promise<Ended> => {
  const ended = await root.run(...args)
  assert.equal(ended.status, 0, ended.stderr)
  return ended
}

/** After everything has been removed nothing may be left. */
const assertNothingLeft = async (root: FaultyRoot): Promise<void> => {
  await using engine = root.engine()
  for (const name of (await checkStore(root.root)).names.keys()) await removeImage(engine, name, { force: true })
  rmSync(join(root.root, 'build-cache'), { recursive: true, force: true })
  await collectUnused(engine)
  assert.deepEqual(leftovers(root.root), [])
}

/** A root folder with a pulled image in it. */
const pulled = async (): Promise<{ readonly root: FaultyRoot; readonly name: string; readonly state: StoreState }> => {
  await using image = await publishImage({ layers: 3 })
  const root = new FaultyRoot()
  await succeed(root, 'pull', image.name)
  return { root, name: image.name, state: await checkStore(root.root) }
}

test('tag killed or failing at any of its changes leaves the names before or after it', async (context) => {
  const template = await pulled()
  await using _root = template.root
  await walkAll(context, {
    args: ['tag', template.name, 'other:1'],
    template: template.root.root,
    check: async (root) => {
      const { names, blobs, layers } = await checkStore(root.root)
      assert.deepEqual({ blobs, layers }, { blobs: template.state.blobs, layers: template.state.layers })
      assert.ok(names.has(template.name) && names.size <= 2)
      await succeed(root, 'tag', template.name, 'other:1')
      assert.equal((await checkStore(root.root)).names.size, 2)
      await assertNothingLeft(root)
    },
  })
})

test('rmi killed or failing at any of its changes leaves the image whole or without a name, and the next one clears up', async (context) => {
  const template = await pulled()
  await using _root = template.root
  await walkAll(context, {
    args: ['rmi', template.name],
    template: template.root.root,
    check: async (root) => {
      const { names } = await checkStore(root.root)
      if (names.size > 0) assert.deepEqual(await checkStore(root.root), template.state)
      await assertNothingLeft(root)
    },
  })
})

test('load killed or failing at any of its changes leaves the store whole, and the next one brings the image', async (context) => {
  const template = await pulled()
  await using source = template.root
  const archive = join(source.folder, 'image.tar')
  await using engine = source.engine()
  await pipeline(await saveImages(engine, [template.name]), createWriteStream(archive))
  await walkAll(
    context,
    {
      args: ['load', '-i', archive],
      check: async (root, { status }) => {
        const before = await checkStore(root.root)
        if (status === 0) assert.deepEqual(before, template.state)
        await succeed(root, 'load', '-i', archive)
        assert.deepEqual(await checkStore(root.root), template.state)
        await assertNothingLeft(root)
      },
    },
    ['before'],
  )
})

test('push of an image built here, killed or failing at any of its changes, loses nothing, and the next one is whole', async (context) => {
  await using registry = await startFaultyRegistry()
  await using source = new FaultyRoot()
  const store = await openDiskStore({ folder: join(source.root, 'content') })
  const { tar } = await largeLayer(6_000_000)
  const layer = describe(tar, mediaTypes.ociLayer)
  await store.write(layer, streamOf(tar))
  const target = await createImage(store, {
    config: { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] }, config: {} },
    layers: [{ descriptor: layer, diffId: digestOf(tar), history: {} }],
  })
  const name = `${registry.host}/team/app:1`
  await store.tag(name, target)
  await walkAll(context, {
    args: ['push', name],
    template: source.root,
    // they share the registry, which forgets all after each
    parallel: 1,
    check: async (root) => {
      assert.deepEqual([...(await checkStore(root.root)).names.keys()], [name])
      await succeed(root, 'push', name)
      const pushed = (await checkStore(root.root)).names.get(name)
      assert.equal(registry.tags.get('team/app:1'), pushed)
      registry.blobs.clear()
      registry.manifests.clear()
      await assertNothingLeft(root)
    },
  })
})

test('build killed or failing at any of its changes leaves the store whole, and the next one makes the image', async (context) => {
  await using source = new FaultyRoot()
  const folder = join(source.folder, 'context')
  mkdirSync(folder)
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY a /a\nCOPY b /dir/\nENV X=1\n')
  for (const file of ['a', 'b']) writeFileSync(join(folder, file), file.repeat(1000))
  await walkAll(
    context,
    {
      args: ['build', '-q', '-t', 'made:1', folder],
      check: async (root, { status }) => {
        const { names } = await checkStore(root.root)
        if (status === 0) assert.equal(names.size, 1)
        await succeed(root, 'build', '-q', '-t', 'made:1', folder)
        assert.equal((await checkStore(root.root)).names.size, 1)
        await assertNothingLeft(root)
      },
    },
    ['before'],
  )
})
