import { GantryError, messageOf } from '../lib/errors.ts'
import type { DetachFilter } from './detach-keys.ts'
import type { ContainerStreams } from './interfaces.ts'
import type { PacketSocket } from './packet-socket.ts'

type OutputName = 'stdout' | 'stderr'

interface Opened {
  readonly stream: NodeJS.WritableStream
  readonly close: () => void
}

/** Where a container's output goes: one stream with a terminal, else two. Each is looked at when the first output for it comes. */
export class Outputs {
  onDrain: () => void = () => undefined
  onError: () => void = () => undefined
  readonly #streams: ContainerStreams
  readonly #full = new Set<NodeJS.WritableStream>()
  readonly #opened = new Map<OutputName, Opened>()
  #error: Error | undefined

  constructor(streams: ContainerStreams) {
    this.#streams = streams
  }

  #open(name: OutputName): NodeJS.WritableStream {
    const opened = this.#opened.get(name)
    if (opened !== undefined) return opened.stream
    const stream = (name === 'stderr' ? this.#streams.stderr : undefined) ?? this.#streams.stdout
    const drain = (): void => {
      if (this.#full.delete(stream) && this.#full.size === 0) this.onDrain()
    }
    const error = (cause: Error): void => {
      this.#error ??= cause
      this.onError()
    }
    stream.on('drain', drain)
    stream.on('error', error)
    this.#opened.set(name, { stream, close: () => void stream.off('drain', drain).off('error', error) })
    return stream
  }

  /** False if more should wait for `onDrain`. */
  write(name: OutputName, bytes: Uint8Array): boolean {
    const stream = this.#open(name)
    if (this.#error === undefined && !stream.write(bytes)) this.#full.add(stream)
    return this.#full.size === 0
  }

  /** Waits until the streams have passed everything on. */
  async flush(): Promise<void> {
    if (this.#error === undefined)
      await Promise.all(
        [...this.#opened.values()].map(({ stream }) => new Promise<void>((resolve) => stream.write('', () => resolve()))),
      )
    if (this.#error !== undefined)
      throw new GantryError('unavailable', 'OUTPUT_BROKEN', `Cannot pass on the container's output: ${messageOf(this.#error)}`, {
        cause: this.#error,
      })
  }

  close(): void {
    for (const { close } of this.#opened.values()) close()
  }
}

/** conmon reads at most 32 KiB at a time and would drop the rest of a larger packet. */
const maxPiece = 16 * 1024

/** Passes stdin on, piece by piece: the next one is read when the last one was taken. `letGo` is called at the detach keys. */
export class Input {
  readonly #source: NodeJS.ReadableStream
  readonly #socket: PacketSocket
  readonly #filter: DetachFilter
  readonly #letGo: () => void
  #queue: Promise<void> = Promise.resolve()
  #closed = false

  constructor(source: NodeJS.ReadableStream, socket: PacketSocket, filter: DetachFilter, letGo: () => void) {
    this.#source = source
    this.#socket = socket
    this.#filter = filter
    this.#letGo = letGo
    source.on('data', this.#onData)
    for (const event of ['end', 'close', 'error']) source.on(event, this.#onEnd)
    if ((source as { readonly readableEnded?: boolean }).readableEnded === true) this.#onEnd()
  }

  readonly #onData = (chunk: Uint8Array | string): void => {
    this.#source.pause()
    this.#queue = this.#queue.then(() => this.#send(typeof chunk === 'string' ? Buffer.from(chunk) : chunk))
  }

  readonly #onEnd = (): void => {
    this.#queue = this.#queue.then(() => this.#finish())
  }

  #finish(): void {
    if (!this.#closed) this.#socket.end()
    this.#closed = true
  }

  async #send(chunk: Uint8Array): Promise<void> {
    const { bytes, detached } = this.#filter.push(chunk)
    for (let at = 0; at < bytes.length && !this.#closed; at += maxPiece)
      await this.#socket.write(bytes.subarray(at, at + maxPiece))
    if (detached) this.#letGo()
    else if (!this.#closed) this.#source.resume()
  }

  close(): void {
    this.#closed = true
    this.#source.off('data', this.#onData)
    for (const event of ['end', 'close', 'error']) this.#source.off(event, this.#onEnd)
    this.#source.pause()
  }
}
