import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { collect, type Abortable, type ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { syncFolder, writeFileAtomic } from '../lib/files.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestHex, digestOf } from '../oci/digest.ts'
import { manifestLimit, parseManifestOrIndex } from '../oci/manifest.ts'
import { noSuchBlob } from './blob-files.ts'
import { readFileStream } from './file-stream.ts'
import type { ContentSource, ImageSink, ImageSource } from './interfaces.ts'
import { verified } from './verify.ts'
import { isManifestLike } from './walk.ts'
import { writeNewFile } from './write-stream.ts'

/**
 * skopeo's `dir:` (containers/image, directory transport): one image in a folder. `manifest.json` is the root, `<hex>.manifest.json`
 * a manifest below it, `<hex>` a blob. The image has no name: whatever is named becomes the root.
 */
export interface FlatFolder extends ImageSource, ImageSink {
  readonly folder: string
}

const marker = 'Directory Transport Version: 1.1\n'

/** Opens such a folder; `not_found` NO_IMAGE where there is none, unless `create`. */
export const openFlatFolder = async (folder: string, options: { readonly create?: boolean } = {}): Promise<FlatFolder> => {
  if (options.create === true) {
    await mkdir(folder, { recursive: true })
    await writeFileAtomic(join(folder, 'version'), marker)
  } else if (!existsSync(join(folder, 'manifest.json')))
    throw new GantryError('not_found', 'NO_IMAGE', `Cannot open "${folder}": it has no manifest.json`)
  return new Folder(folder)
}

class Folder implements FlatFolder {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  #root(): Buffer | undefined {
    const path = join(this.folder, 'manifest.json')
    const size = statSync(path, { throwIfNoEntry: false })?.size
    if (size === undefined) return undefined
    if (size > manifestLimit)
      throw new GantryError('resource_exhausted', 'TOO_LARGE', `Cannot read "${path}": it has more than ${manifestLimit} bytes`)
    return readFileSync(path)
  }

  #path(descriptor: Descriptor): string {
    return join(this.folder, `${digestHex(descriptor.digest)}${isManifestLike(descriptor) ? '.manifest.json' : ''}`)
  }

  async resolve(reference: string): Promise<Descriptor> {
    const bytes = this.#root()
    if (bytes === undefined)
      throw new GantryError('not_found', 'NO_IMAGE', `Cannot open "${this.folder}": it has no manifest.json`)
    const descriptor = { mediaType: parseManifestOrIndex(bytes).mediaType, digest: digestOf(bytes), size: bytes.length }
    if (reference === '' || reference === descriptor.digest) return descriptor
    throw new GantryError(
      'not_found',
      'NAME_UNKNOWN',
      `Cannot find "${reference}": "${this.folder}" has one image without a name`,
    )
  }

  async has(descriptor: Descriptor): Promise<boolean> {
    if (statSync(this.#path(descriptor), { throwIfNoEntry: false })?.size === descriptor.size) return true
    return isManifestLike(descriptor) && this.#isRoot(descriptor)
  }

  #isRoot({ digest }: Descriptor): boolean {
    const bytes = this.#root()
    return bytes !== undefined && digestOf(bytes, digest.startsWith('sha512') ? 'sha512' : 'sha256') === digest
  }

  async open(descriptor: Descriptor, options: Parameters<ContentSource['open']>[1] = {}): Promise<ByteStream> {
    const path =
      isManifestLike(descriptor) && this.#isRoot(descriptor) ? join(this.folder, 'manifest.json') : this.#path(descriptor)
    const size = statSync(path, { throwIfNoEntry: false })?.size
    if (size === undefined) throw noSuchBlob(descriptor.digest, `"${this.folder}"`)
    const { range } = options
    if (range !== undefined) return readFileStream(path, range.start, Math.min(size, range.end ?? size), options)
    return verified(readFileStream(path, 0, size, options), descriptor)
  }

  async write(descriptor: Descriptor, bytes: ByteStream, options: Abortable = {}): Promise<void> {
    if (await this.has(descriptor)) return void (await bytes[Symbol.asyncIterator]().return?.())
    const temporary = join(this.folder, `.${randomBytes(12).toString('hex')}.tmp`)
    await writeNewFile(temporary, verified(bytes, descriptor), options)
    await rename(temporary, this.#path(descriptor))
    await syncFolder(this.folder)
  }

  async tag(_reference: string, target: Descriptor, options?: Abortable): Promise<void> {
    const bytes = await collect(await this.open(target, options), manifestLimit, `"${target.digest}"`)
    await writeFileAtomic(join(this.folder, 'manifest.json'), bytes)
    await rm(this.#path(target), { force: true })
  }
}
