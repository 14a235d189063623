import { accessSync, constants } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { GantryError } from '../lib/errors.ts'
import { runProcess } from '../lib/process.ts'
import { canLimitDevices, hostFacts, type HostFacts } from './host-facts.ts'

export type RuntimeKind = 'crun' | 'runc'

/** An OCI runtime on this machine. */
export interface OciRuntime {
  readonly kind: RuntimeKind
  /** Absolute. */
  readonly path: string
}

/** The programs that run containers, and what the machine allows. */
export interface RuntimeTools {
  readonly runtime: OciRuntime
  /** Absolute; absent where conmon is not installed: then only steps of builds can run. */
  readonly conmon?: string
  readonly host: HostFacts
  /** Where the OCI runtime keeps its state (`--root`): below the run folder, so that two gantry roots never see each other. */
  readonly stateFolder: string
  /** PATH for the programs. */
  readonly path: string
}

export interface DetectOptions {
  /** A PATH. Programs in the usual places for administrators are found without being in it. */
  readonly path: string
  readonly stateFolder: string
  readonly prefer?: RuntimeKind
  readonly host?: HostFacts
}

/** Finds crun, else runc, and conmon, without running them. No runtime at all is `failed_precondition`. */
// oxlint-disable-next-line require-await
export const detectRuntime = async (options: DetectOptions): Promise<RuntimeTools> => {
  const host = options.host ?? hostFacts()
  const folders = searchPath(options.path)
  const kinds: readonly RuntimeKind[] = runnable(host, options.prefer)
  for (const kind of kinds) {
    const path = findProgram(kind, folders)
    if (path === undefined) continue
    const conmon = findProgram('conmon', folders)
    const { stateFolder } = options
    return { runtime: { kind, path }, ...(conmon === undefined ? {} : { conmon }), host, stateFolder, path: folders.join(':') }
  }
  throw new GantryError(
    'failed_precondition',
    'NO_RUNTIME',
    `Cannot run containers: ${kinds.length === 1 ? `${kinds[0]} is not` : 'neither crun nor runc is'} installed`,
    {
      hint: `install ${kinds[0]} and conmon (Debian, Ubuntu: apt-get install ${kinds[0]} conmon; Fedora: dnf install ${kinds[0]} conmon)`,
    },
  )
}

/**
 * In the order of preference. crun needs the v2 tree of a hybrid layout out of its sight, which takes CAP_SYS_ADMIN; runc does not
 * care. Where crun cannot keep containers from devices, runc is better.
 */
const runnable = (host: HostFacts, prefer: RuntimeKind = 'crun'): readonly RuntimeKind[] => {
  if (host.detach.length > 0 && !host.capabilities.includes('CAP_SYS_ADMIN')) return ['runc']
  return prefer === 'crun' && (canLimitDevices(host, 'crun') || !host.cgroupsWritable) ? ['crun', 'runc'] : ['runc', 'crun']
}

const searchPath = (path: string): readonly string[] => [
  ...new Set([
    ...path.split(':').filter(isAbsolute),
    '/usr/local/sbin',
    '/usr/local/bin',
    '/usr/sbin',
    '/usr/bin',
    '/sbin',
    '/bin',
  ]),
]

const findProgram = (name: string, folders: readonly string[]): string | undefined => {
  for (const folder of folders) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // not here
    }
  }
  return undefined
}

/** What `PROGRAM --version` says first: `1.8.1` of `crun version 1.8.1`. undefined where it cannot be run. */
export const programVersion = async (path: string): Promise<string | undefined> => {
  const result = await runProcess(path, ['--version']).catch(() => undefined)
  if (result === undefined || result.status !== 0) return undefined
  return /version (\S+)/.exec(result.stdout.toString('latin1'))?.[1]
}
