import { selectImage } from '../../content/select.ts'
import type { CopyEvent } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import type { Descriptor, Platform } from '../../oci/descriptor.ts'
import type { Engine } from '../engine.ts'
import type { Location } from '../locations/location.ts'
import { openPlace, resolvePlace } from '../locations/open-place.ts'
import { packFile, type ArtifactFile } from './pack-file.ts'
import { writeArtifact } from './write-artifact.ts'

export interface PushArtifactOptions extends Abortable {
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
  /** A file that becomes the config. */
  readonly config?: ArtifactFile
  readonly onEvent?: (event: CopyEvent) => void
}

/** Files and folders as an artifact under a name. Answers its manifest. */
export const pushArtifact = async (
  engine: Engine,
  to: Location,
  files: readonly ArtifactFile[],
  options: PushArtifactOptions = {},
): Promise<Descriptor> => {
  const { artifactType, annotations, config, ...copying } = options
  const packed = await packAll(files, options)
  const opened = await openPlace(engine, to, { create: true })
  const artifact = {
    files: packed,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(config === undefined ? {} : { config: untitled(await packFile(config, options)) }),
  }
  return await writeArtifact(opened.place, artifact, { ...copying, ...(opened.reference === '' ? {} : { to: opened.reference }) })
}

const untitled = <T extends { readonly descriptor: Descriptor }>(packed: T): T => {
  const { annotations: _, ...descriptor } = packed.descriptor
  return { ...packed, descriptor }
}

const packAll = async (
  files: readonly ArtifactFile[],
  options: Abortable,
): Promise<readonly Awaited<ReturnType<typeof packFile>>[]> =>
  await mapConcurrent(files, 2, async (file) => await packFile(file, options))

export interface AttachOptions extends Omit<PushArtifactOptions, 'config'> {
  /** The image of an index that the files are about; without it they are about the index. */
  readonly platform?: Platform
}

/** Files as an artifact that refers to an image or artifact which is there already. */
export const attachFiles = async (
  engine: Engine,
  to: Location,
  files: readonly ArtifactFile[],
  options: AttachOptions = {},
): Promise<{ readonly subject: Descriptor; readonly artifact: Descriptor }> => {
  const { artifactType, annotations, platform, ...copying } = options
  const opened = await openPlace(engine, to)
  const root = await resolvePlace(opened, options)
  const subject = platform === undefined ? root : (await selectImage(opened.place, root, { platform, ...options })).descriptor
  const artifact = await writeArtifact(
    opened.place,
    {
      files: await packAll(files, options),
      subject,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    copying,
  )
  return { subject, artifact }
}
