import type { BuiltImage, BuiltPlatform } from '../../build/build-image.ts'
import { readImage } from '../../content/image.ts'
import { openStack, type LayerStack, type StackEntry } from '../../layers/stack.ts'
import { bytesAsText } from '../../layers/tree/byte-text.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { formatPlatform } from '../../oci/platform.ts'
import type { Engine } from '../engine.ts'
import { unpackImage } from '../images/unpack.ts'

/** A path of an image's files, in text with one character per byte. */
export interface BuiltFile {
  readonly path: string
  readonly entry: StackEntry
  /** The path of the same file's first name, for its further names. */
  readonly sameAs?: string
}

/** The files of one platform of what was built, without mounting anything. */
export interface BuiltFiles extends AsyncDisposable {
  readonly stack: LayerStack
  /** The folder that they get where each platform has its own, else ''. */
  readonly folder: string
  /** Folders before what is in them. */
  list(): AsyncIterable<BuiltFile>
}

/** Opens the files of what was built, one platform after the other, in the order of the platforms. */
export async function* builtFiles(
  engine: Engine,
  built: BuiltImage,
  { split = built.images.length > 1, ...options }: Abortable & { readonly split?: boolean },
): AsyncGenerator<BuiltFiles> {
  for (const image of built.images) {
    await using files = await openFiles(engine, image, split ? folderOf(image.platform) : '', options)
    yield files
  }
}

/** `linux_arm_v7`, as buildx calls it. */
const folderOf = (platform: Platform): string => formatPlatform(platform).replaceAll('/', '_')

const openFiles = async (
  engine: Engine,
  { descriptor }: BuiltPlatform,
  folder: string,
  options: Abortable,
): Promise<BuiltFiles> => {
  const [store, layers] = await Promise.all([engine.content(), engine.layers()])
  const image = await readImage(store, descriptor, options)
  // those of the base image may never have been needed
  await unpackImage(layers, store, image, options)
  const readers = []
  for (const { diffId } of image.layers) readers.push(await layers.open(diffId))
  const stack = openStack(readers)
  return {
    stack,
    folder,
    list: () => walk(stack, '', new Map()),
    [Symbol.asyncDispose]: async () => await stack[Symbol.asyncDispose](),
  }
}

async function* walk(stack: LayerStack, folder: string, first: Map<string, string>): AsyncGenerator<BuiltFile> {
  for await (const entry of stack.list(Buffer.from(folder, 'latin1'))) {
    const path = bytesAsText(entry.path, entry.rawPath)
    const { inode, links = 1 } = entry.source
    const key = entry.kind === 'folder' || inode === undefined || links < 2 ? undefined : `${entry.layer}:${inode}`
    const sameAs = key === undefined ? undefined : first.get(key)
    if (key !== undefined && sameAs === undefined) first.set(key, path)
    yield { path, entry, ...(sameAs === undefined ? {} : { sameAs }) }
    if (entry.kind === 'folder') yield* walk(stack, path, first)
  }
}
