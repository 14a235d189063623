import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { streamOf } from '../lib/bytes.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { createImage } from './mutate.ts'
import { collectGarbage } from './collect-garbage.ts'
import { copy } from './copy.ts'
import type { DiskStore } from './interfaces.ts'
import { readImage } from './image.ts'
import { walk } from './walk.ts'

// What processes do to a store that is collected meanwhile. Each step asserts what it may rely on.

export const steps = ['pull', 'hold', 'build', 'tag', 'untag', 'collect', 'audit'] as const
export type Step = (typeof steps)[number]

export interface Actor {
  readonly store: DiskStore
  /** Where images are pulled from: nobody collects it. */
  readonly source: DiskStore
  readonly images: readonly Descriptor[]
}

const nameOf = (number: number): string => `example.com/image:${number % 6}`

/** All that a manifest leads to is there, byte for byte. */
export const assertWhole = async (store: DiskStore, root: Descriptor, why: string): Promise<void> => {
  for await (const { kind, descriptor } of walk(store, [root])) {
    assert.notEqual(kind, 'missing', `${why}: ${descriptor.digest} of ${root.digest} is gone`)
    for await (const _ of await store.open(descriptor));
  }
}

/** Does one step; `number` chooses the image and the name. */
export const act = async (actor: Actor, step: Step, number: number): Promise<void> => {
  const { store, source, images } = actor
  const image = images[number % images.length] as Descriptor
  switch (step) {
    case 'pull': {
      await using _lease = await store.lease()
      await copy(source, store, { from: image, to: nameOf(number) })
      return await assertWhole(store, image, 'just pulled')
    }
    case 'hold': {
      await using _lease = await store.lease()
      await copy(source, store, { from: image })
      for (let round = 0; round < 1 + (number % 4); round++) {
        await turn()
        await assertWhole(store, image, 'held without a name')
      }
      return
    }
    case 'build':
      return await build(store, number)
    case 'tag':
      return await retag(store, number)
    case 'untag':
      return void (await store.untag(nameOf(number)))
    case 'collect':
      return void (await collectGarbage(store))
    case 'audit':
      return await audit(store)
  }
}

/** A layer over an image that is there, as a build finds it, or over nothing. */
const build = async (store: DiskStore, number: number): Promise<void> => {
  await using _lease = await store.lease()
  const base = (await store.names())[number % 3]?.descriptor
  const below = base !== undefined && (await store.has(base)) ? await readImage(store, base, { fallback: 'any' }) : undefined
  const layer = await store.ingest(streamOf(Buffer.from(`layer ${number % 5}`)), mediaTypes.ociLayer)
  await turn()
  const built = await createImage(store, {
    config: { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [] } },
    layers: [
      ...(below?.layers ?? []).map(({ blob, diffId }) => ({ descriptor: blob, diffId })),
      { descriptor: layer, diffId: layer.digest },
    ],
  })
  await turn()
  await assertWhole(store, built, 'just built')
  await store.tag(nameOf(number), built)
}

const retag = async (store: DiskStore, number: number): Promise<void> => {
  const found = (await store.names()).find(({ name }) => name === nameOf(number))
  if (found === undefined) return
  try {
    await store.tag(nameOf(number + 1), found.descriptor)
  } catch (error) {
    // untagged and collected in between
    assert.equal((error as { readonly kind?: string }).kind, 'not_found')
  }
}

/** Whatever is named, and still named once it is relied on, is whole. */
export const audit = async (store: DiskStore): Promise<void> => {
  await using _lease = await store.lease()
  for (const { descriptor } of await store.names()) {
    if (await store.has(descriptor)) await assertWhole(store, descriptor, 'named')
    else assert.ok(!(await store.names()).some((named) => named.descriptor.digest === descriptor.digest), 'named, and gone')
  }
}
