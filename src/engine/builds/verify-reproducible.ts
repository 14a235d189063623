import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { buildImage, type BuildImageOptions, type BuiltImage } from '../../build/build-image.ts'
import { compareImages, type Difference } from '../../build/compare-images.ts'
import type { BuildServices } from '../../build/interfaces.ts'
import { GantryError } from '../../lib/errors.ts'
import { displayPlatform } from '../../oci/platform.ts'
import type { Engine } from '../engine.ts'

/**
 * Builds a second time, with an empty cache and in another place, and compares: `failed_precondition` NOT_REPRODUCIBLE if the images
 * are not the same, with the differences as the `excerpt` in the error's detail.
 */
export const verifyReproducible = async (
  engine: Engine,
  first: BuiltImage,
  options: BuildImageOptions,
  services: BuildServices,
): Promise<void> => {
  if (typeof options.context === 'object' || typeof options.dockerfile === 'object')
    throw new GantryError(
      'invalid_argument',
      'NO_SECOND_BUILD',
      'Cannot build twice: what comes from standard input can be read once',
    )
  const place = engine.path('tmp', `verify-${randomBytes(8).toString('hex')}`)
  try {
    const elsewhere = { ...services, cacheFolder: `${place}/cache`, scratchFolder: `${place}/scratch` }
    // what is kept in the image itself belongs to it, other caches are not asked and not told
    const cacheTo = (options.cacheTo ?? []).filter((text) => /(?:^|,)type=inline(?:,|$)/.test(text))
    const { onEvent } = options
    // what is wrong with the Dockerfile has been said once
    const again: BuildImageOptions = {
      ...options,
      ...(onEvent && { onEvent: (event) => void (event.kind !== 'lint' && onEvent(event)) }),
    }
    const second = await buildImage({ ...again, noCache: true, cacheTo, pull: false }, elsewhere)
    if (second.descriptor.digest === first.descriptor.digest) return
    const lines: string[] = []
    for (const [index, image] of first.images.entries()) {
      const other = second.images[index]
      if (other === undefined || other.descriptor.digest === image.descriptor.digest) continue
      if (first.images.length > 1) lines.push(`${displayPlatform(image.platform)}:`)
      lines.push(...describe(await compareImages(services.layers, image.config, other.config)))
    }
    throw new GantryError(
      'failed_precondition',
      'NOT_REPRODUCIBLE',
      `Cannot reproduce the image: ${first.descriptor.digest} the first time, ${second.descriptor.digest} the second`,
      {
        detail: { excerpt: lines.join('\n') },
        hint: 'files with times of day, random numbers or the order of a hash in them are the usual causes',
      },
    )
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

/** The differences as lines for people, one heading for each layer. */
const describe = (differences: readonly Difference[]): readonly string[] => {
  const lines: string[] = []
  let layer = 0
  for (const one of differences) {
    if (one.kind === 'layers') lines.push(`layers: ${one.first} → ${one.second}`)
    else if (one.kind === 'config') lines.push(`${one.field}: ${one.first} → ${one.second}`)
    else {
      if (one.layer !== layer) lines.push(`layer ${one.layer}: ${one.step.replaceAll(/\s+/g, ' ').slice(0, 120)}`)
      layer = one.layer
      lines.push(`  ${one.path}: ${one.what}`)
    }
  }
  return lines
}
