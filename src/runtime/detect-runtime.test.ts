import assert from 'node:assert/strict'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { detectRuntime, programVersion, type RuntimeKind } from './detect-runtime.ts'
import { hostFacts, type HostFacts } from './host-facts.ts'

describe('detectRuntime()', { skip: process.platform === 'linux' ? false : 'needs Linux' }, () => {
  let folder: string
  const host: HostFacts = { ...hostFacts(), cgroups: 'v1', cgroupsWritable: true, detach: [], capabilities: ['CAP_SYS_ADMIN'] }
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gantry-detect-'))
    for (const name of ['crun', 'runc', 'conmon']) {
      await writeFile(join(folder, name), `#!/bin/sh\necho ${name} version 9.8.7\necho more\n`)
      await chmod(join(folder, name), 0o755)
    }
  })
  after(async () => {
    await rm(folder, { recursive: true })
  })

  const detect = async (more: { readonly prefer?: RuntimeKind; readonly host?: HostFacts } = {}): Promise<string> => {
    const { runtime, conmon } = await detectRuntime({ path: folder, stateFolder: '/s', host, ...more })
    assert.equal(conmon, join(folder, 'conmon'))
    assert.equal(runtime.path, join(folder, runtime.kind))
    return runtime.kind
  }

  test('prefers crun', async () => {
    assert.equal(await detect(), 'crun')
    assert.equal(await detect({ prefer: 'runc' }), 'runc')
  })

  test('takes runc where crun would refuse the layout of the control groups', async () => {
    const hybrid = { ...host, detach: ['/sys/fs/cgroup/unified'] }
    assert.equal(await detect({ host: hybrid }), 'crun')
    assert.equal(await detect({ host: { ...hybrid, capabilities: [] } }), 'runc')
    assert.equal(await detect({ host: { ...host, cgroups: 'v2', lockedMemory: 65_536 } }), 'runc')
    assert.equal(await detect({ host: { ...host, cgroups: 'v2', lockedMemory: 65_536, cgroupsWritable: false } }), 'crun')
  })

  test('falls back to what is executable', async () => {
    await chmod(join(folder, 'crun'), 0o644)
    const { runtime } = await detectRuntime({ path: `relative:${folder}`, stateFolder: '/s', host, prefer: 'runc' })
    assert.equal(runtime.path, join(folder, 'runc'))
    await chmod(join(folder, 'crun'), 0o755)
  })

  test('programVersion() reads the first line', async () => {
    assert.equal(await programVersion(join(folder, 'crun')), '9.8.7')
    assert.equal(await programVersion('/nonexistent'), undefined)
    assert.equal(await programVersion('/bin/false'), undefined)
  })
})
