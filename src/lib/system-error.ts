import { statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { GantryError, isGantryError, messageOf, systemCode, type ErrorKind } from './errors.ts'
import { humanSize } from './human-size.ts'

interface Reason {
  readonly kind: ErrorKind
  readonly code: string
  readonly text: string
  readonly hint?: string
}

const full = (text: string): Reason => ({
  kind: 'resource_exhausted',
  code: 'DISK_FULL',
  text,
  hint: 'make room there, and try again: what has arrived is kept',
})

/** What a machine refuses, rather than what a program does wrong. */
const reasons: Readonly<Record<string, Reason>> = {
  ENOSPC: full('no space is left'),
  EDQUOT: full('the disk quota is used up'),
  EIO: {
    kind: 'failed_precondition',
    code: 'DISK_FAILED',
    text: 'input/output error',
    hint: 'check the disk: dmesg may say more',
  },
  EROFS: { kind: 'failed_precondition', code: 'READ_ONLY', text: 'its file system is read-only' },
  EACCES: { kind: 'permission_denied', code: 'PERMISSION_DENIED', text: 'permission denied' },
  EPERM: { kind: 'permission_denied', code: 'PERMISSION_DENIED', text: 'operation not permitted' },
  EMFILE: {
    kind: 'resource_exhausted',
    code: 'TOO_MANY_FILES',
    text: 'too many files are open',
    hint: 'raise the limit: ulimit -n',
  },
  ENFILE: { kind: 'resource_exhausted', code: 'TOO_MANY_FILES', text: 'too many files are open on this machine' },
  ENOMEM: { kind: 'resource_exhausted', code: 'NO_MEMORY', text: 'no memory is left' },
}

/** True if a file system has no room for what was to be written. */
export const isDiskFull = (error: unknown): boolean =>
  systemCode(error) === 'ENOSPC' || systemCode(error) === 'EDQUOT' || (isGantryError(error) && error.code === 'DISK_FULL')

/** Bytes that may be written on the file system of a path, or of the folder that it would be in; undefined if that cannot be told. */
export const freeSpace = (path: string): number | undefined => {
  for (let folder = path; ; folder = dirname(folder)) {
    try {
      const { bavail, bsize } = statfsSync(folder)
      return bavail * bsize
    } catch {
      if (folder === dirname(folder)) return undefined
    }
  }
}

/** `no space is left in "/var/lib/gantry", where 12kB are free`, with how much more there must be if that is known (bytes). */
export const fullReason = (path: string, needed?: number): string => {
  const free = freeSpace(path)
  const facts = [
    ...(needed === undefined || needed === 0 ? [] : [`${humanSize(needed, 4)} more are needed`]),
    ...(free === undefined ? [] : [`${humanSize(free, 4)} are free`]),
  ]
  return `no space is left in "${path}"${facts.length === 0 ? '' : `: ${facts.join(', ')}`}`
}

/**
 * What the system refused (a full disk, a read-only file system, …) as an error that says what and where. Errors of our own, and those
 * that a program would have caused itself, are answered as they are. `target` is the file, where the system does not name it.
 */
export const explainSystemError = (error: unknown, target?: string): unknown => {
  const reason = reasons[systemCode(error) ?? '']
  if (reason === undefined || isGantryError(error)) return error
  const { kind, code, text, hint } = reason
  const { path = target, syscall } = error as NodeJS.ErrnoException
  const what = path === undefined ? `go on (${syscall ?? messageOf(error)})` : `${verbs[syscall ?? ''] ?? 'use'} "${path}"`
  const why = code === 'DISK_FULL' && path !== undefined ? fullReason(dirname(path)) : text
  return new GantryError(kind, code, `Cannot ${what}: ${why}`, { cause: error, ...(hint !== undefined && { hint }) })
}

const verbs: Readonly<Record<string, string>> = {
  open: 'open',
  mkdir: 'make the folder',
  rename: 'rename',
  unlink: 'remove',
  rmdir: 'remove',
  rm: 'remove',
  write: 'write',
  writeFile: 'write',
  sync: 'write',
  datasync: 'write',
  fsync: 'write',
  fdatasync: 'write',
  ftruncate: 'write',
}
