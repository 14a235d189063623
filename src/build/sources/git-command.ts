import { delimiter } from 'node:path'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError, throwIfAborted } from '../../lib/errors.ts'
import type { Environment } from '../../lib/http/proxy.ts'
import { runProcess } from '../../lib/process.ts'
import { redactSources } from './redact-sources.ts'

/** Where git works, and what it may speak there. */
export interface GitOptions extends Abortable {
  readonly environment: Environment
  /** What messages call the repository: without secrets. */
  readonly what: string
  readonly cwd: string
  readonly gitFolder?: string
  readonly workTree?: string
  /** A file, so that several can check out of one repository. */
  readonly index?: string
  /** Only for repositories of our own. */
  readonly local?: boolean
  /** False: any certificate is taken. */
  readonly tlsVerify?: boolean
}

/** git's words when it failed: without secrets. */
export class GitFailure extends Error {
  readonly output: string

  constructor(output: string) {
    super(output.trim().split('\n').at(-1) ?? '')
    this.name = 'GitFailure'
    this.output = output
  }
}

/** Settings that are stronger than those of any file: nothing that a repository holds is run, and nothing is asked. */
const settings: Readonly<Record<string, string>> = {
  'core.hooksPath': '/dev/null',
  'core.fsmonitor': 'false',
  'core.autocrlf': 'false',
  'core.symlinks': 'true',
  'core.protectHFS': 'true',
  'core.protectNTFS': 'true',
  'credential.helper': '',
  'fetch.fsckObjects': 'false',
  'gc.auto': '0',
  'maintenance.auto': 'false',
  'init.defaultBranch': 'master',
  'protocol.ext.allow': 'never',
  'submodule.recurse': 'false',
  'transfer.bundleURI': 'false',
  'advice.detachedHead': 'false',
}

const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()])

/** An environment with nothing in it that could make git run, read or ask for something: no settings of the user, no hooks. */
const environmentOf = ({ environment, index, local = false, tlsVerify }: GitOptions): Readonly<Record<string, string>> => {
  const result: Record<string, string> = {
    PATH: environment['PATH'] ?? ['/usr/local/bin', '/usr/bin', '/bin'].join(delimiter),
    LC_ALL: 'C',
    HOME: '/dev/null',
    XDG_CONFIG_HOME: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    // the settings of ssh can run programs; a host that is not known yet is remembered, one whose key changed is refused
    GIT_SSH_COMMAND: 'ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new',
    GIT_SSH_VARIANT: 'ssh',
    // stronger than protocol.*.allow: neither ext:: nor files of this machine, be it for submodules or after a redirect
    GIT_ALLOW_PROTOCOL: local ? 'file' : 'http:https:git:ssh',
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_LFS_SKIP_SMUDGE: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_HTTP_LOW_SPEED_LIMIT: '1',
    GIT_HTTP_LOW_SPEED_TIME: '60',
    ...(tlsVerify === false ? { GIT_SSL_NO_VERIFY: '1' } : {}),
    ...(index === undefined ? {} : { GIT_INDEX_FILE: index }),
  }
  for (const name of [...proxies, 'SSH_AUTH_SOCK', 'SSL_CERT_FILE', 'SSL_CERT_DIR']) {
    const value = environment[name]
    if (value !== undefined) result[name] = value
  }
  return result
}

/** The arguments and the environment of a call of git. */
export const gitCall = (
  args: readonly string[],
  options: GitOptions,
): {
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
} => {
  const { cwd, gitFolder, workTree, signal } = options
  const configured = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const places = [
    ...(gitFolder === undefined ? [] : [`--git-dir=${gitFolder}`]),
    ...(workTree === undefined ? [] : [`--work-tree=${workTree}`]),
  ]
  return {
    args: [...configured, ...places, ...args],
    cwd,
    env: environmentOf(options),
    ...(signal === undefined ? {} : { signal }),
  }
}

/** Runs git; answers what it printed. A status other than 0 is a GitFailure, a missing git `not_found` with a hint. */
export const runGit = async (args: readonly string[], options: GitOptions): Promise<string> => {
  const { what, signal } = options
  const { args: all, ...rest } = gitCall(args, options)
  try {
    const { status, stdout, stderr } = await runProcess('git', all, rest)
    if (status === 0) return stdout.toString('utf8')
    throwIfAborted(signal)
    throw new GitFailure(redactSources(stderr.toString('utf8').slice(-4096)))
  } catch (error) {
    if (!isGantryError(error, 'not_found')) throw error
    throw new GantryError('not_found', 'NO_GIT', `Cannot fetch "${what}": git is not installed`, {
      cause: error,
      hint: 'install git, or give the URL of an archive',
    })
  }
}
