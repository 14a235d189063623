import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { noDaemon, type Tool, type Verb } from './tool.ts'

/** podman or buildah as root. */
export const podmanTool = (name: 'podman' | 'buildah', work: string): Tool => {
  const folder = join(work, name)
  const temporary = name === 'podman' ? ['--tmpdir', join(folder, 'tmp')] : []
  const base = [
    name,
    '--root',
    join(folder, 'root'),
    '--runroot',
    join(folder, 'run'),
    '--storage-driver',
    'overlay',
    ...temporary,
  ]
  const environment = podmanEnvironment(work)
  return {
    ...noDaemon,
    name,
    environment,
    reset: () => {
      if (name === 'podman') spawnSync(base[0] ?? '', [...base.slice(1), 'rm', '--all', '--force'], { env: environment })
      unmountBelow(folder)
      rmSync(folder, { recursive: true, force: true })
      // the first command in an empty folder makes the store, which is not what is to be measured
      spawnSync(base[0] ?? '', [...base.slice(1), 'images'], { env: environment })
    },
    command: (verb) => podmanCommand(name, base, verb),
  }
}

const podmanCommand = (name: string, base: readonly string[], verb: Verb): readonly string[] | undefined => {
  switch (verb.verb) {
    case 'pull':
    case 'push':
      return [...base, verb.verb, '-q', '--tls-verify=false', verb.image]
    case 'tag':
      return [...base, 'tag', verb.image, verb.name]
    case 'run':
      return name === 'podman' ? [...base, 'run', '--rm', '--network', 'none', verb.image, 'true'] : undefined
    case 'build': {
      const cache = verb.cache ? [] : ['--no-cache']
      const build = name === 'podman' ? ['build', '-q'] : ['bud', '-q', '--layers']
      return [...base, ...build, '--tls-verify=false', '-t', verb.name, ...cache, verb.context]
    }
    case 'save':
      return name === 'podman' ? [...base, 'save', '-q', '-o', verb.file, verb.image] : undefined
    case 'load':
      return name === 'podman' ? [...base, 'load', '-q', '-i', verb.file] : undefined
    case 'images':
      return [...base, 'images']
  }
}

const unmountBelow = (folder: string): void => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${folder}/`))
  for (const mount of mounts.toReversed()) spawnSync('umount', ['-l', mount])
}

/** What podman and buildah need on a machine without systemd and with a low limit of open files. crun is used where it works. */
const podmanEnvironment = (work: string): NodeJS.ProcessEnv => {
  mkdirSync(work, { recursive: true })
  const hard = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout.trim()
  const files = hard === 'unlimited' ? '1048576' : hard
  const runtime = crunWorks() ? 'crun' : 'runc'
  const containers = join(work, 'containers.conf')
  writeFileSync(
    containers,
    `[containers]\ndefault_ulimits = ["nofile=${files}:${files}", "nproc=16384:16384"]\n[engine]\ncgroup_manager = "cgroupfs"\nruntime = "${runtime}"\nevents_logger = "file"\n`,
  )
  const registries = join(work, 'registries.conf')
  writeFileSync(registries, 'unqualified-search-registries = []\n')
  return {
    ...process.env,
    CONTAINERS_CONF: containers,
    CONTAINERS_REGISTRIES_CONF: registries,
    BUILDAH_RUNTIME: runtime,
  }
}

/** crun refuses a hybrid cgroup layout with controllers left in cgroup2, and podman does not get round it. */
const crunWorks = (): boolean => {
  const controllers = '/sys/fs/cgroup/unified/cgroup.controllers'
  return !existsSync(controllers) || readFileSync(controllers, 'utf8').trim() === ''
}
