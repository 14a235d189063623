import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { filesAt, type FileUse } from '../../lib/disk-usage.ts'
import { systemCode } from '../../lib/errors.ts'
import { removeTree } from '../../lib/remove-tree.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Removes the records of what layers were compressed to once the compressed blob is gone: compressing again makes it again. */
export const forgetCompressions = async (engine: Engine): Promise<void> => {
  const store = await engine.content()
  const folder = engine.path('compressed')
  for (const name of namesIn(folder)) {
    const path = join(folder, name)
    const { digest, size } = recordIn(path)
    if (typeof digest !== 'string' || !isDigest(digest) || typeof size !== 'number') continue
    if (!(await store.has({ mediaType: '', digest, size }))) rmSync(path, { force: true })
  }
}

const recordIn = (path: string): { readonly digest?: unknown; readonly size?: unknown } => {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) ?? {}) as object
  } catch {
    return {}
  }
}

/** Milliseconds after which an archive that was being read or written belongs to nobody. */
const abandoned = 24 * 3_600_000

/** Removes the archives that killed processes have left in the folder for temporary files; answers what they took. */
export const removeAbandoned = async (engine: Engine): Promise<readonly FileUse[]> => {
  const before = engine.options.now().getTime() - abandoned
  const freed: FileUse[] = []
  for (const name of namesIn(engine.path('tmp'))) {
    const path = engine.path('tmp', name)
    if (!/^archive-|\.tmp$/.test(name) || (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > before) continue
    freed.push(...filesAt(path))
    await removeTree(path)
  }
  return freed
}
