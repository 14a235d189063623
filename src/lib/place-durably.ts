import { closeSync, fsync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { Semaphore } from './concurrency.ts'
import { systemCode } from './errors.ts'

/** Something finished that is to appear in its place, for good, with one step. */
export interface Finished {
  /** Where it will be; the folder above is there. */
  readonly path: string
  /** Files and folders that must last before it appears. */
  readonly contents: readonly string[]
  /** Puts it there: a rename. */
  readonly place: () => Promise<void>
}

interface Waiting extends Finished {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Waiting for the disk at once: more would take the thread pool from those who write, and make it no faster. */
const syncing = new Semaphore(2)
const waiting: Waiting[] = []
let running = false

/**
 * Makes something last and puts it in its place; resolves when a power cut cannot undo that. Those that are finished while others are
 * on their way to the disk go together: what is under way costs one wait for their folder, and the file system's journal is written
 * for several at once.
 */
export const placeDurably = (finished: Finished): Promise<void> =>
  new Promise((resolve, reject) => {
    waiting.push({ ...finished, resolve, reject })
    if (!running) void run()
  })

const run = async (): Promise<void> => {
  running = true
  // those that are finished in the same turn go together already
  await Promise.resolve()
  while (waiting.length > 0) await placeGroup(waiting.splice(0))
  running = false
}

const placeGroup = async (group: readonly Waiting[]): Promise<void> => {
  const placed = new Map<string, Waiting[]>()
  const place = async (one: Waiting): Promise<void> => {
    await Promise.all(one.contents.map(syncPath))
    await one.place()
    const folder = dirname(one.path)
    placed.set(folder, [...(placed.get(folder) ?? []), one])
  }
  await Promise.all(group.map((one) => place(one).catch(one.reject)))
  await Promise.all(
    [...placed].map(async ([folder, ones]) => {
      try {
        await syncPath(folder)
        for (const one of ones) one.resolve()
      } catch (error) {
        for (const one of ones) one.reject(error)
      }
    }),
  )
}

const synchronize = promisify(fsync)

const syncPath = async (path: string): Promise<void> =>
  await syncing.run(async () => {
    const fd = openSync(path, 'r')
    try {
      await synchronize(fd)
    } catch (error) {
      // file systems that cannot do so for folders, and for what may only be read
      if (systemCode(error) !== 'EINVAL' && systemCode(error) !== 'EPERM') throw error
    } finally {
      closeSync(fd)
    }
  })
