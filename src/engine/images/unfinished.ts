import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Image } from '../../content/interfaces.ts'
import { systemCode } from '../../lib/errors.ts'
import { shortHash } from '../../lib/short-hash.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, type Digest } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'

const folderOf = (engine: Engine): string => engine.path('unfinished')

/**
 * Notes what a pull is about to bring, so that nobody collects what it had completed if it is killed: the next pull goes on from there.
 * Answers what to call when the image has its name; a pull that fails leaves the note.
 */
export const noteUnfinished = (engine: Engine, name: string, target: Descriptor, image: Image): (() => void) => {
  const path = join(folderOf(engine), shortHash(name))
  const { descriptor, manifest, layers } = image
  const blobs = [target, descriptor, manifest.config, ...layers.map(({ blob }) => blob)]
  const names = new Set([...blobs.map(({ digest }) => digest), ...layers.flatMap(({ diffId, chainId }) => [diffId, chainId])])
  mkdirSync(folderOf(engine), { recursive: true })
  // in place: a note of which a part is missing keeps less
  writeFileSync(path, [...names].map((one) => `${one}\n`).join(''), { mode: 0o600 })
  return () => rmSync(path, { force: true })
}

/** What pulls that have begun since then (milliseconds since 1970; default: ever) and not ended were to bring. */
export const unfinishedNames = (engine: Engine, since = -Infinity): readonly Digest[] =>
  notes(engine)
    .filter(({ noted }) => noted >= since)
    .flatMap(({ path }) => read(path))

/** Forgets the pulls that have not been tried again since then, in milliseconds since 1970. */
export const forgetUnfinished = (engine: Engine, before: number): void => {
  for (const { path, noted } of notes(engine)) if (noted < before) rmSync(path, { force: true })
}

interface Note {
  readonly path: string
  /** Milliseconds since 1970. */
  readonly noted: number
}

const notes = (engine: Engine): readonly Note[] => {
  const folder = folderOf(engine)
  try {
    return readdirSync(folder)
      .map((name) => join(folder, name))
      .map((path) => ({ path, noted: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity }))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}

const read = (path: string): readonly Digest[] => {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(isDigest)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
