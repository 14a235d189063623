import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { isGantryError, messageOf } from '../../lib/errors.ts'
import { retry } from '../../lib/retry.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { ContentSink, ContentSource, CopyEvent, MountingSink, ResumableSink, TransferOptions } from '../interfaces.ts'
import { verified } from '../verify.ts'
import { watchStream } from '../watch-stream.ts'

const isMounting = (sink: object): sink is MountingSink => 'mount' in sink
const isResumable = (sink: object): sink is ResumableSink => 'writeFrom' in sink

export interface BlobCopyOptions extends Abortable {
  readonly onEvent: (event: CopyEvent) => void
}

/** Brings one blob from a source into a sink that may have it already. */
export const copyBlob = async (
  source: ContentSource,
  sink: ContentSink,
  descriptor: Descriptor,
  options: BlobCopyOptions,
): Promise<void> => {
  const { onEvent, ...abortable } = options
  if (await sink.has(descriptor, abortable)) return onEvent({ kind: 'exists', descriptor })
  if (isMounting(sink) && (await sink.mount(descriptor, abortable))) return onEvent({ kind: 'mounted', descriptor })
  onEvent({ kind: 'started', descriptor })
  await transfer(source, sink, descriptor, options)
  onEvent({ kind: 'done', descriptor })
}

/**
 * Moves the bytes. A stream that breaks in the middle is fetched again, from where it broke if the sink can, and one with wrong bytes
 * of a mirror is fetched elsewhere; a request that fails
 * before its first byte is not, since the source has tried that as often as it wants, and so has a sink that fails.
 */
const transfer = async (
  source: ContentSource,
  sink: ContentSink,
  descriptor: Descriptor,
  { onEvent, ...abortable }: BlobCopyOptions,
): Promise<void> => {
  let progressed = false
  let broken = false
  const told: TransferOptions = {
    ...abortable,
    onRetry: (reason, wait) => onEvent({ kind: 'retry', descriptor, reason, wait }),
    onArrived: (offset) => onEvent({ kind: 'progress', descriptor, offset }),
  }
  const open = async (offset: number): Promise<ByteStream> => {
    if (offset > 0) onEvent({ kind: 'progress', descriptor, offset })
    const stream = await openFrom(source, descriptor, offset, told)
    return watchStream(stream, {
      ...abortable,
      onProgress: (bytes) => {
        progressed = true
        onEvent({ kind: 'progress', descriptor, offset: offset + bytes })
      },
      onError: () => (broken = true),
      onEnd: () => onEvent({ kind: 'received', descriptor }),
    })
  }
  const attempt = async (): Promise<void> => {
    progressed = false
    broken = false
    if (isResumable(sink)) return await sink.writeFrom(descriptor, open, told)
    const stream = await open(0)
    try {
      await sink.write(descriptor, stream, abortable)
    } finally {
      await stream[Symbol.asyncIterator]().return?.()
    }
  }
  await retry(attempt, {
    ...abortable,
    retryable: (error) => progressed && broken && (isGantryError(error, 'unavailable') || isFromMirror(error)),
    onRetry: (error, wait) => told.onRetry?.(messageOf(error), wait),
  })
}

const isFromMirror = (error: unknown): boolean => isGantryError(error, 'data_loss') && error.code === 'MIRROR_MISMATCH'

/** A source that cannot open a range is read from the start. */
const openFrom = async (
  source: ContentSource,
  descriptor: Descriptor,
  offset: number,
  options: TransferOptions,
): Promise<ByteStream> => {
  if (offset === 0) return verified(await source.open(descriptor, options), descriptor)
  try {
    return await source.open(descriptor, { ...options, range: { start: offset } })
  } catch (error) {
    if (!isGantryError(error, 'unsupported')) throw error
    return skip(await source.open(descriptor, options), offset)
  }
}

async function* skip(stream: ByteStream, count: number): ByteStream {
  let rest = count
  for await (const chunk of stream) {
    if (rest < chunk.length) yield rest > 0 ? chunk.subarray(rest) : chunk
    rest = Math.max(0, rest - chunk.length)
  }
}
