import { readFileSync } from 'node:fs'
import type { Image } from '../../content/interfaces.ts'
import { systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import type { Digest, DiffId } from '../../oci/digest.ts'
import { formatPlatform } from '../../oci/platform.ts'
import type { Engine } from '../engine.ts'

/**
 * What was read and verified of the store's images before, in one file. Listing images would else mean to read, hash and parse two
 * blobs for each. It may be removed at any time; the truth is in the store.
 */
export interface KnownImages {
  /** By the digest of manifest or index. */
  readonly images: Map<Digest, Image>
  /** Bytes of the files in a layer. */
  readonly layerSizes: Map<DiffId, number>
  /** Keeps what the maps hold, if that is not what was read; where nothing can be written, it is read anew each time. */
  save(): Promise<void>
}

/** To be raised when `Image` or what makes one changes. */
const format = 1

interface Kept {
  readonly format: number
  /** The platform that images of an index were chosen for. */
  readonly platform: string
  readonly images: readonly (readonly [Digest, Image])[]
  readonly layerSizes: readonly (readonly [DiffId, number])[]
}

export const openKnownImages = (engine: Engine): KnownImages => {
  const path = engine.path('cache', 'images.json')
  const platform = formatPlatform(engine.options.platform)
  const kept = readKept(path)
  const usable = kept?.format === format && kept.platform === platform ? kept : undefined
  const images = new Map(usable?.images)
  const layerSizes = new Map(usable?.layerSizes)
  const before = contentOf(images, layerSizes)
  return {
    images,
    layerSizes,
    save: async () => {
      if (contentOf(images, layerSizes) === before) return
      const now: Kept = { format, platform, images: [...images], layerSizes: [...layerSizes] }
      try {
        await writeFileAtomic(path, JSON.stringify(now), 0o644, false)
      } catch (error) {
        if (systemCode(error) === undefined) throw error
      }
    },
  }
}

/** Of either map an entry never changes, so the keys tell. */
const contentOf = (images: ReadonlyMap<string, unknown>, layerSizes: ReadonlyMap<string, unknown>): string =>
  [...images.keys(), ...layerSizes.keys()].join()

const readKept = (path: string): Kept | undefined => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Kept
  } catch (error) {
    // none yet, or one that was cut short by a power cut
    if (systemCode(error) === undefined && !(error instanceof SyntaxError)) throw error
    return undefined
  }
}
