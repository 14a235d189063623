import { GantryError } from '../../lib/errors.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { servesPlatform } from '../../oci/platform-match.ts'
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

/** Whether all that came of a step is that the runtime (crun, runc) could not run its program, which is for another machine. */
export const isForeign = (output: string): boolean => /^exec [^\n]*: exec format error\n?$/i.test(output)

/** A step whose program is for another architecture than this machine's. */
export const foreignProgram = (op: ExecOp, here: Platform): GantryError => {
  const { architecture } = op.platform
  const foreign = !servesPlatform(here, op.platform)
  const reason = foreign
    ? `its programs are for ${formatPlatform(op.platform)}, and nothing is registered here that runs those`
    : `its programs are not for ${formatPlatform(op.platform)}, as the image says`
  return new GantryError('failed_precondition', 'NO_EMULATOR', `${process(op)} cannot run: ${reason}`, {
    hint: foreign
      ? `install qemu-user-static (Debian, Ubuntu: apt-get install qemu-user-static binfmt-support; Fedora: dnf install qemu-user-static-${packageSuffix(architecture)}), and see that binfmt_misc is mounted`
      : 'build for the platform of its programs (--platform), or copy in those of this one',
  })
}

/** As Fedora names them. */
const packageSuffix = (architecture: string): string =>
  ({ amd64: 'x86', '386': 'x86', arm64: 'aarch64', ppc64le: 'ppc', loong64: 'loongarch64', riscv64: 'riscv' })[architecture] ??
  architecture
