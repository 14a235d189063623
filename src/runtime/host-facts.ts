import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs'
import { hostname } from 'node:os'
import { systemCode } from '../lib/errors.ts'
import { capabilitiesOfMask } from './capabilities.ts'

/** How control groups are mounted: `hybrid` is v1 with a v2 tree beside it. */
export type CgroupLayout = 'v1' | 'v2' | 'hybrid' | 'none'

/** What the machine and the caller's own limits allow a container to be given. */
export interface HostFacts {
  /** The name Node.js has for it. */
  readonly architecture: string
  readonly hostname: string
  readonly cgroups: CgroupLayout
  /** Whether control groups can be made in that layout; else containers run without, and without devices of their own. */
  readonly cgroupsWritable: boolean
  /** Whether memory and swap together can be limited: in v1 the kernel has to be told at its start. */
  readonly limitsSwap: boolean
  /** Mount points that crun must not see: it refuses a hybrid layout whose v2 tree has controllers. */
  readonly detach: readonly string[]
  /** Hard limit of open files; no container can be given more without CAP_SYS_RESOURCE. */
  readonly openFiles: number
  /** Hard limit of locked memory in bytes; crun lifts it in order to filter devices in v2. */
  readonly lockedMemory: number
  /** Capabilities that a child can be given: bounding and permitted. */
  readonly capabilities: readonly string[]
  readonly seccomp: boolean
  /** AppArmor's profile for containers, where one is loaded. */
  readonly apparmorProfile?: string
  /** The caller's own; it can be raised, not lowered. */
  readonly oomScoreAdj: number
  /** Which of the sysctls that docker sets in a network namespace there are. */
  readonly sysctl: Readonly<Record<string, string>>
}

/** Probes the machine: a dozen small reads, about a millisecond. `root` is for tests: where /proc and /sys are found. */
export const hostFacts = (root = ''): HostFacts => {
  const status = read(`${root}/proc/self/status`)
  const limits = read(`${root}/proc/self/limits`)
  const layout = cgroupLayout(`${root}/sys/fs/cgroup`)
  const apparmorProfile = loadedProfile(root)
  return {
    architecture: process.arch,
    hostname: hostname(),
    cgroups: layout,
    cgroupsWritable: layout !== 'none' && writable(`${root}/sys/fs/cgroup${layout === 'v2' ? '' : '/devices'}`),
    limitsSwap: layout === 'v2' || existsSync(`${root}/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes`),
    detach:
      layout === 'hybrid' && read(`${root}/sys/fs/cgroup/unified/cgroup.controllers`).trim() !== ''
        ? [`${root}/sys/fs/cgroup/unified`]
        : [],
    openFiles: hardLimit(limits, 'Max open files'),
    lockedMemory: hardLimit(limits, 'Max locked memory'),
    capabilities: intersect(field(status, 'CapBnd'), field(status, 'CapPrm')),
    seccomp: /^Seccomp:/m.test(status) && existsSync(`${root}/proc/sys/kernel/seccomp/actions_avail`),
    ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
    oomScoreAdj: Number.parseInt(read(`${root}/proc/self/oom_score_adj`), 10) || 0,
    sysctl: Object.fromEntries(
      [
        ['net.ipv4.ip_unprivileged_port_start', '0'],
        ['net.ipv4.ping_group_range', '0 2147483647'],
      ].filter(([name = '']) => existsSync(`${root}/proc/sys/${name.replaceAll('.', '/')}`)),
    ),
  }
}

const CGROUP2_SUPER_MAGIC = 0x6367_7270
const TMPFS_MAGIC = 0x0102_1994

const cgroupLayout = (folder: string): CgroupLayout => {
  const type = fileSystem(folder)
  if (type === CGROUP2_SUPER_MAGIC) return 'v2'
  if (type !== TMPFS_MAGIC) return 'none'
  if (fileSystem(`${folder}/unified`) === CGROUP2_SUPER_MAGIC) return 'hybrid'
  return existsSync(`${folder}/devices`) ? 'v1' : 'none'
}

const fileSystem = (path: string): number | undefined => {
  try {
    return statfsSync(path).type
  } catch {
    return undefined
  }
}

/** '' for what is not there or may not be read. */
const read = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

const writable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return false
  }
}

const field = (status: string, name: string): string => new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? ''

const intersect = (first: string, second: string): readonly string[] => {
  const other = new Set(capabilitiesOfMask(second))
  return capabilitiesOfMask(first).filter((name) => other.has(name))
}

/** More than any limit. */
const unlimited = Number.MAX_SAFE_INTEGER

/** Whether a container can be kept from devices: in v2 crun does it with a BPF program, for which it asks to lock any amount of memory. */
export const canLimitDevices = (host: HostFacts, kind: 'crun' | 'runc'): boolean =>
  host.cgroupsWritable &&
  (kind === 'runc' || host.cgroups !== 'v2' || host.lockedMemory === unlimited || host.capabilities.includes('CAP_SYS_RESOURCE'))

const hardLimit = (limits: string, name: string): number => {
  const hard = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(limits)?.[1]
  return hard === undefined || hard === 'unlimited' ? unlimited : Number(hard)
}

/** The profile that docker or podman loads at its start. */
const loadedProfile = (root: string): string | undefined => {
  if (read(`${root}/sys/module/apparmor/parameters/enabled`).trim() !== 'Y') return undefined
  return /^(docker-default|containers-default\S*) \(enforce\)$/m.exec(read(`${root}/sys/kernel/security/apparmor/profiles`))?.[1]
}
