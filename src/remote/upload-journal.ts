import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable } from '../lib/bytes.ts'
import { systemCode } from '../lib/errors.ts'
import { writeFileAtomic } from '../lib/files.ts'
import { lock } from '../lib/lock.ts'
import type { Digest } from '../oci/digest.ts'

/** What is uploaded where. */
export interface UploadKey {
  readonly domain: string
  readonly path: string
  readonly digest: Digest
}

/** An upload that a registry has begun, as far as another process needs it. The location may hold a token: it is shown nowhere. */
export interface KeptUpload {
  readonly location: string
  /** Bytes: the least that a chunk must have. */
  readonly minChunk: number
}

/** The right to upload one blob to one repository, until it is disposed of. */
export interface UploadClaim extends AsyncDisposable {
  /** Another process had the claim before, and may have uploaded the blob. */
  readonly waited: boolean
  /** The upload that an earlier process left, if any. */
  read(): Promise<KeptUpload | undefined>
  /** Keeps an upload for whoever comes after us. That it cannot be kept is no reason not to upload. */
  write(upload: KeptUpload): Promise<void>
  /** Forgets the upload: it has ended. */
  clear(): Promise<void>
}

/** Uploads under way, so that a later process goes on where one was killed, and none sends what another is sending. */
export interface UploadJournal {
  /** Waits for the claim as long as another process has it. */
  claim(key: UploadKey, options?: Abortable): Promise<UploadClaim>
  /** Forgets what a killed process left of an upload: the repository has the blob. */
  forget(key: UploadKey): Promise<void>
}

/** Milliseconds after which no registry keeps an upload: distribution drops them after a week. */
const lifetime = 7 * 24 * 3600 * 1000

/** A journal in a folder that is made where it is missing: a file for each upload that only its owner may read. */
export const createUploadJournal = (options: { readonly folder: string; readonly now: () => Date }): UploadJournal => {
  const { folder, now } = options
  let swept: Promise<void> | undefined
  return {
    forget: async (key) => {
      const path = join(folder, fileName(key))
      for (const file of [`${path}.json`, `${path}.lock`]) await rm(file, { force: true }).catch(() => undefined)
    },
    claim: async (key, { signal } = {}) => {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await (swept ??= sweep(folder, now().getTime() - lifetime))
      const path = join(folder, fileName(key))
      let waited = false
      const held = await lock(`${path}.lock`, 'exclusive', { ...(signal && { signal }), onWait: () => (waited = true) })
      await dropUnfinished(folder, fileName(key))
      let ended = false
      return {
        get waited() {
          return waited
        },
        read: async () => await readRecord(`${path}.json`, key),
        write: async (upload) => {
          await writeFileAtomic(`${path}.json`, JSON.stringify({ ...key, ...upload }), 0o600, false).catch(() => undefined)
        },
        clear: async () => {
          ended = true
          await rm(`${path}.json`, { force: true }).catch(() => undefined)
        },
        [Symbol.asyncDispose]: async () => {
          // who waits on the removed file finds the blob in the registry; after a failure it must find the lock
          if (ended) await rm(`${path}.lock`, { force: true }).catch(() => undefined)
          held.release()
        },
      }
    },
  }
}

/** Says nothing of what is uploaded, and is none that a registry could choose. */
const fileName = ({ domain, path, digest }: UploadKey): string =>
  createHash('sha256').update(`${domain}/${path}@${digest}`).digest('hex')

/** A file that is missing or makes no sense is no upload. */
const readRecord = async (file: string, key: UploadKey): Promise<KeptUpload | undefined> => {
  try {
    const value = JSON.parse(await readFile(file, 'utf8')) as Partial<UploadKey & KeptUpload> | null
    const { location, minChunk } = value ?? {}
    const isOurs = value?.domain === key.domain && value.path === key.path && value.digest === key.digest
    if (!isOurs || typeof location !== 'string' || !URL.canParse(location)) return undefined
    return { location, minChunk: typeof minChunk === 'number' ? minChunk : 0 }
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Removes what a killed process had not finished to write of a file; whoever has the claim is the only writer. */
const dropUnfinished = async (folder: string, name: string): Promise<void> => {
  for (const file of await readdir(folder)) if (file.startsWith(`.${name}.`)) await rm(join(folder, file), { force: true })
}

/** Removes what has not been written to since `before` (milliseconds since 1970). */
const sweep = async (folder: string, before: number): Promise<void> => {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    try {
      if ((await stat(path)).mtimeMs < before) await rm(path, { force: true })
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error // another process was first
    }
  }
}
