import { mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Garbage } from '../content/interfaces.ts'
import { systemCode } from '../lib/errors.ts'
import { isDigest, type Digest } from '../oci/digest.ts'
import { fileNameOf } from './layer-paths.ts'
import { namesIn, type TarLayers } from './tar-layers.ts'
import { temporaryName } from './workspace.ts'

/** What was made of layers that are not in use together any more, then the layers that are not in use. */
export async function* findGarbage(layers: TarLayers, used: ReadonlySet<string>): AsyncIterable<Garbage> {
  const { paths } = layers
  mkdirSync(paths.temporary, { recursive: true, mode: 0o700 })
  const hide = (path: string, name: string, owner: string): string | undefined => {
    const hidden = join(paths.temporary, temporaryName(owner))
    // nobody waits for the lock: whoever wants what it is for has said so
    rmSync(join(paths.temporary, `${name}.lock`), { force: true })
    try {
      renameSync(path, hidden)
      return hidden
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }
  for (const folder of [paths.merged, paths.unpacked])
    for (const name of await namesIn(folder)) {
      const digest = digestIn(name)
      if (digest !== undefined && !used.has(digest))
        yield { place: 'layers', kind: 'derived', digest, hide: (owner) => hide(join(folder, name), name, owner) }
    }
  for await (const digest of layers.list())
    if (!used.has(digest))
      yield { place: 'layers', kind: 'layer', digest, hide: (owner) => hide(paths.layer(digest), fileNameOf(digest), owner) }
}

/** The diff ID or chain ID that the name of something made of layers begins with. */
const digestIn = (name: string): Digest | undefined => {
  const [algorithm = '', hex = ''] = name.split('-')
  const digest = `${algorithm}:${hex}`
  return isDigest(digest) ? digest : undefined
}
