import { blobPath } from '../../content/blob-files.ts'
import { Reachable } from '../../content/reachable.ts'
import { filesAt, type FileUse } from '../../lib/disk-usage.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest, type DiffId } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'

/** The files in which things are kept; those of what is not there are none. */
export interface StoredFiles {
  /** Of an image, with all its platforms that are here. */
  ofImage(target: Descriptor): Promise<{ readonly blobs: readonly FileUse[]; readonly layers: readonly FileUse[] }>
  /** Of layers, base first, and what was made of them together. */
  ofStack(layers: readonly DiffId[]): readonly FileUse[]
  ofLayer(id: DiffId): readonly FileUse[]
}

export const openStoredFiles = async (engine: Engine): Promise<StoredFiles> => {
  const [store, layers] = await Promise.all([engine.content(), engine.layers()])
  const byId = new Map<string, FileUse[]>()
  for await (const { digest, path } of layers.places()) byId.set(digest, [...(byId.get(digest) ?? []), ...filesAt(path)])
  const ofIds = (ids: Iterable<string>): readonly FileUse[] => [...ids].flatMap((id) => byId.get(id) ?? [])
  const blobFiles = (digest: string): readonly FileUse[] =>
    isDigest(digest) ? filesAt(blobPath(store.folder, digest satisfies Digest)) : []
  return {
    ofImage: async (target) => {
      const reachable = new Reachable(store)
      await reachable.add([target])
      return { blobs: [...reachable.blobs].flatMap(blobFiles), layers: ofIds(reachable.layers) }
    },
    ofStack: (stack) => {
      const reachable = new Reachable(store)
      reachable.addLayers(stack)
      return ofIds(reachable.layers)
    },
    ofLayer: (id) => ofIds([id]),
  }
}
