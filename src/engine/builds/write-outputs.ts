import type { BuiltImage, BuiltPlatform } from '../../build/build-image.ts'
import { internalStep, type OnBuildEvent } from '../../build/events.ts'
import { writeArchive } from '../../content/archive/write-archive.ts'
import { copy } from '../../content/copy.ts'
import { writeOutput } from '../../content/output-file.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { familiarString, parseReference } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { nameImage } from '../images/names.ts'
import { pushImage } from '../images/push.ts'
import type { Attestation } from './attestation.ts'
import { finishImage } from './finish-image.ts'
import type { BuildOutput } from './output.ts'
import { writeFiles } from './write-files.ts'
import { tarOfFiles } from './write-tar.ts'

export interface WriteOutputsOptions extends Abortable {
  readonly outputs: readonly BuildOutput[]
  readonly onEvent: OnBuildEvent
  /** Takes what goes to standard output. */
  readonly write: (bytes: ByteStream) => Promise<void>
  readonly attest: (image: BuiltPlatform) => readonly Attestation[]
}

/** What the first of the images is that were written. */
export interface WrittenImage {
  readonly target: Descriptor
  /** Full references. */
  readonly names: readonly string[]
}

type Of<K extends BuildOutput['kind']> = Extract<BuildOutput, { kind: K }>

/** Writes all that a build was to make, one after the other; answers the image, where one of them is. The caller holds a lease. */
export const writeOutputs = async (
  engine: Engine,
  built: BuiltImage,
  options: WriteOutputsOptions,
): Promise<WrittenImage | undefined> => {
  let image: WrittenImage | undefined
  for (const output of options.outputs) {
    const written = await writeOne(engine, built, output, options)
    image ??= written
  }
  return image
}

const writeOne = async (
  engine: Engine,
  built: BuiltImage,
  output: BuildOutput,
  options: WriteOutputsOptions,
): Promise<WrittenImage | undefined> => {
  const { onEvent, write } = options
  const abortable = options.signal === undefined ? {} : { signal: options.signal }
  switch (output.kind) {
    case 'image':
      return await writeImage(engine, built, output, options)
    case 'archive':
      return await internalStep(onEvent, 'exporting to an archive', async () => {
        const target = await finish(engine, built, output, true, options)
        const store = await engine.content()
        const { platform } = engine.options
        const archive = await writeArchive(store, [{ target, names: output.names }], { ...abortable, platform })
        await put(output.destination, archive, write)
        return { target, names: output.names }
      })
    case 'layout':
      return await internalStep(onEvent, 'exporting to an OCI layout', async () => {
        const target = await finish(engine, built, output, true, options)
        const { openLayout } = await import('../../content/layout.ts')
        await using layout = await openLayout(output.destination, { create: true })
        const names = output.names.length === 0 ? [target.digest] : output.names
        await copy(await engine.content(), layout, { ...abortable, from: target, to: names, platform: 'all' })
        return { target, names: output.names }
      })
    case 'files':
      await internalStep(onEvent, 'exporting to a folder', async () => {
        const onWarning = (message: string): void => onEvent({ kind: 'warning', message })
        await writeFiles(engine, built, output.destination, { ...output, ...abortable, onWarning })
      })
      return undefined
    case 'tar':
      await internalStep(onEvent, 'exporting to a tar', async () => {
        await put(output.destination, tarOfFiles(engine, built, { ...output, ...abortable }), write)
      })
      return undefined
    case 'nothing':
      return undefined
  }
}

const put = async (destination: string | undefined, bytes: ByteStream, write: WriteOutputsOptions['write']): Promise<void> => {
  if (destination === undefined) await write(bytes)
  else await writeOutput(destination, bytes)
}

const finish = async (
  engine: Engine,
  built: BuiltImage,
  form: Of<'image' | 'archive' | 'layout'>,
  leaving: boolean,
  { signal, attest }: WriteOutputsOptions,
): Promise<Descriptor> =>
  await finishImage(engine, built, form, { leaving, names: form.names, attest, ...(signal === undefined ? {} : { signal }) })

const writeImage = async (
  engine: Engine,
  built: BuiltImage,
  output: Of<'image'>,
  options: WriteOutputsOptions,
): Promise<WrittenImage> => {
  const { names, push, compression } = output
  const store = await engine.content()
  const target = await finish(engine, built, output, push, options)
  for (const name of names.length === 0 ? [target.digest] : names) await nameImage(store, name, target)
  if (push)
    for (const name of names) {
      const shown = familiarString(parseReference(name))
      const abortable = options.signal === undefined ? {} : { signal: options.signal }
      await internalStep(options.onEvent, `pushing ${shown}`, async (id) => {
        const digest = target.digest
        await pushImage(engine, shown, { ...compression, ...abortable })
        options.onEvent({ kind: 'status', id, name: `pushing manifest ${digest}`, done: true })
      })
    }
  return { target, names }
}
