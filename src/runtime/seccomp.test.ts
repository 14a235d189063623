import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilityNames, defaultCapabilities } from './capabilities.ts'
import { seccompProfile } from './seccomp.ts'

const allowed = (architecture: string, capabilities: readonly string[]): ReadonlySet<string> =>
  new Set(
    seccompProfile(architecture, capabilities)
      ?.syscalls.filter((rule) => rule.action === 'SCMP_ACT_ALLOW' && rule.args === undefined)
      .flatMap((rule) => rule.names),
  )

test('seccompProfile() allows what docker allows', () => {
  const names = allowed('x64', defaultCapabilities)
  for (const name of [
    'read',
    'execve',
    'openat2',
    'ptrace',
    'io_uring_setup',
    'keyctl',
    'unshare',
    'mount',
    'bpf',
    'clone',
    'kexec_load',
    'arch_prctl',
    'chroot',
  ])
    assert.equal(names.has(name), ['read', 'execve', 'openat2', 'ptrace', 'arch_prctl', 'chroot'].includes(name), name)
  assert.equal(names.size, 367)
})

test('seccompProfile() allows more with capabilities', () => {
  assert.ok(!allowed('x64', []).has('chroot'))
  for (const name of ['mount', 'unshare', 'clone', 'clone3', 'bpf', 'reboot', 'acct', 'syslog'])
    assert.ok(allowed('x64', capabilityNames).has(name), name)
  assert.ok(!allowed('x64', capabilityNames).has('keyctl'))
})

test('seccompProfile() fits the machine', () => {
  const flagsAt = (architecture: string): unknown =>
    seccompProfile(architecture, [])?.syscalls.find((rule) => rule.names[0] === 'clone')?.args
  assert.deepEqual(flagsAt('x64'), [{ index: 0, value: 0x7e02_0000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }])
  assert.deepEqual(flagsAt('s390x'), [{ index: 1, value: 0x7e02_0000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }])
  assert.deepEqual(seccompProfile('arm64', [])?.architectures, ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'])
  assert.ok(allowed('arm64', []).has('set_tls') && !allowed('arm64', []).has('arch_prctl'))
  assert.deepEqual(seccompProfile('x64', [])?.syscalls.at(-1), { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 })
  assert.equal(seccompProfile('vax', []), undefined)
})
