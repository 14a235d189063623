import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startTestRegistry } from '../../src/testing/registry-server.ts'
import { lacking } from '../support.ts'
import { startDaemon, temporaryFolder, writeLayout } from './registry-support.ts'

const run = promisify(execFile)

test(
  'docker pushes to the registry and pulls from it',
  { skip: lacking(['docker', 'dockerd', 'skopeo'], { root: true }) },
  async () => {
    using folder = temporaryFolder()
    const mounted: string[] = []
    await using registry = await startTestRegistry({
      onEvent: (event) => void (event.kind === 'blob-mounted' && mounted.push(event.repository)),
    })
    const at = (name: string): string => join(folder.path, name)
    // --bridge=none would remove the bridge of another daemon
    const bridge = existsSync('/sys/class/net/docker0') ? 'docker0' : 'none'
    await using _daemon = await startDaemon(
      folder.path,
      [
        'dockerd',
        '--data-root',
        at('data'),
        '--exec-root',
        at('exec'),
        '-p',
        at('pid'),
        '-H',
        `unix://${at('docker.sock')}`,
        '--storage-driver',
        'overlay2',
        '--iptables=false',
        '--ip-forward=false',
        `--bridge=${bridge}`,
      ],
      at('docker.sock'),
    )
    const docker = async (...args: readonly string[]): Promise<string> =>
      (await run('docker', ['-H', `unix://${at('docker.sock')}`, '--config', at('config'), ...args])).stdout.trim()

    const { layout, multi } = writeLayout(folder.path)
    const seed = `${registry.host}/team/seed`
    await run('skopeo', ['copy', '--all', '--dest-tls-verify=false', `oci:${layout}:multi`, `docker://${seed}:multi`])
    assert.match(await docker('pull', `${seed}:multi`), new RegExp(`Digest: ${multi}`))
    const name = `${registry.host}/team/pushed:1`
    await docker('tag', `${seed}:multi`, name)
    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(await docker('push', name))?.[1]
    assert.equal((await registry.storage.repository('team/pushed').manifest('1'))?.descriptor.digest, digest)
    assert.deepEqual(new Set(mounted), new Set(['team/pushed']))
    await docker('rmi', name, `${seed}:multi`)
    assert.match(await docker('pull', `${registry.host}/team/pushed@${digest}`), /Downloaded newer image/)
    const id = await docker('create', `${registry.host}/team/pushed@${digest}`)
    // a new layer, which docker uploads in one PATCH without a range
    await docker('cp', at('layout'), `${id}:/layout`)
    await docker('commit', id, `${registry.host}/team/committed`)
    assert.match(await docker('push', `${registry.host}/team/committed`), /latest: digest: sha256/)
    await assert.rejects(docker('pull', `${registry.host}/team/pushed:none`), /manifest unknown|not found/)
    const found = await docker('search', '--format', '{{.Name}} {{.StarCount}}', `${registry.host}/push`)
    assert.equal(found, 'team/pushed 0')
    await docker('rm', id)
  },
)
