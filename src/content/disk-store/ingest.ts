import { constants, rmSync, statSync } from 'node:fs'
import { copyFile, link, mkdir, open, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { randomHex } from '../../lib/random.ts'
import { streamOf } from '../../lib/bytes.ts'
import { isGantryError, systemCode } from '../../lib/errors.ts'
import type { Leases } from '../../lib/leases.ts'
import { lock, type FileLock } from '../../lib/lock.ts'
import { placeDurably } from '../../lib/place-durably.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { createDigester, digestAlgorithm, digestHex, type Digest } from '../../oci/digest.ts'
import { blobPath, hasBlob } from '../blob-files.ts'
import type { TransferOptions } from '../interfaces.ts'
import { readHandle } from '../file-stream.ts'
import { createVerifier, isVerified, verified, type Verifier } from '../verify.ts'
import { writeNewFile, writeStream } from '../write-stream.ts'

/** Blobs up to this size are gathered in memory first: no lock, and nothing to resume. */
const smallSize = 1 << 20

export const ingestFolder = (folder: string): string => join(folder, 'ingest')
const fileName = (digest: Digest): string => `${digestAlgorithm(digest)}-${digestHex(digest)}`
export const partialPath = (folder: string, digest: Digest): string => join(ingestFolder(folder), fileName(digest))
/** Bytes that have arrived of a blob that is not whole yet. */
export const arrived = (folder: string, descriptor: Descriptor): number =>
  Math.min(descriptor.size, statSync(partialPath(folder, descriptor.digest), { throwIfNoEntry: false })?.size ?? 0)

/** A name for work in progress that says whose it is, so that others know when it was left behind. */
export const temporaryPath = async (folder: string, leases: Leases): Promise<string> =>
  join(ingestFolder(folder), `${await leases.owner()}.${randomHex(8)}.tmp`)

/** Puts a finished file in the place of its blob, for good. A blob that is there already is replaced by the same bytes. */
const commit = async (folder: string, path: string, digest: Digest): Promise<void> => {
  const target = blobPath(folder, digest)
  await mkdir(dirname(target), { recursive: true })
  await placeDurably({ path: target, contents: [path], place: async () => await rename(path, target) })
}

interface IngestOptions extends Abortable {
  /** Of the store's process, which holds one. */
  readonly leases: Leases
}

/** Writes a blob of known digest, which is relied on already. `open` is asked for its bytes from an offset, which is 0 unless `resume`. */
export const ingestKnown = async (
  folder: string,
  descriptor: Descriptor,
  open: (offset: number) => Promise<ByteStream>,
  options: TransferOptions & IngestOptions & { readonly resume: boolean },
): Promise<void> => {
  await mkdir(ingestFolder(folder), { recursive: true })
  if (descriptor.size <= smallSize) return await ingestSmall(folder, descriptor, await open(0), options)
  const lockPath = `${partialPath(folder, descriptor.digest)}.lock`
  // one process downloads, the others wait and then find the blob
  await using _held = await turn(folder, descriptor, lockPath, options)
  if (!hasBlob(folder, descriptor) && (await receive(folder, descriptor, open, options.resume, options)))
    await receive(folder, descriptor, open, false, options)
  // whoever waits on the removed file finds the blob too, so it does not matter that the next one locks another file
  rmSync(lockPath, { force: true })
}

/** Milliseconds between two looks at what another process has brought. */
const lookInterval = 250

/** Waits for the lock, telling how far the process is that has it. */
const turn = async (
  folder: string,
  descriptor: Descriptor,
  lockPath: string,
  { signal, onArrived }: TransferOptions,
): Promise<FileLock> => {
  let looking: NodeJS.Timeout | undefined
  let seen = 0
  const look = (): void => {
    const now = arrived(folder, descriptor)
    // nothing is there any more once the blob is whole
    if (now > seen) onArrived?.((seen = now))
  }
  try {
    return await lock(lockPath, 'exclusive', {
      ...(signal && { signal }),
      onWait: () => (looking = setInterval(look, lookInterval)),
    })
  } finally {
    clearInterval(looking)
  }
}

const ingestSmall = async (folder: string, descriptor: Descriptor, bytes: ByteStream, options: IngestOptions): Promise<void> => {
  const content = Buffer.alloc(descriptor.size)
  let size = 0
  // copied: nobody may keep what a stream hands out
  for await (const chunk of verified(bytes, descriptor)) {
    content.set(chunk, size)
    size += chunk.length
  }
  const path = await temporaryPath(folder, options.leases)
  await writeNewFile(path, streamOf(content), options)
  await commit(folder, path, descriptor.digest)
}

/**
 * Receives the rest of a blob into its partial file, and commits it. True if what was there before turned out to be wrong, so that it
 * must begin anew. A stream that breaks leaves what has come; wrong bytes are removed.
 */
const receive = async (
  folder: string,
  descriptor: Descriptor,
  openAt: (offset: number) => Promise<ByteStream>,
  resume: boolean,
  options: Abortable,
): Promise<boolean> => {
  const path = partialPath(folder, descriptor.digest)
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  let offset = 0
  try {
    const { size } = await handle.stat()
    offset = resume && size <= descriptor.size ? size : 0
    await handle.truncate(offset)
    await fill(handle, descriptor, openAt, offset, options)
    await commit(folder, path, descriptor.digest)
    // last, since what may not be written could not be resumed
    await handle.chmod(0o444)
  } catch (error) {
    if (!isGantryError(error, 'data_loss')) throw error
    rmSync(path, { force: true })
    if (offset > 0) return true
    throw error
  } finally {
    await handle.close()
  }
  return false
}

const fill = async (
  handle: FileHandle,
  descriptor: Descriptor,
  openAt: (offset: number) => Promise<ByteStream>,
  offset: number,
  options: Abortable,
): Promise<void> => {
  // before anything is asked for: a connection would wait meanwhile
  const kept = offset > 0 ? createVerifier(descriptor) : undefined
  if (kept !== undefined) for await (const chunk of readHandle(handle, 0, offset, options)) kept.update(chunk)
  const stream = offset < descriptor.size ? await openAt(offset) : undefined
  const verifier = kept ?? (stream !== undefined && isVerified(stream, descriptor) ? trusting : createVerifier(descriptor))
  if (stream !== undefined) await writeStream(handle, stream, offset, { ...options, onChunk: (chunk) => verifier.update(chunk) })
  verifier.finish()
}

/** For a stream that verifies itself. */
const trusting: Verifier = { update: () => undefined, finish: () => undefined }

/** Writes bytes of unknown digest. */
export const ingestUnknown = async (
  folder: string,
  bytes: ByteStream,
  options: IngestOptions,
): Promise<{ readonly digest: Digest; readonly size: number }> => {
  await mkdir(ingestFolder(folder), { recursive: true })
  const path = await temporaryPath(folder, options.leases)
  const digester = createDigester()
  const size = await writeNewFile(path, bytes, { ...options, onChunk: (chunk) => digester.update(chunk) })
  const digest = digester.digest()
  await options.leases.rely([digest])
  if (hasBlob(folder, { mediaType: '', digest, size })) await rm(path)
  else await commit(folder, path, digest)
  return { digest, size }
}

/** Takes a file as a blob: a hard link, or a copy where the file system cannot link. */
export const ingestFile = async (folder: string, digest: Digest, file: string, leases: Leases): Promise<void> => {
  await mkdir(ingestFolder(folder), { recursive: true })
  const path = await temporaryPath(folder, leases)
  try {
    await link(file, path)
  } catch (error) {
    if (!['EXDEV', 'EMLINK', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP'].includes(systemCode(error) ?? '')) throw error
    await copyFile(file, path, constants.COPYFILE_FICLONE)
    const copy = await open(path, 'r+')
    try {
      await copy.chmod(0o444)
    } finally {
      await copy.close()
    }
  }
  await commit(folder, path, digest)
  // a rename onto another link of the same file leaves both, rename(2)
  await rm(path, { force: true })
}
