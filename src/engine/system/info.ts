import { cpus, hostname, release, totalmem, userInfo } from 'node:os'
import { mkdir, statfs } from 'node:fs/promises'
import { mountRights } from '../../layers/mount-rights.ts'
import { canMountErofs } from '../../layers/probe.ts'
import { isGantryError } from '../../lib/errors.ts'
import { certificateFolders } from '../../remote/certificates.ts'
import { listStates } from '../containers/list.ts'
import { readDistribution } from '../doctor/distribution.ts'
import { cgroupLayout, emulatedArchitectures, findProgram, programVersion } from '../doctor/probes.ts'
import type { Engine } from '../engine.ts'
import { localImages } from '../images/lookup.ts'

/** What there is and what it runs on, by the names that docker's Engine API has for it where it has one. */
export interface SystemInfo {
  readonly ID: string
  readonly Containers: number
  readonly ContainersRunning: number
  readonly ContainersPaused: number
  readonly ContainersStopped: number
  readonly Images: number
  /** How layers are mounted: `erofs`, or unpacked in folders. */
  readonly Driver: string
  readonly DriverStatus: readonly (readonly [name: string, value: string])[]
  readonly LoggingDriver: string
  readonly CgroupDriver: string
  readonly CgroupVersion: string
  /** By name, with their paths. */
  readonly Runtimes: Readonly<Record<string, { readonly path: string; readonly version: string }>>
  readonly DefaultRuntime: string
  readonly Monitor: string
  readonly SecurityOptions: readonly string[]
  readonly KernelVersion: string
  readonly OperatingSystem: string
  readonly OSType: string
  readonly Architecture: string
  readonly EmulatedArchitectures: readonly string[]
  readonly NCPU: number
  /** Bytes. */
  readonly MemTotal: number
  readonly Name: string
  /** The root folder. */
  readonly DockerRootDir: string
  readonly RunFolder: string
  readonly HttpProxy: string
  readonly HttpsProxy: string
  readonly NoProxy: string
  readonly RegistryConfig: {
    readonly IndexServerAddress: string
    readonly InsecureRegistryCIDRs: readonly string[]
    readonly CredentialFile: string
    readonly Certificates: readonly string[]
  }
  readonly ServerVersion: string
  /** What does not work here and why. */
  readonly Warnings: readonly string[]
}

export const systemInfo = async (engine: Engine, version: string): Promise<SystemInfo> => {
  const [containers, images, driver, runtimes, layout, emulated, distribution] = await Promise.all([
    listStates(engine),
    localImages(engine),
    driverOf(engine),
    runtimesOf(engine),
    cgroupLayout(),
    emulatedArchitectures(),
    readDistribution(),
  ])
  const { environment, root, platform } = engine.options
  const running = containers.filter(({ state }) => state.status === 'running').length
  const variable = (name: string): string => environment[name] ?? environment[name.toLowerCase()] ?? ''
  return {
    ID: engine.runFolder.slice(-12),
    Containers: containers.length,
    ContainersRunning: running,
    ContainersPaused: 0,
    ContainersStopped: containers.length - running,
    Images: images.length,
    ...driver,
    LoggingDriver: 'k8s-file',
    CgroupDriver: layout === 'none' ? 'none' : 'cgroupfs',
    CgroupVersion: { v2: '2', v1: '1', hybrid: '1', none: '' }[layout],
    ...runtimes,
    SecurityOptions: ['name=seccomp,profile=builtin', ...(userInfo().uid === 0 ? [] : ['name=rootless'])],
    KernelVersion: release(),
    OperatingSystem: distribution.name,
    OSType: process.platform,
    Architecture: platform.architecture,
    EmulatedArchitectures: emulated,
    NCPU: cpus().length,
    MemTotal: totalmem(),
    Name: hostname(),
    DockerRootDir: root,
    RunFolder: engine.runFolder,
    HttpProxy: withoutSecrets(variable('HTTP_PROXY')),
    HttpsProxy: withoutSecrets(variable('HTTPS_PROXY')),
    NoProxy: variable('NO_PROXY'),
    RegistryConfig: {
      IndexServerAddress: 'https://index.docker.io/v1/',
      InsecureRegistryCIDRs: ['127.0.0.0/8', '::1/128'],
      CredentialFile: `${environment.DOCKER_CONFIG ?? `${environment.HOME ?? ''}/.docker`}/config.json`,
      Certificates: certificateFolders(environment),
    },
    ServerVersion: version,
    Warnings: warningsOf(runtimes, driver.Driver, layout),
  }
}

const driverOf = async (engine: Engine): Promise<Pick<SystemInfo, 'Driver' | 'DriverStatus'>> => {
  const { root, storageDriver } = engine.options
  const rights = await mountRights()
  await mkdir(root, { recursive: true })
  const erofs =
    storageDriver === undefined ? rights === 'all' && (await canMountErofs(root)) === undefined : storageDriver === 'erofs'
  const { bavail, blocks, bsize } = await statfs(root).catch(() => ({ bavail: 0, blocks: 0, bsize: 0 }))
  return {
    Driver: erofs ? 'erofs' : 'folder',
    DriverStatus: [
      ['Layers', erofs ? 'mounted without being unpacked' : 'unpacked into folders when they are mounted'],
      ['Mounts', { all: 'as root', namespace: 'in a user namespace', none: 'not allowed' }[rights]],
      ['Free', `${Math.round((bavail * bsize) / 1e9)}GB of ${Math.round((blocks * bsize) / 1e9)}GB`],
    ],
  }
}

const runtimesOf = async (engine: Engine): Promise<Pick<SystemInfo, 'Runtimes' | 'DefaultRuntime' | 'Monitor'>> => {
  const path = engine.options.environment.PATH ?? ''
  const found: Record<string, { readonly path: string; readonly version: string }> = {}
  for (const name of ['crun', 'runc']) {
    const file = await findProgram(name, path)
    if (file !== undefined) found[name] = { path: file, version: (await programVersion(file)) ?? '' }
  }
  try {
    const { runtime, conmon } = await engine.runtime()
    return { Runtimes: found, DefaultRuntime: runtime.kind, Monitor: conmon ?? '' }
  } catch (error) {
    if (!isGantryError(error)) throw error
    return { Runtimes: found, DefaultRuntime: '', Monitor: '' }
  }
}

/** A proxy's URL without the password in it. */
const withoutSecrets = (proxy: string): string => proxy.replace(/\/\/[^@/]*@/, '//xxxxx:xxxxx@')

const warningsOf = (
  { DefaultRuntime, Monitor }: Pick<SystemInfo, 'DefaultRuntime' | 'Monitor'>,
  driver: string,
  layout: string,
): readonly string[] => [
  ...(DefaultRuntime === '' ? ['WARNING: No OCI runtime: containers cannot be run'] : []),
  ...(DefaultRuntime !== '' && Monitor === '' ? ['WARNING: No conmon: containers cannot be run'] : []),
  ...(driver === 'folder' ? ['WARNING: No EROFS: layers are unpacked before they are mounted'] : []),
  ...(layout === 'none' ? ['WARNING: No cgroups: containers have no limits'] : []),
]
