import { createReadStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { spool } from '../../content/archive/spool.ts'
import { copyBlob } from '../../content/copy/copy-blob.ts'
import { readHandle } from '../../content/file-stream.ts'
import type { ContentSink, CopyEvent } from '../../content/interfaces.ts'
import { selectImage } from '../../content/select.ts'
import { verified } from '../../content/verify.ts'
import { decompressDetected } from '../../lib/archive-compression.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import { writeOutput } from '../../content/output-file.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import { createDigester, digestAlgorithm } from '../../oci/digest.ts'
import type { Engine } from '../engine.ts'
import type { Location } from '../locations/location.ts'
import { openSource } from '../locations/open-source.ts'
import { titleKey, unpackKey } from './annotations.ts'
import { confinedPath, look, safeComponents } from './confined.ts'
import { extractTar } from './extract-tar.ts'

export interface PullArtifactOptions extends Abortable {
  /** Where the files go; made where it is missing. */
  readonly folder: string
  readonly platform?: Platform
  /** Refuse to replace files that are there with other content. */
  readonly keep?: boolean
  readonly onEvent?: (event: CopyEvent) => void
}

export interface PulledArtifact {
  readonly descriptor: Descriptor
  readonly artifactType?: string
  /** What was written, by title. */
  readonly files: readonly string[]
  /** Blobs without a title, which are no files. */
  readonly skipped: readonly Descriptor[]
}

/** Takes the files of an artifact; folders that were packed as oras does are unpacked. A file that is there already is not fetched again. */
export const pullArtifact = async (engine: Engine, from: Location, options: PullArtifactOptions): Promise<PulledArtifact> => {
  const { folder, platform, keep = false, onEvent = () => undefined, ...abortable } = options
  await using opened = await openSource(engine, from, abortable)
  const root = await opened.source.resolve(opened.reference, abortable)
  onEvent({ kind: 'resolved', reference: opened.name ?? opened.reference, descriptor: root })
  const { descriptor, manifest } = await selectImage(opened.source, root, { ...(platform && { platform }), ...abortable })
  const titled = manifest.layers.filter((layer) => layer.annotations?.[titleKey] !== undefined)
  for (const layer of titled) safeComponents(layer.annotations?.[titleKey] ?? '')
  onEvent({ kind: 'manifest', descriptor, blobs: [manifest.config, ...titled] })
  await mkdir(folder, { recursive: true })
  const temporaryFolder = engine.path('tmp')
  for (const layer of titled) {
    const sink = fileSink(folder, layer, { keep, temporaryFolder })
    await copyBlob(opened.source, sink, layer, { ...abortable, onEvent })
  }
  const { artifactType } = manifest
  return {
    descriptor,
    ...(artifactType === undefined ? {} : { artifactType }),
    files: titled.map((layer) => layer.annotations?.[titleKey] ?? ''),
    skipped: manifest.layers.filter((layer) => !titled.includes(layer)),
  }
}

/** Where the one file of a layer goes. */
const fileSink = (
  folder: string,
  layer: Descriptor,
  { keep, temporaryFolder }: { readonly keep: boolean; readonly temporaryFolder: string },
): ContentSink => {
  const title = layer.annotations?.[titleKey] ?? ''
  const packed = layer.annotations?.[unpackKey] === 'true'
  return {
    has: async () => !packed && (await hasContent(await confinedPath(folder, title), layer)),
    write: async (_, bytes, options) => {
      if (packed) return await unpack(folder, verified(bytes, layer), temporaryFolder, options)
      const path = await confinedPath(folder, title)
      const there = await look(path)
      if (there?.isDirectory() === true || (keep && there !== undefined))
        throw new GantryError('already_exists', 'EXISTS', `Cannot write "${title}": it is there already`)
      await writeOutput(path, verified(bytes, layer))
    },
  }
}

const hasContent = async (path: string, { digest, size }: Descriptor): Promise<boolean> => {
  const stats = await look(path)
  if (stats?.isFile() !== true || stats.size !== size) return false
  const digester = createDigester(digestAlgorithm(digest))
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) digester.update(chunk)
  return digester.digest() === digest
}

/** Nothing is unpacked before all of it has been verified. */
const unpack = async (folder: string, bytes: ByteStream, temporaryFolder: string, options: Abortable = {}): Promise<void> => {
  const handle = await spool(bytes, temporaryFolder, options)
  try {
    const { size } = await handle.stat()
    await extractTar(folder, await decompressDetected(readHandle(handle, 0, size, options)))
  } finally {
    await handle.close()
  }
}
