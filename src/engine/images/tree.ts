import type { DiskStore, Image } from '../../content/interfaces.ts'
import type { LayerStore } from '../../layers/interfaces.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { listContainers } from '../containers/records.ts'
import type { Engine } from '../engine.ts'
import type { LocalImage } from './lookup.ts'
import { platformImages } from './platforms.ts'

interface Sizes {
  /** Bytes of manifests, configs and layer blobs, each once. */
  readonly contentSize: number
  /** The same and the files of unpacked or indexed layers. */
  readonly diskUsage: number
}

/** One platform of an image, here or not: what is not here takes nothing. */
export interface PlatformBranch extends Sizes {
  readonly descriptor: Descriptor
  readonly platform?: Platform
  readonly isHere: boolean
  /** A container was made from it. */
  readonly isUsed: boolean
}

/** An image with its platforms. */
export interface ImageTree extends Sizes {
  readonly target: Descriptor
  readonly names: readonly string[]
  readonly platforms: readonly PlatformBranch[]
}

/** What there is of every platform of images, in their order. */
export const imageTrees = async (engine: Engine, images: readonly LocalImage[]): Promise<readonly ImageTree[]> => {
  const [store, layers] = await Promise.all([engine.content(), engine.layers()])
  const used = new Set((await listContainers(engine)).map(({ image }) => image.manifest))
  const trees: ImageTree[] = []
  for (const { target, names } of images) {
    const sizes = new SizeCounter(layers)
    trees.push({ target, names, platforms: await branches(store, layers, sizes, target, used), ...sizes.total([target]) })
  }
  return trees
}

const branches = async (
  store: DiskStore,
  layers: LayerStore,
  all: SizeCounter,
  target: Descriptor,
  used: ReadonlySet<Digest>,
): Promise<readonly PlatformBranch[]> => {
  const found: PlatformBranch[] = []
  for (const { descriptor, platform, image } of await platformImages(store, target)) {
    const own = new SizeCounter(layers)
    if (image !== undefined) for (const counter of [own, all]) await counter.add(image)
    found.push({
      descriptor,
      isHere: image !== undefined,
      isUsed: used.has(descriptor.digest),
      ...(platform === undefined ? {} : { platform }),
      ...own.total(),
    })
  }
  return found
}

/** Adds sizes up, what several images share only once. */
class SizeCounter {
  readonly #layers: LayerStore
  readonly #content = new Map<Digest, number>()
  readonly #unpacked = new Map<Digest, number>()

  constructor(layers: LayerStore) {
    this.#layers = layers
  }

  async add({ descriptor, manifest, layers }: Image): Promise<void> {
    for (const { digest, size } of [descriptor, manifest.config, ...manifest.layers]) this.#content.set(digest, size)
    for (const { diffId } of layers)
      if (!this.#unpacked.has(diffId) && (await this.#layers.has(diffId)))
        this.#unpacked.set(diffId, (await this.#layers.info(diffId)).contentSize)
  }

  total(more: readonly Descriptor[] = []): Sizes {
    for (const { digest, size } of more) this.#content.set(digest, size)
    const sum = (sizes: ReadonlyMap<Digest, number>): number => [...sizes.values()].reduce((total, size) => total + size, 0)
    const contentSize = sum(this.#content)
    return { contentSize, diskUsage: contentSize + sum(this.#unpacked) }
  }
}
