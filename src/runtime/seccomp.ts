import type { RuntimeSeccomp, SeccompArgument, SeccompRule } from './runtime-spec.ts'
import { allowedByArchitecture, allowedByCapability, allowedCalls, filterArchitectures } from './seccomp-table.ts'

const ENOSYS = 38
const EPERM = 1
const AF_ALG = 38
const AF_VSOCK = 40
/** CLONE_NEW* but for the time namespace, which clone(2) cannot make. */
const NAMESPACE_FLAGS = 0x7e02_0000

const when = (name: string, op: SeccompArgument['op'], value: number, index = 0, valueTwo?: number): SeccompRule => ({
  names: [name],
  action: 'SCMP_ACT_ALLOW',
  args: [{ index, value, op, ...(valueTwo === undefined ? {} : { valueTwo }) }],
})

/**
 * Docker's default system call filter for a machine (`process.arch`) and the capabilities the container may have:
 * everything that is not listed fails with EPERM. undefined for a machine that the table does not know.
 */
export const seccompProfile = (architecture: string, capabilities: readonly string[]): RuntimeSeccomp | undefined => {
  const architectures = filterArchitectures[architecture]
  if (architectures === undefined) return undefined
  const names = new Set([...allowedCalls, ...(allowedByArchitecture[architecture] ?? [])])
  for (const capability of capabilities) for (const name of allowedByCapability[capability] ?? []) names.add(name)
  const syscalls: SeccompRule[] = [
    { names: [...names], action: 'SCMP_ACT_ALLOW' },
    when('socket', 'SCMP_CMP_LT', AF_ALG),
    when('socket', 'SCMP_CMP_EQ', AF_ALG + 1),
    when('socket', 'SCMP_CMP_GT', AF_VSOCK),
    // PER_LINUX, PER_LINUX32, UNAME26 with each, and asking for the current one
    ...[0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff].map((persona) => when('personality', 'SCMP_CMP_EQ', persona)),
  ]
  if (!capabilities.includes('CAP_SYS_ADMIN'))
    syscalls.push(
      // s390 takes the flags of clone(2) second
      when('clone', 'SCMP_CMP_MASKED_EQ', NAMESPACE_FLAGS, architecture === 's390x' ? 1 : 0, 0),
      // the flags are behind a pointer, which a filter cannot read: libc falls back to clone(2) on ENOSYS
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    )
  return { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: EPERM, architectures, syscalls }
}
