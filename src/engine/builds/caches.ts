import type { CacheServices } from '../../build/interfaces.ts'
import { copy } from '../../content/copy.ts'
import { chainIds } from '../../oci/chain-id.ts'
import { parseReference, withDefaultTag } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { compressLayers } from '../images/compress.ts'
import { fallbackSource } from '../images/fallback-source.ts'
import type { Location } from '../locations/location.ts'
import { openPlace } from '../locations/open-place.ts'

type CacheLocation = Parameters<CacheServices['open']>[0]

/** Blobs under way at a time. */
const uploads = 16

/** How a build reaches caches in registries and folders. */
export const buildCaches = (engine: Engine): CacheServices => ({
  open: async (location) => {
    const { place, reference } = await openPlace(engine, placeOf(location))
    return { source: place, reference }
  },
  compress: async (blob, diffId, options) => {
    const layers = [{ blob, diffId, chainId: chainIds([diffId])[0] ?? diffId }]
    return (await compressLayers(engine, { layers }, options))?.[0] ?? blob
  },
  send: async (location, manifest, { sources, signal }) => {
    const { place, reference } = await openPlace(engine, placeOf(location), { create: true })
    await copy(fallbackSource([await engine.content(), ...sources]), place, {
      from: manifest,
      to: reference,
      limit: uploads,
      ...(signal === undefined ? {} : { signal }),
    })
  },
})

const placeOf = (location: CacheLocation): Location & { readonly kind: 'registry' | 'layout' } => {
  if (location.type === 'local') return { kind: 'layout', path: location.folder, name: location.name }
  return { kind: 'registry', reference: withDefaultTag(parseReference(location.reference)) }
}
