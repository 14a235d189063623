import { closeSync, constants, openSync, writeSync } from 'node:fs'
import type { Abortable } from '../lib/bytes.ts'
import { GantryError, messageOf, systemCode, throwIfAborted } from '../lib/errors.ts'
import { DetachFilter, defaultDetachKeys } from './detach-keys.ts'
import type { ContainerStreams } from './interfaces.ts'
import { monitorFiles } from './monitor.ts'
import { connectPackets, type PacketSocket } from './packet-socket.ts'

export interface AttachOptions extends Abortable {
  readonly terminal: boolean
  /** What the user types to let go of the container; none if empty. Default ctrl-p ctrl-q with a terminal, none without. */
  readonly detachKeys?: Uint8Array
}

/** `ended`: all the output has been passed on. `detached`: the user typed the keys. */
export type AttachResult = 'ended' | 'detached'

/** conmon marks each packet with the stream it came from. */
const STDERR = 3

/**
 * Connects a container's streams; done when it returns, so that what is started after it loses no output. The promise settles
 * when the container's output ended, the keys were typed or the signal aborts (`canceled`); the end of `stdin` is passed on. A slow
 * reader makes the container wait. An output that breaks is `unavailable`, with its error as the cause. `conflict` if nothing runs.
 */
export const attachContainer = (
  folder: string,
  streams: ContainerStreams,
  options: AttachOptions,
): { readonly result: Promise<AttachResult> } => {
  throwIfAborted(options.signal)
  const outputs = new Outputs(streams)
  let socket: PacketSocket
  try {
    socket = connectPackets(folder, 'attach', (packet) =>
      outputs.write(packet[0] === STDERR ? 'stderr' : 'stdout', packet.subarray(1)),
    )
  } catch (cause) {
    throw new GantryError('conflict', 'NOT_RUNNING', `Cannot attach to the container: it is not running`, { cause })
  }
  outputs.onDrain = () => socket.resume()
  const result = run(socket, outputs, streams, options)
  // the caller starts the container first, and looks at this later
  result.catch(() => undefined)
  return { result }
}

const run = async (
  socket: PacketSocket,
  outputs: Outputs,
  streams: ContainerStreams,
  options: AttachOptions,
): Promise<AttachResult> => {
  const keys = options.detachKeys ?? (options.terminal ? defaultDetachKeys : new Uint8Array())
  let detached = false
  const letGo = (): void => {
    detached = true
    socket.destroy()
  }
  const hangUp = (): void => socket.destroy()
  outputs.onError = hangUp
  options.signal?.addEventListener('abort', hangUp, { once: true })
  const input = streams.stdin === undefined ? undefined : new Input(streams.stdin, socket, new DetachFilter(keys), letGo)
  try {
    await socket.closed
    throwIfAborted(options.signal)
    await outputs.flush()
    return detached ? 'detached' : 'ended'
  } finally {
    options.signal?.removeEventListener('abort', hangUp)
    input?.close()
    outputs.close()
  }
}

/** Where the output goes. */
class Outputs {
  onDrain: () => void = () => undefined
  onError: () => void = () => undefined
  readonly #streams: ReadonlyMap<'stdout' | 'stderr', NodeJS.WritableStream>
  readonly #full = new Set<NodeJS.WritableStream>()
  readonly #listeners = new Map<NodeJS.WritableStream, { readonly drain: () => void; readonly error: (error: Error) => void }>()
  #error: Error | undefined

  constructor({ stdout, stderr }: ContainerStreams) {
    this.#streams = new Map([
      ['stdout', stdout],
      ['stderr', stderr ?? stdout],
    ])
    for (const stream of new Set(this.#streams.values())) {
      const drain = (): void => {
        if (this.#full.delete(stream) && this.#full.size === 0) this.onDrain()
      }
      const error = (cause: Error): void => {
        this.#error ??= cause
        this.onError()
      }
      stream.on('drain', drain)
      stream.on('error', error)
      this.#listeners.set(stream, { drain, error })
    }
  }

  /** False if more should wait for `onDrain`. */
  write(name: 'stdout' | 'stderr', bytes: Uint8Array): boolean {
    const stream = this.#streams.get(name)
    if (stream !== undefined && this.#error === undefined && !stream.write(bytes)) this.#full.add(stream)
    return this.#full.size === 0
  }

  /** Waits until the streams have passed everything on. */
  async flush(): Promise<void> {
    if (this.#error === undefined)
      await Promise.all(
        [...this.#listeners.keys()].map((stream) => new Promise<void>((resolve) => stream.write('', () => resolve()))),
      )
    if (this.#error !== undefined)
      throw new GantryError('unavailable', 'OUTPUT_BROKEN', `Cannot pass on the container's output: ${messageOf(this.#error)}`, {
        cause: this.#error,
      })
  }

  close(): void {
    for (const [stream, { drain, error }] of this.#listeners) stream.off('drain', drain).off('error', error)
  }
}

/** conmon reads at most 32 KiB at a time and would drop the rest of a larger packet. */
const maxPiece = 16 * 1024

/** Passes stdin on, piece by piece: the next one is read when the last one was taken. */
class Input {
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

/** Tells a container's terminal its size. One that has ended, or has none, is left alone. */
export const resizeTerminal = (folder: string, size: { readonly rows: number; readonly columns: number }): void => {
  const WINDOW = 1
  let fd: number
  try {
    fd = openSync(monitorFiles(folder).control, constants.O_WRONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (systemCode(error) === 'ENXIO' || systemCode(error) === 'ENOENT') return
    throw error
  }
  try {
    writeSync(fd, `${WINDOW} ${size.rows} ${size.columns}\n`)
  } finally {
    closeSync(fd)
  }
}
