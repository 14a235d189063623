import { closeSync, constants, openSync, writeSync } from 'node:fs'
import type { Abortable } from '../lib/bytes.ts'
import { GantryError, systemCode, throwIfAborted } from '../lib/errors.ts'
import { Input, Outputs } from './attach-streams.ts'
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
