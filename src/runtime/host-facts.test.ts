import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { canLimitDevices, hostFacts } from './host-facts.ts'

const linux = process.platform === 'linux' ? {} : { skip: 'needs Linux' }

test('hostFacts() says what this machine allows', linux, () => {
  const facts = hostFacts()
  assert.equal(facts.architecture, process.arch)
  assert.ok(facts.openFiles >= 256)
  assert.ok(['v1', 'v2', 'hybrid', 'none'].includes(facts.cgroups))
  assert.ok(facts.detach.length === 0 || facts.cgroups === 'hybrid')
})

test('hostFacts() reads limits, capabilities and AppArmor from proc and sys', linux, async () => {
  const root = await mkdtemp(join(tmpdir(), 'gantry-facts-'))
  try {
    const files: Readonly<Record<string, string>> = {
      '/proc/self/status': 'Name:\tx\nCapPrm:\t00000000000000ff\nCapBnd:\t0000000000000021\nSeccomp:\t0\n',
      '/proc/self/limits':
        'Limit                     Soft Limit           Hard Limit           Units     \nMax open files            1024                 20000                files     \nMax locked memory         8388608              unlimited            bytes     \n',
      '/proc/self/oom_score_adj': '-500\n',
      '/proc/sys/kernel/seccomp/actions_avail': 'errno allow\n',
      '/proc/sys/net/ipv4/ping_group_range': '1\t0\n',
      '/sys/module/apparmor/parameters/enabled': 'Y\n',
      '/sys/kernel/security/apparmor/profiles': 'other (enforce)\ndocker-default (enforce)\n',
    }
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), text)
    }
    const { hostname: _, ...facts } = hostFacts(root)
    assert.deepEqual(facts, {
      architecture: process.arch,
      cgroups: 'none',
      cgroupsWritable: false,
      limitsSwap: false,
      detach: [],
      openFiles: 20_000,
      lockedMemory: Number.MAX_SAFE_INTEGER,
      capabilities: ['CAP_CHOWN', 'CAP_KILL'],
      seccomp: true,
      apparmorProfile: 'docker-default',
      oomScoreAdj: -500,
      sysctl: { 'net.ipv4.ping_group_range': '0 2147483647' },
    })
  } finally {
    await rm(root, { recursive: true })
  }
})

test('hostFacts() takes nothing for granted where there is nothing', linux, () => {
  const { hostname: _, architecture: __, ...facts } = hostFacts('/nonexistent')
  assert.deepEqual(facts, {
    cgroups: 'none',
    cgroupsWritable: false,
    limitsSwap: false,
    detach: [],
    openFiles: Number.MAX_SAFE_INTEGER,
    lockedMemory: Number.MAX_SAFE_INTEGER,
    capabilities: [],
    seccomp: false,
    oomScoreAdj: 0,
    sysctl: {},
  })
})

test('canLimitDevices() knows what crun needs in v2', () => {
  const host = { ...hostFacts('/nonexistent'), cgroups: 'v2', cgroupsWritable: true, lockedMemory: 8_388_608 } as const
  assert.equal(canLimitDevices(host, 'crun'), false)
  assert.equal(canLimitDevices(host, 'runc'), true)
  assert.equal(canLimitDevices({ ...host, capabilities: ['CAP_SYS_RESOURCE'] }, 'crun'), true)
  assert.equal(canLimitDevices({ ...host, lockedMemory: Number.MAX_SAFE_INTEGER }, 'crun'), true)
  assert.equal(canLimitDevices({ ...host, cgroups: 'v1' }, 'crun'), true)
  assert.equal(canLimitDevices({ ...host, cgroupsWritable: false }, 'runc'), false)
})
