import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startTestRegistry } from '../../src/testing/registry-server.ts'
import { lacking, podmanCommand } from '../support.ts'
import { temporaryFolder, writeLayout } from './registry-support.ts'

const run = promisify(execFile)

test('podman pushes to the registry and pulls from it', { skip: lacking(['podman', 'skopeo'], { root: true }) }, async () => {
  using folder = temporaryFolder()
  await using registry = await startTestRegistry()
  const { layout, multi } = writeLayout(folder.path)
  const { command, environment } = podmanCommand(join(folder.path, 'podman'))
  const podman = async (...args: readonly string[]): Promise<string> =>
    (await run(command[0] ?? '', [...command.slice(1), ...args], { env: environment })).stdout.trim()

  await run('skopeo', ['copy', '--all', '--dest-tls-verify=false', `oci:${layout}:multi`, `docker://${registry.host}/seed:multi`])
  await podman('pull', '-q', '--tls-verify=false', `${registry.host}/seed:multi`)
  assert.match(await podman('inspect', '--format', '{{.RepoDigests}}', `${registry.host}/seed:multi`), new RegExp(multi))
  for (const format of ['oci', 'v2s2']) {
    const name = `${registry.host}/from/podman-${format}:1`
    await podman('tag', `${registry.host}/seed:multi`, name)
    await podman('push', '-q', '--format', format, '--tls-verify=false', name)
    const digest = (await registry.storage.repository(`from/podman-${format}`).manifest('1'))?.descriptor.digest
    await podman('rmi', name)
    const pinned = name.replace(/:1$/, `@${digest}`)
    await podman('pull', '-q', '--tls-verify=false', pinned)
    assert.match(await podman('inspect', '--format', '{{.RepoDigests}}', pinned), new RegExp(digest ?? 'nothing'))
  }
  // an index that podman put together itself
  await podman('manifest', 'create', 'list')
  await podman('manifest', 'add', '--tls-verify=false', '--all', 'list', `docker://${registry.host}/seed:multi`)
  await podman('manifest', 'push', '-q', '--all', '--tls-verify=false', 'list', `docker://${registry.host}/seed:list`)
  assert.match((await registry.storage.repository('seed').manifest('list'))?.bytes.toString() ?? '', /arm64/)
})

test('buildah pushes to the registry and builds from it', { skip: lacking(['buildah'], { root: true }) }, async () => {
  using folder = temporaryFolder()
  await using registry = await startTestRegistry()
  const { environment } = podmanCommand(join(folder.path, 'config'))
  const store = ['--root', join(folder.path, 'root'), '--runroot', join(folder.path, 'run'), '--storage-driver', 'vfs']
  const buildah = async (...args: readonly string[]): Promise<string> =>
    (await run('buildah', [...store, ...args], { env: environment })).stdout.trim()

  writeFileSync(join(folder.path, 'file'), 'hello')
  const container = await buildah('from', 'scratch')
  await buildah('copy', container, join(folder.path, 'file'), '/file')
  await buildah('commit', '-q', '--tls-verify=false', container, `docker://${registry.host}/direct:1`)
  assert.deepEqual(await registry.storage.repository('direct').tags(), ['1'])
  const derived = await buildah('from', '--tls-verify=false', `${registry.host}/direct:1`)
  await buildah('config', '--label', 'a=b', derived)
  await buildah('commit', '-q', derived, 'derived')
  for (const format of ['oci', 'v2s2'])
    await buildah('push', '-q', '--format', format, '--tls-verify=false', 'derived', `${registry.host}/derived:${format}`)
  assert.deepEqual(await registry.storage.repository('derived').tags(), ['oci', 'v2s2'])
})
