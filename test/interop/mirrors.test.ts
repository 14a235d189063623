import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { startDockerRegistry } from '../../src/testing/docker-registry.ts'
import { lacking, sh, TestGantry } from '../support.ts'
import { startDaemon, writeLayout } from './registry-support.ts'

const base = ['docker-registry', 'skopeo']

/** What gantry says that it has pulled. */
const pull = (gantry: TestGantry, name: string, environment: NodeJS.ProcessEnv = {}): string | undefined => {
  const { status, stdout, stderr } = gantry.try(['pull', name], { env: environment })
  assert.equal(status, 0, stderr)
  return /^Digest: (sha256:[0-9a-f]{64})$/m.exec(stdout)?.[1]
}

test('gantry and skopeo find the same image by the same registries.conf', { skip: lacking(base) }, async () => {
  await using gantry = new TestGantry()
  await using registry = await startDockerRegistry()
  const { layout, multi } = writeLayout(gantry.folder)
  const at = `${registry.host}/mirror/team/app:1`
  sh(['skopeo', 'copy', '-q', '--all', '--dest-tls-verify=false', `oci:${layout}:multi`, `docker://${at}`])
  const file = gantry.path('registries.conf')
  const mirror = `[[registry.mirror]]\nlocation = "${registry.host}/mirror"\ninsecure = true\n`
  writeFileSync(
    file,
    `[[registry]]\nprefix = "*.wild.invalid"\n${mirror}
[[registry]]\nprefix = "moved.invalid/old"\nlocation = "${registry.host}/mirror/team"\ninsecure = true
[[registry]]\nprefix = "docker.io"\nlocation = "nowhere.invalid"\n${mirror}
[[registry]]\nlocation = "blocked.invalid"\nblocked = true\n`,
  )
  const environment = { CONTAINERS_REGISTRIES_CONF: file }
  const bySkopeo = (name: string): string =>
    sh(['skopeo', '--registries-conf', file, 'inspect', '--no-tags', '--format', '{{.Digest}}', `docker://${name}`]).trim()
  for (const name of [
    'a.wild.invalid/team/app:1',
    'moved.invalid/old/app:1',
    'docker.io/team/app:1',
    `moved.invalid/old/app@${multi}`,
  ]) {
    assert.equal(bySkopeo(name), multi, name)
    assert.equal(pull(gantry, name, environment), multi, name)
  }
  for (const name of ['blocked.invalid/x:1', 'a.wild.invalid/team/other:1']) {
    assert.throws(() => bySkopeo(name))
    assert.equal(gantry.try(['pull', name], { env: environment }).status, 1)
  }
})

test(
  'gantry and containerd find the same image by the same hosts.toml',
  { skip: lacking([...base, 'containerd', 'ctr'], { root: true }) },
  async () => {
    await using gantry = new TestGantry()
    await using registry = await startDockerRegistry()
    const { layout, multi } = writeLayout(gantry.folder)
    const at = `${registry.host}/mirror/team/app:1`
    sh(['skopeo', 'copy', '-q', '--all', '--dest-tls-verify=false', `oci:${layout}:multi`, `docker://${at}`])
    const folder = gantry.path('config', 'containerd', 'certs.d')
    mkdirSync(join(folder, 'r.invalid_5000_'), { recursive: true })
    writeFileSync(
      join(folder, 'r.invalid_5000_', 'hosts.toml'),
      `server = "https://nowhere.invalid"
[host."http://${registry.host}/v2/none"]\noverride_path = true\ncapabilities = ["pull", "resolve"]
[host."http://${registry.host}/v2/mirror"]\noverride_path = true\ncapabilities = ["pull", "resolve"]\n`,
    )
    const name = 'r.invalid:5000/team/app:1'
    assert.equal(pull(gantry, name), multi)
    const state = (part: string): string => gantry.path(`containerd-${part}`)
    writeFileSync(
      state('config.toml'),
      `version = 2\nroot = "${state('root')}"\nstate = "${state('state')}"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${state('sock')}"\n[ttrpc]\naddress = "${state('ttrpc')}"\n`,
    )
    await using _daemon = await startDaemon(gantry.folder, ['containerd', '-c', state('config.toml')], state('sock'))
    const ctr = (...args: readonly string[]): string => sh(['ctr', '-a', state('sock'), ...args])
    ctr('images', 'pull', '--hosts-dir', folder, '--all-platforms', '--snapshotter', 'native', name)
    assert.match(ctr('images', 'list'), new RegExp(multi))
  },
)
