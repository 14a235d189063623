import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDiskStore, type DiskStore } from '../content/disk-store/disk-store.ts'
import type { Fixture } from './content-store.ts'

/** A new folder that is removed with all that is in it. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string
}

export const temporaryFolder = async (): Promise<TemporaryFolder> => {
  const path = await mkdtemp(join(tmpdir(), 'gantry-test-'))
  return { path, [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true }) }
}

/** An empty disk store in a temporary folder. */
export const temporaryStore = async (): Promise<Fixture<DiskStore>> => {
  const folder = await temporaryFolder()
  const subject = await openDiskStore({ folder: folder.path })
  return { subject, [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose]() }
}
