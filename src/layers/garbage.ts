import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Garbage } from '../content/interfaces.ts'
import { systemCode } from '../lib/errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import type { LayerPlace } from './interfaces.ts'
import { fileNameOf } from './layer-paths.ts'
import { namesIn, type TarLayers } from './tar-layers.ts'
import { temporaryName } from './workspace.ts'

/** What was made of layers, then the layers. */
export async function* layerPlaces(layers: TarLayers): AsyncIterable<LayerPlace> {
  const { paths } = layers
  for (const folder of [paths.merged, paths.unpacked])
    for (const name of await namesIn(folder)) {
      const digest = digestIn(name)
      if (digest !== undefined) yield { kind: 'derived', digest, path: join(folder, name) }
    }
  for await (const digest of layers.list()) yield { kind: 'layer', digest, path: paths.layer(digest) }
}

/** What was made of layers that are not in use together any more, then the layers that are not in use. */
export async function* findGarbage(layers: TarLayers, used: ReadonlySet<string>): AsyncIterable<Garbage> {
  const { temporary } = layers.paths
  mkdirSync(temporary, { recursive: true, mode: 0o700 })
  for await (const { kind, digest, path } of layerPlaces(layers)) {
    if (used.has(digest)) continue
    const name = kind === 'layer' ? fileNameOf(digest) : basename(path)
    const hide = (owner: string): string | undefined => {
      // nobody waits for the lock: whoever wants what it is for has said so
      rmSync(join(temporary, `${name}.lock`), { force: true })
      return rename(path, join(temporary, temporaryName(owner)))
    }
    yield { place: 'layers', kind, digest, hide }
  }
}

const rename = (path: string, hidden: string): string | undefined => {
  try {
    renameSync(path, hidden)
    return hidden
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The diff ID or chain ID that the name of something made of layers begins with. */
export const digestIn = (name: string): Digest | undefined => {
  const [algorithm = '', hex = ''] = name.split('-')
  const digest = `${algorithm}:${hex}`
  return isDigest(digest) ? digest : undefined
}
