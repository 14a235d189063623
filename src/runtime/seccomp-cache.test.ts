import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { compiledFilter, filterAnnotation } from './seccomp-cache.ts'
import { seccompProfile } from './seccomp.ts'
import { containersSkip, TestSandbox } from './test-sandbox.ts'

test('compiledFilter() gives back what crun compiled, and crun applies it', { skip: containersSkip('crun') }, async () => {
  await using sandbox = await TestSandbox.create()
  const { tools } = sandbox
  const seccomp = seccompProfile(
    process.arch,
    tools.host.capabilities.filter((name) => name === 'CAP_CHOWN'),
  )
  assert.ok(seccomp)
  assert.equal(compiledFilter(tools, seccomp), undefined)
  const restricted = { capDrop: ['ALL'], capAdd: ['CHOWN'] }
  const commands = ['sh', '-c', 'grep Seccomp: /proc/self/status; unshare -r true 2>&1; chroot / true 2>&1']
  const [first, second] = [await sandbox.run(commands, restricted), await sandbox.run(commands, restricted)]
  assert.match(first.stdout, /^Seccomp:\s+2\nunshare: [^\n]*not permitted\nchroot: [^\n]*not permitted\n$/)
  assert.deepEqual(second, first)
  const filter = Buffer.from(compiledFilter(tools, seccomp) ?? '', 'base64')
  assert.ok(filter.length > 1000 && filter.length % 8 === 0)
  // another filter for other capabilities, which lets more through
  assert.match((await sandbox.run(commands, { capAdd: ['SYS_ADMIN'] })).stdout, /^Seccomp:\s+2\n$/)
  const kept = await readdir(join(tools.stateFolder, '.seccomp'))
  assert.equal(kept.length, 2)
  for (const name of kept) await writeFile(join(tools.stateFolder, '.seccomp', name), 'not a filter')
  assert.equal(compiledFilter(tools, seccomp), undefined)
  assert.deepEqual(await sandbox.run(commands, restricted), first)
  assert.equal(filterAnnotation, 'run.oci.seccomp_bpf_data')
})
