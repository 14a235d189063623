import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startTestRegistry } from '../../src/testing/registry-server.ts'
import { lacking } from '../support.ts'
import { digestOfBytes, temporaryFolder, writeLayout } from './registry-support.ts'

const run = promisify(execFile)
const skopeo = async (...args: readonly string[]): Promise<string> => (await run('skopeo', args, { maxBuffer: 1 << 26 })).stdout

test('skopeo copies to the registry and back, by the same digest', { skip: lacking(['skopeo']) }, async () => {
  using folder = temporaryFolder()
  await using registry = await startTestRegistry()
  const { layout, multi, one } = writeLayout(folder.path)
  const target = `docker://${registry.host}/team/app`
  const raw = async (reference: string): Promise<string> => await skopeo('inspect', '--raw', '--tls-verify=false', reference)

  await skopeo('copy', '--all', '--dest-tls-verify=false', `oci:${layout}:multi`, `${target}:multi`)
  assert.equal(digestOfBytes(await raw(`${target}:multi`)), multi)
  assert.equal(digestOfBytes(await raw(`${target}@${one}`)), one)
  for (const format of ['oci', 'v2s2'] as const) {
    await skopeo('copy', '--format', format, '--dest-tls-verify=false', `oci:${layout}:one`, `${target}:${format}`)
    const pushed = await raw(`${target}:${format}`)
    if (format === 'oci') assert.equal(digestOfBytes(pushed), one)
    else assert.match(pushed, /"application\/vnd\.docker\.distribution\.manifest\.v2\+json"/)
    const out = join(folder.path, format)
    await skopeo('copy', '--src-tls-verify=false', `${target}:${format}`, `dir:${out}`)
    assert.equal(readFileSync(join(out, 'manifest.json'), 'utf8'), pushed)
  }
  await skopeo('copy', '--all', '--src-tls-verify=false', `${target}@${multi}`, `oci:${join(folder.path, 'out')}:multi`)
  assert.match(readFileSync(join(folder.path, 'out', 'index.json'), 'utf8'), new RegExp(multi))

  const { Tags } = JSON.parse(await skopeo('list-tags', '--tls-verify=false', target)) as { readonly Tags: readonly string[] }
  assert.deepEqual(Tags, ['multi', 'oci', 'v2s2'])
  await skopeo('delete', '--tls-verify=false', `${target}:v2s2`)
  assert.deepEqual(await registry.storage.repository('team/app').tags(), ['multi', 'oci'])
})

test('skopeo copies within the registry by mounting', { skip: lacking(['skopeo']) }, async () => {
  using folder = temporaryFolder()
  const mounted: string[] = []
  await using registry = await startTestRegistry({
    onEvent: (event) => void (event.kind === 'blob-mounted' && mounted.push(event.from)),
  })
  const { layout, one } = writeLayout(folder.path)
  await skopeo('copy', '--dest-tls-verify=false', `oci:${layout}:one`, `docker://${registry.host}/a:1`)
  await skopeo(
    'copy',
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
    `docker://${registry.host}/a:1`,
    `docker://${registry.host}/b:1`,
  )
  assert.equal((await registry.storage.repository('b').manifest('1'))?.descriptor.digest, one)
  assert.deepEqual(new Set(mounted), new Set(['a']))
})
