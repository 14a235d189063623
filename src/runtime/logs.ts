import { watch } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import type { Abortable } from '../lib/bytes.ts'
import { systemCode, throwIfAborted } from '../lib/errors.ts'
import { parseLogLine, type LogLine } from './log-line.ts'

/** A line that a container wrote, or a part of one. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr'
  /** RFC 3339 in UTC, with nanoseconds. */
  readonly time: string
  /** What was written, with the newline if there was one; with `timestamps` the time before a line's first part. */
  readonly bytes: Uint8Array
}

export interface ReadLogsOptions extends Abortable {
  /** Go on with what is added, until this settles: the end of the container. */
  readonly follow?: Promise<unknown>
  /** Only what was written then or later, and then or earlier: milliseconds since 1970, with a fraction. */
  readonly since?: number
  readonly until?: number
  /** Only so many lines at the end. */
  readonly tail?: number
  readonly timestamps?: boolean
}

/** Reads a log in conmon's k8s-file format. A log that is not there has no lines. */
export async function* readLogs(file: string, options: ReadLogsOptions = {}): AsyncGenerator<LogEntry> {
  const { since = -Infinity, until = Infinity, timestamps = false } = options
  const handle = await openLog(file)
  if (handle === undefined) return
  try {
    const start = options.tail === undefined ? 0 : await startOfTail(handle, options.tail)
    const unfinished = new Set<string>()
    for await (const raw of rawLines(handle, start, file, options)) {
      const line = parseLogLine(raw)
      if (line === undefined) continue
      const continued = unfinished.has(line.stream)
      if (line.partial) unfinished.add(line.stream)
      else unfinished.delete(line.stream)
      if (line.milliseconds >= since && line.milliseconds <= until) yield entry(line, timestamps && !continued)
    }
  } finally {
    await handle.close()
  }
}

const entry = ({ stream, time, partial, content }: LogLine, stamp: boolean): LogEntry => ({
  stream,
  time,
  bytes: Buffer.concat([...(stamp ? [Buffer.from(`${time} `)] : []), content, ...(partial ? [] : [Buffer.from('\n')])]),
})

const openLog = async (file: string): Promise<FileHandle | undefined> => {
  try {
    return await open(file)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

const blockSize = 64 * 1024
/** conmon writes at most 8 KiB at a time; what is longer is not of its making. */
const maxLine = 1024 * 1024
const NEWLINE = 10

/** Lines without their newline; one that is still being written waits for its end. */
async function* rawLines(
  handle: FileHandle,
  start: number,
  file: string,
  { follow, signal }: ReadLogsOptions,
): AsyncGenerator<Buffer> {
  const changes = follow === undefined ? undefined : new Changes(file, follow, signal)
  try {
    let rest = Buffer.alloc(0)
    for (let position = start; ;) {
      throwIfAborted(signal)
      // what is written before the end is there to be read after it
      const last = changes?.ended !== false
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(blockSize), 0, blockSize, position)
      position += bytesRead
      const data = rest.length === 0 ? buffer.subarray(0, bytesRead) : Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      let from = 0
      for (let end = data.indexOf(NEWLINE); end !== -1; end = data.indexOf(NEWLINE, from)) {
        yield data.subarray(from, end)
        from = end + 1
      }
      rest = data.length - from > maxLine ? Buffer.alloc(0) : data.subarray(from)
      if (bytesRead > 0) continue
      if (last) return
      await changes?.next()
    }
  } finally {
    changes?.close()
  }
}

/** Wakes up whenever the file may have grown, once more at the end of its writer, and on abort. */
class Changes {
  ended = false
  readonly #watcher
  #woken = false
  #wake: () => void = () => undefined

  constructor(file: string, end: Promise<unknown>, signal: AbortSignal | undefined) {
    const wake = (): void => {
      this.#woken = true
      this.#wake()
    }
    const finish = (): void => {
      this.ended = true
      wake()
    }
    this.#watcher = watch(file, wake)
    this.#watcher.on('error', finish)
    signal?.addEventListener('abort', wake, { once: true })
    end.then(finish, finish)
  }

  async next(): Promise<void> {
    if (!this.#woken) await new Promise<void>((resolve) => void (this.#wake = resolve))
    this.#woken = false
  }

  close(): void {
    this.#watcher.close()
  }
}

/** Where the last so many lines begin, found from the end. A line in several parts counts once; the newest may still be open. */
const startOfTail = async (handle: FileHandle, count: number): Promise<number> => {
  const { size } = await handle.stat()
  if (count <= 0) return size
  /** Streams with a line whose end was seen, and whose parts before it belong to it. */
  const open = new Set<string>()
  let left = count
  let best = size
  for await (const { at, line } of linesBackwards(handle, size)) {
    const parsed = parseLogLine(line)
    if (parsed === undefined) continue
    if (!parsed.partial || !open.has(parsed.stream)) {
      if (left-- === 0) break
      open.add(parsed.stream)
    }
    best = at
  }
  return best
}

async function* linesBackwards(handle: FileHandle, size: number): AsyncGenerator<{ readonly at: number; readonly line: Buffer }> {
  let tail = Buffer.alloc(0)
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - blockSize)
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(end - start), 0, end - start, start)
    const data = Buffer.concat([buffer.subarray(0, bytesRead), tail])
    let stop = data.length
    // not the newline that ends the last line of all
    for (let at = data.lastIndexOf(NEWLINE, stop - 1); at !== -1; at = at === 0 ? -1 : data.lastIndexOf(NEWLINE, at - 1)) {
      if (at + 1 < stop) yield { at: start + at + 1, line: data.subarray(at + 1, stop).subarray(0, maxLine) }
      stop = at + 1
    }
    tail = data.subarray(0, Math.min(stop, maxLine))
    if (start === 0 && stop > 0) yield { at: 0, line: tail }
    end = start
  }
}
