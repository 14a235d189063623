import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** One program under measurement. A verb that it lacks is left out. */
export interface Tool {
  readonly name: string
  /** Empties its store. */
  reset(): void
  command(verb: Verb): readonly string[] | undefined
}

export type Verb =
  | { readonly verb: 'pull' | 'push' | 'run'; readonly image: string }
  | { readonly verb: 'tag'; readonly image: string; readonly name: string }
  | { readonly verb: 'build'; readonly context: string; readonly name: string; readonly cache: boolean }
  | { readonly verb: 'images' }

/** gantry from this checkout, with a store of its own. */
export const gantryTool = (checkout: string, work: string): Tool => {
  const root = join(work, 'gantry')
  const base = [join(checkout, 'bin', 'gantry'), '--root', root]
  return {
    name: 'gantry',
    reset: () => rmSync(root, { recursive: true, force: true }),
    command: (verb) => {
      switch (verb.verb) {
        case 'pull':
        case 'push':
          return [...base, verb.verb, '-q', verb.image]
        case 'tag':
          return [...base, 'tag', verb.image, verb.name]
        case 'run':
          return [...base, 'run', '--rm', '--network', 'none', verb.image, 'true']
        case 'build':
          return [...base, 'build', '-q', '-t', verb.name, ...(verb.cache ? [] : ['--no-cache']), verb.context]
        case 'images':
          return [...base, 'images']
      }
    },
  }
}

/** podman or buildah as root, with a store of its own. */
export const podmanTool = (name: 'podman' | 'buildah', work: string): Tool => {
  const folder = join(work, name)
  const base = [
    name,
    '--root',
    join(folder, 'root'),
    '--runroot',
    join(folder, 'run'),
    '--storage-driver',
    'overlay',
    ...(name === 'podman' ? ['--tmpdir', join(folder, 'tmp')] : []),
  ]
  return {
    name,
    reset: () => {
      spawnSync(
        base[0] ?? '',
        [...base.slice(1), ...(name === 'podman' ? ['system', 'reset', '--force'] : ['rmi', '--all', '--force'])],
        { env: peerEnvironment(work) },
      )
      const mounts = spawnSync('awk', ['-v', `d=${folder}/`, 'index($5, d) == 1 {print $5}', '/proc/self/mountinfo'], {
        encoding: 'utf8',
      }).stdout.split('\n')
      for (const mount of mounts.toReversed()) if (mount !== '') spawnSync('umount', ['-l', mount])
      rmSync(folder, { recursive: true, force: true })
    },
    command: (verb) => {
      switch (verb.verb) {
        case 'pull':
        case 'push':
          return [...base, verb.verb, '-q', '--tls-verify=false', verb.image]
        case 'tag':
          return [...base, 'tag', verb.image, verb.name]
        case 'run':
          return name === 'podman' ? [...base, 'run', '--rm', '--network', 'none', verb.image, 'true'] : undefined
        case 'build':
          return name === 'podman'
            ? [...base, 'build', '-q', '-t', verb.name, ...(verb.cache ? [] : ['--no-cache']), verb.context]
            : [...base, 'bud', '-q', '--layers', '-t', verb.name, ...(verb.cache ? [] : ['--no-cache']), verb.context]
        case 'images':
          return [...base, 'images']
      }
    },
  }
}

/** skopeo into an OCI layout: it unpacks nothing, so it is a floor and no peer. */
export const skopeoTool = (work: string): Tool => {
  const layout = join(work, 'skopeo')
  const target = (image: string): string => `oci:${layout}:${image.replaceAll(/[/:]/g, '-')}`
  return {
    name: 'skopeo',
    reset: () => rmSync(layout, { recursive: true, force: true }),
    command: (verb) => {
      switch (verb.verb) {
        case 'pull':
          return ['skopeo', 'copy', '-q', '--src-tls-verify=false', `docker://${verb.image}`, target(verb.image)]
        case 'push':
          return ['skopeo', 'copy', '-q', '--dest-tls-verify=false', target(verb.image), `docker://${verb.image}`]
        case 'tag':
          return ['skopeo', 'copy', '-q', target(verb.image), target(verb.name)]
        case 'build':
        case 'images':
        case 'run':
          return undefined
      }
    },
  }
}

/** What podman and buildah need on a machine without systemd and with a low limit of open files. crun is used where it works. */
export const peerEnvironment = (work: string): NodeJS.ProcessEnv => {
  mkdirSync(work, { recursive: true })
  const hard = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout.trim()
  const containers = join(work, 'containers.conf')
  const files = hard === 'unlimited' ? '1048576' : hard
  writeFileSync(
    containers,
    `[containers]\ndefault_ulimits = ["nofile=${files}:${files}", "nproc=16384:16384"]\n[engine]\ncgroup_manager = "cgroupfs"\nruntime = "${crunWorks() ? 'crun' : 'runc'}"\nevents_logger = "file"\n`,
  )
  const registries = join(work, 'registries.conf')
  writeFileSync(registries, 'unqualified-search-registries = []\n')
  return {
    ...process.env,
    CONTAINERS_CONF: containers,
    CONTAINERS_REGISTRIES_CONF: registries,
    ...(crunWorks() ? {} : { BUILDAH_RUNTIME: 'runc' }),
  }
}

/** crun refuses a hybrid cgroup layout with controllers left in cgroup2, and podman does not get round it. */
const crunWorks = (): boolean => {
  const controllers = '/sys/fs/cgroup/unified/cgroup.controllers'
  return !existsSync(controllers) || readFileSync(controllers, 'utf8').trim() === ''
}
