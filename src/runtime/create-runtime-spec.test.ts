import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilityNames } from './capabilities.ts'
import { containerHostname, createRuntimeSpec } from './create-runtime-spec.ts'
import type { HostFacts } from './host-facts.ts'
import type { ContainerSpec } from './interfaces.ts'
import type { RuntimeSpec } from './runtime-spec.ts'

const host: HostFacts = {
  architecture: 'x64',
  hostname: 'host.example',
  cgroups: 'v2',
  cgroupsWritable: true,
  limitsSwap: true,
  detach: [],
  openFiles: 1_048_576,
  lockedMemory: 65_536,
  capabilities: capabilityNames,
  seccomp: true,
  apparmorProfile: 'docker-default',
  oomScoreAdj: -500,
  sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' },
}
const spec: ContainerSpec = {
  id: '0123456789abcdef',
  args: ['sh', '-c', 'true'],
  env: ['A=1'],
  workingFolder: '/srv/../app/',
  user: '',
  terminal: false,
  interactive: false,
  network: 'none',
  readOnlyRoot: false,
  binds: [],
}
const user = { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root' }
const files = { hosts: '/b/hosts', hostname: '/b/hostname', resolvConf: '/b/resolv.conf' }
const create = (
  more: Partial<ContainerSpec> = {},
  facts: Partial<HostFacts> & { readonly limitDevices?: boolean } = {},
  uid = 0,
): RuntimeSpec =>
  createRuntimeSpec(
    { ...spec, ...more },
    { root: '/root/fs', host: { ...host, ...facts }, limitDevices: facts.limitDevices ?? true, user: { ...user, uid }, files },
  )
const types = (made: RuntimeSpec): readonly string[] => made.linux.namespaces.map((one) => one.type)
const destinations = (made: RuntimeSpec): readonly string[] => made.mounts.map((one) => one.destination)

test("createRuntimeSpec() writes docker's defaults", () => {
  const made = create()
  assert.deepEqual(made.process.args, spec.args)
  assert.equal(made.process.cwd, '/app')
  assert.deepEqual(made.process.user, { uid: 0, gid: 0, additionalGids: [0, 10] })
  assert.deepEqual(made.root, { path: '/root/fs', readonly: false })
  assert.equal(made.hostname, '0123456789ab')
  assert.ok(
    made.process.env.includes('HOSTNAME=0123456789ab') &&
      made.process.env.includes('HOME=/root') &&
      made.process.env.includes('A=1'),
  )
  assert.deepEqual(made.process.rlimits, [{ type: 'RLIMIT_NOFILE', soft: 1024, hard: 524_288 }])
  assert.equal(made.process.oomScoreAdj, 0)
  assert.equal(made.process.apparmorProfile, 'docker-default')
  assert.equal(made.process.capabilities.effective?.length, 14)
  assert.deepEqual(types(made), ['mount', 'pid', 'ipc', 'uts', 'network', 'cgroup'])
  assert.deepEqual(made.linux.sysctl, host.sysctl)
  assert.equal(made.linux.cgroupsPath, '/gantry-0123456789abcdef')
  assert.deepEqual(made.linux.resources?.devices?.[0], { allow: false, type: 'a', access: 'rwm' })
  assert.deepEqual(destinations(made), [
    '/proc',
    '/dev',
    '/dev/pts',
    '/sys',
    '/sys/fs/cgroup',
    '/dev/mqueue',
    '/dev/shm',
    '/etc/resolv.conf',
    '/etc/hostname',
    '/etc/hosts',
  ])
})

test('createRuntimeSpec() asks for no more than the host has', () => {
  const small = create(
    {},
    {
      openFiles: 512,
      capabilities: ['CAP_CHOWN', 'CAP_MKNOD'],
      cgroupsWritable: false,
      limitDevices: false,
      cgroups: 'v1',
      seccomp: false,
      oomScoreAdj: 300,
    },
  )
  assert.deepEqual(small.process.rlimits, [{ type: 'RLIMIT_NOFILE', soft: 512, hard: 512 }])
  // without a devices cgroup no device nodes either
  assert.deepEqual(small.process.capabilities.bounding, ['CAP_CHOWN'])
  assert.equal(small.linux.resources, undefined)
  assert.equal(small.linux.cgroupsPath, undefined)
  assert.equal(small.linux.seccomp, undefined)
  assert.equal(small.process.oomScoreAdj, 300)
  assert.ok(!types(small).includes('cgroup'))
})

test('createRuntimeSpec() gives other users no capabilities that execve would take', () => {
  const { capabilities } = create({}, {}, 1000).process
  assert.deepEqual(Object.keys(capabilities), ['bounding'])
})

test("createRuntimeSpec() shares the host's network when asked to", () => {
  const shared = create({ network: 'host' })
  assert.ok(!types(shared).includes('network'))
  assert.deepEqual(shared.linux.sysctl, {})
  assert.equal(shared.hostname, 'host.example')
  assert.equal(containerHostname({ ...spec, network: 'host', hostname: 'own' }, host), 'own')
})

test('createRuntimeSpec() hides and filters nothing of a privileged container', () => {
  const made = create({ privileged: true })
  assert.deepEqual(
    [made.linux.maskedPaths, made.linux.readonlyPaths, made.linux.seccomp, made.process.apparmorProfile],
    [[], [], undefined, undefined],
  )
  assert.deepEqual(made.process.capabilities.bounding, capabilityNames)
  assert.ok(made.mounts.find((one) => one.destination === '/sys')?.options.includes('rw'))
  assert.deepEqual(made.linux.resources?.devices, [{ allow: true, type: 'a', access: 'rwm' }])
})

test("createRuntimeSpec() puts the user's mounts last, upper ones first, in the place of its own", () => {
  const bind = (target: string, readOnly = false): ContainerSpec['binds'][number] => ({ source: '/src', target, readOnly })
  const made = create({ binds: [bind('/a/b/c'), bind('/a/'), bind('/etc/hosts', true), bind('/dev/shm')] })
  assert.deepEqual(destinations(made).slice(-4), ['/a', '/etc/hosts', '/dev/shm', '/a/b/c'])
  assert.equal(destinations(made).filter((path) => path === '/etc/hosts' || path === '/dev/shm').length, 2)
  assert.deepEqual(made.mounts.find((one) => one.destination === '/etc/hosts')?.options, ['rbind', 'rprivate', 'ro'])
  assert.ok(!destinations(create({ binds: [bind('/dev')] })).includes('/dev/pts'))
})

test('createRuntimeSpec() refuses what cannot be', () => {
  const bad: readonly Partial<ContainerSpec>[] = [
    { args: ['a\0b'] },
    { env: ['A=\0'] },
    { workingFolder: 'relative' },
    { hostname: 'a\0' },
    { binds: [{ source: '/src', target: '/', readOnly: false }] },
    { binds: [{ source: '/src', target: '/a/..', readOnly: false }] },
    { binds: [{ source: '/src', target: 'relative', readOnly: false }] },
    { binds: [{ source: 'relative', target: '/a', readOnly: false }] },
    { binds: [{ source: '/s\0', target: '/a', readOnly: false }] },
    { capAdd: ['NOPE'] },
  ]
  for (const more of bad) assert.throws(() => create(more), { kind: 'invalid_argument' }, JSON.stringify(more))
})

test('createRuntimeSpec() says what is missing where there are no control groups', () => {
  assert.throws(() => create({}, { cgroups: 'none' }), {
    kind: 'failed_precondition',
    code: 'NO_CGROUPS',
    hint: /^mount -t cgroup2/,
  })
})
