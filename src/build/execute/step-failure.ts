import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { ExecOp, RunMount } from '../graph.ts'
import type { RunOptions } from '../run-options.ts'

const process = ({ args }: ExecOp): string => `process ${JSON.stringify(args.join(' '))}`

/** A RUN step that ended with a status that is not 0, and what it had. */
export const stepFailed = (op: ExecOp, status: number, { limits }: RunOptions): GantryError => {
  const killed = status === 137 && limits?.memory !== undefined
  return new GantryError(
    'failed_precondition',
    'STEP_FAILED',
    `${process(op)} did not complete successfully: exit code: ${status}${killed ? ': it may have used more memory than --memory allows' : ''}`,
    { hint: surroundings(op) },
  )
}

/** A RUN step that took longer than it may, in milliseconds. */
export const stepTimedOut = (op: ExecOp, limit: number): GantryError =>
  new GantryError(
    'failed_precondition',
    'STEP_TIMEOUT',
    `${process(op)} did not complete within ${limit / 1000}s and was killed`,
    {
      hint: `give it longer with --step-timeout; ${surroundings(op)}`,
    },
  )

/** What a step had, without the values of its variables: those may be secrets. */
const surroundings = (op: ExecOp): string => {
  const names = [...op.env, ...op.proxy].map((variable) => variable.replace(/=[^]*$/, ''))
  const secret = op.mounts.flatMap((mount) => (mount.kind === 'secret' && mount.env !== undefined ? `${mount.env} (secret)` : []))
  const mounts = op.mounts.flatMap((mount) => mountText(mount) ?? [])
  return [
    `it ran as ${op.user === '' ? 'root' : `user "${op.user}"`} in "${op.cwd}" with ${op.network === 'none' ? 'no network' : "the host's network"}`,
    ...(op.security === 'insecure' ? ['all privileges'] : []),
    `variables ${[...new Set(names), ...secret].join(', ')}`,
    ...(mounts.length === 0 ? [] : [`mounts ${mounts.join(', ')}`]),
  ].join('; ')
}

const mountText = (mount: RunMount): string | undefined => {
  switch (mount.kind) {
    case 'bind':
    case 'cache':
    case 'tmpfs':
      return `${mount.target} (${mount.kind}${mount.readOnly ? ', read-only' : ''})`
    case 'secret':
      return mount.target === undefined ? undefined : `${mount.target} (secret ${mount.id})`
    case 'ssh':
      return `${mount.target} (ssh ${mount.id})`
  }
}

/** A step for another architecture that could not even begin most likely lacks what runs its programs here. */
export const beginFailed = (error: unknown, op: ExecOp, architecture: string): unknown => {
  const wanted = op.platform.architecture
  if (!isGantryError(error) || error.kind === 'canceled' || wanted === architecture) return error
  return new GantryError(error.kind, error.code, error.message, {
    cause: error,
    hint: `programs for ${wanted} need an emulator here: install qemu-user-static and its binfmt handlers`,
  })
}
