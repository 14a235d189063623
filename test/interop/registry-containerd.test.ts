import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startTestRegistry } from '../../src/testing/registry-server.ts'
import { lacking } from '../support.ts'
import { startDaemon, temporaryFolder, writeLayout } from './registry-support.ts'

const run = promisify(execFile)

test(
  'containerd pulls from the registry and pushes to it',
  { skip: lacking(['containerd', 'ctr', 'skopeo'], { root: true }) },
  async () => {
    using folder = temporaryFolder()
    await using registry = await startTestRegistry()
    const at = (name: string): string => join(folder.path, name)
    writeFileSync(
      at('config.toml'),
      `version = 2\nroot = "${at('root')}"\nstate = "${at('state')}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${at('sock')}"\n[ttrpc]\naddress = "${at('ttrpc')}"\n`,
    )
    await using _daemon = await startDaemon(folder.path, ['containerd', '-c', at('config.toml')], at('sock'))
    const ctr = async (...args: readonly string[]): Promise<string> => (await run('ctr', ['-a', at('sock'), ...args])).stdout

    const { layout, multi } = writeLayout(folder.path)
    const seed = `${registry.host}/team/seed:multi`
    await run('skopeo', ['copy', '--all', '--dest-tls-verify=false', `oci:${layout}:multi`, `docker://${seed}`])
    await ctr('images', 'pull', '--plain-http', '--all-platforms', '--snapshotter', 'native', seed)
    assert.match(await ctr('images', 'list'), new RegExp(multi))
    const pushed = `${registry.host}/other/pushed:1`
    await ctr('images', 'tag', seed, pushed)
    await ctr('images', 'push', '--plain-http', pushed)
    assert.equal((await registry.storage.repository('other/pushed').manifest('1'))?.descriptor.digest, multi)
    // nothing but what was pushed arrives again
    await ctr('images', 'rm', '--sync', seed, pushed)
    await ctr('images', 'pull', '--plain-http', '--snapshotter', 'native', pushed)
    assert.match(await ctr('images', 'list'), new RegExp(multi))
  },
)
