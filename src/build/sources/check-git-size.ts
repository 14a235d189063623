import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { SourceServices } from '../interfaces.ts'
import { gitCall, type GitOptions } from './git-command.ts'
import { sourceLimit, tooLarge } from './limits.ts'
import { GantryError } from '../../lib/errors.ts'

/** Most files of a checkout. */
const fileLimit = 1_000_000

/**
 * Refuses a commit whose files are too many or too large, before any is written: a repository of a few kilobytes can stand for
 * more files than any disk has room for.
 */
export const checkGitSize = async (commit: string, services: SourceServices, options: GitOptions): Promise<void> => {
  const { args, ...rest } = gitCall(['ls-tree', '-r', '-l', '-z', '--full-tree', commit], options)
  const child = spawn('git', args, { ...rest, stdio: ['ignore', 'pipe', 'ignore'] })
  // a failure shows in what follows
  child.on('error', () => undefined)
  const ended = once(child, 'close').catch(() => undefined)
  let files = 0
  let bytes = 0
  try {
    let rest = ''
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      const entries = (rest + chunk.toString('latin1')).split('\0')
      rest = entries.pop() ?? ''
      for (const entry of entries) {
        files++
        bytes += Number(/^\S+ \S+ \S+ +(\d+)\t/.exec(entry)?.[1] ?? 0)
      }
      if (bytes > sourceLimit(services)) throw tooLarge(options.what, sourceLimit(services))
      if (files > fileLimit)
        throw new GantryError(
          'resource_exhausted',
          'SOURCE_TOO_LARGE',
          `Cannot fetch "${options.what}": it has more than ${fileLimit} files`,
        )
    }
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}
