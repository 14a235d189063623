import { GantryError } from '../../lib/errors.ts'
import { reportStep } from '../events.ts'
import { creationTime, pretendedTime } from '../../oci/creation-time.ts'
import type { ImageConfig } from '../../oci/image-config.ts'
import type { ContextOp, ImageOp, ScratchOp } from '../graph.ts'
import type { ContextResult, Executor, FilesResult } from './executor.ts'

/** `FROM scratch`: no layers. */
export const executeScratch: Executor<ScratchOp> = async () => ({
  kind: 'files',
  layers: [],
  time: pretendedTime,
  prepare: async () => undefined,
})

/** The build context, which the build brings along. */
export const executeContext =
  (context: () => Promise<ContextResult['tree']>): Executor<ContextOp> =>
  async () => ({ kind: 'context', tree: await context() })

/** An image's layers, which are brought when a step needs their files. */
export const executeImage: Executor<ImageOp> = async (
  { base, digest: id, label, source },
  _inputs,
  context,
): Promise<FilesResult> => {
  if (base === undefined) throw new GantryError('internal', 'NO_IMAGE', 'Cannot use the image: it was not resolved')
  const { onEvent, services, signal } = context
  const layers = base.image.layers.map(({ diffId, blob }) => ({ diffId, blob }))
  const time = imageTime(base.image.config)
  const there = await Promise.all(layers.map(({ diffId }) => services.layers.has(diffId)))
  const step = { id, label, source }
  if (there.every(Boolean)) {
    await reportStep(
      onEvent,
      step,
      async () => undefined,
      () => true,
    )
    return { kind: 'files', layers, time, prepare: async () => undefined }
  }
  let prepared: Promise<void> | undefined
  const prepare = (): Promise<void> => reportStep(onEvent, step, async () => await base.prepare({ signal }))
  return { kind: 'files', layers, time, prepare: () => (prepared ??= prepare()) }
}

/** When an image was made, seconds since 1970. */
const imageTime = ({ created, history = [] }: ImageConfig): number => {
  for (const text of [created, ...history.map((entry) => entry.created).toReversed()]) {
    const time = creationTime(text)
    if (time !== undefined) return Math.ceil(time / 1000)
  }
  return pretendedTime
}
