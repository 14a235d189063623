import { GantryError } from '../../lib/errors.ts'
import { reportStep } from '../events.ts'
import { creationTime, pretendedTime } from '../../oci/creation-time.ts'
import type { ImageConfig } from '../../oci/image-config.ts'
import type { ContextOp, GitOp, HttpOp, ImageOp, ScratchOp, Vertex } from '../graph.ts'
import type { FetchContext, RemoteFiles } from '../sources/open-remote.ts'
import type { ContextResult, ExecuteContext, Executor, FilesResult } from './executor.ts'

/** `FROM scratch`: no layers. */
export const executeScratch: Executor<ScratchOp> = async () => ({
  kind: 'files',
  layers: [],
  time: pretendedTime,
  prepare: async () => undefined,
})

/** The build context and named ones, which the build brings along. */
export const executeContext =
  (context: (name: string | undefined) => Promise<ContextResult['tree']>): Executor<ContextOp> =>
  async ({ op }) => ({ kind: 'context', tree: await context(op.name) })

/** What a server has at an URL. What fetches it is only loaded by builds that do. */
export const executeHttp: Executor<HttpOp> = async (vertex, _inputs, context) =>
  await fetched(vertex, context, async (around) => await (await import('../sources/open-remote.ts')).openHttp(vertex.op, around))

/** The files of a commit. */
export const executeGit: Executor<GitOp> = async (vertex, _inputs, context) =>
  await fetched(
    vertex,
    context,
    async (around) => await (await import('../sources/open-remote.ts')).openGit(vertex.op.reference, around),
  )

const fetched = async (
  { digest, label, source }: Vertex,
  context: ExecuteContext,
  work: (around: FetchContext) => Promise<RemoteFiles>,
): Promise<ContextResult> => {
  const { services, signal, onEvent } = context
  const scratch = async (): Promise<string> => await context.scratch()
  const id = `internal:${digest}`
  const { tree } = await reportStep(
    onEvent,
    { id, label, source },
    async () => await work({ sources: services.sources, scratch, signal, onEvent, id }),
    ({ cached }) => cached,
  )
  return { kind: 'context', tree }
}

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
export const imageTime = ({ created, history = [] }: ImageConfig): number => {
  for (const text of [created, ...history.map((entry) => entry.created).toReversed()]) {
    const time = creationTime(text)
    if (time !== undefined) return Math.ceil(time / 1000)
  }
  return pretendedTime
}
