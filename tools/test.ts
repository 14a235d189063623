import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { install, runtimeRequirements, type Requirement } from './requirements.ts'

// Everything that a newcomer should see pass: the gate (tools/check.ts), then the tests with real peers and real containers.
const root = join(import.meta.dirname, '..')

const peers: readonly Requirement[] = [
  ...runtimeRequirements,
  ['runc', 'runc'],
  ['busybox', 'busybox-static'],
  ['skopeo', 'skopeo'],
  ['podman', 'podman golang-github-containers-common'],
  ['buildah', 'buildah'],
  ['umoci', 'umoci'],
  ['docker-registry', 'docker-registry'],
  ['dockerd', 'docker.io'],
  ['containerd', 'containerd'],
  ['mmdebstrap', 'mmdebstrap'],
  ['mkfs.erofs', 'erofs-utils'],
  ['tmux', 'tmux'],
  ['setfattr', 'attr'],
  ['getcap', 'libcap2-bin'],
  ['htpasswd', 'apache2-utils'],
  ['iptables', 'iptables'],
  ['ip', 'iproute2'],
  ['curl', 'curl'],
  ['openssl', 'openssl'],
  ['git', 'git'],
]

const missing = install(peers, console.log)
if (missing.length > 0) console.log(`Tests that need ${missing.join(', ')} are skipped.`)

// what Node.js compiled is kept: tests start many processes and threads
const environment = { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled') }

const run = (args: readonly string[]): void => {
  const result = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: environment })
  if (result.status !== 0) process.exit(result.status ?? 1)
}

run(['tools/check.ts'])
const files = globSync('test/**/*.test.ts', { cwd: root }).filter((file) => !file.startsWith('test/architecture'))
// one file at a time: they start daemons, containers and whole builds
run(['--test', '--test-concurrency=1', '--test-timeout=900000', ...files.toSorted()])
