import { closeSync, constants, openSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isGantryError, systemCode, throwIfAborted } from '../lib/errors.ts'
import type { Abortable } from '../lib/bytes.ts'
import { containerState, killContainer, readExit, type ContainerPlace } from './container.ts'
import type { RuntimeTools } from './detect-runtime.ts'
import { closed, lifeReader, monitorFiles } from './monitor.ts'

const SIGKILL = 9

/**
 * Waits until a container has ended, and says its exit status: 128+n for a signal. Any process may wait, any number of times.
 * A container whose conmon was killed is killed too, since nobody reads its output any more: 137.
 */
export const waitContainer = async (tools: RuntimeTools, place: ContainerPlace, options: Abortable = {}): Promise<number> => {
  await monitorEnd(place.folder, options.signal)
  const ended = await readExit(place.folder)
  if (ended !== undefined) return ended.exitStatus
  for (let state = await containerState(tools, place); state !== undefined && state.status !== 'exited';) {
    await killContainer(tools, place, 'KILL').catch((error: unknown) => {
      if (!isGantryError(error, 'conflict')) throw error
    })
    await sleep(10)
    state = await containerState(tools, place)
  }
  return 128 + SIGKILL
}

/** Waits for the end of a container's conmon; at once if there is none. No polling: the kernel says when the last writer is gone. */
export const monitorEnd = async (folder: string, signal?: AbortSignal): Promise<void> => {
  throwIfAborted(signal)
  const fd = openPipe(monitorFiles(folder).life)
  if (fd === undefined) return
  const reader = lifeReader(fd)
  const abort = (): unknown => reader.destroy()
  signal?.addEventListener('abort', abort, { once: true })
  await closed(reader)
  signal?.removeEventListener('abort', abort)
  throwIfAborted(signal)
}

/** undefined if there is no pipe, or nobody writes to it: of that, epoll would never tell. */
const openPipe = (path: string): number | undefined => {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  const buffer = Buffer.alloc(4096)
  try {
    while (readSync(fd, buffer) > 0);
  } catch (error) {
    if (systemCode(error) === 'EAGAIN') return fd
    closeSync(fd)
    throw error
  }
  closeSync(fd)
  return undefined
}
