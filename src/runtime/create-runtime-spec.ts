import { posix } from 'node:path'
import { GantryError } from '../lib/errors.ts'
import { chooseCapabilities } from './capabilities.ts'
import { processEnvironment } from './command.ts'
import { allDevices, defaultDeviceRules, hostDevices } from './devices.ts'
import type { HostFacts } from './host-facts.ts'
import type { ContainerSpec } from './interfaces.ts'
import { containerMounts, maskedPaths, readonlyPaths } from './mounts.ts'
import { resourceLimits } from './ulimits.ts'
import { limitedResources } from './limited-resources.ts'
import type { RuntimeLinux, RuntimeProcess, RuntimeSpec } from './runtime-spec.ts'
import { seccompProfile } from './seccomp.ts'
import type { ContainerUser } from './user.ts'

export interface RuntimeSpecOptions {
  /** Where the root file system is; absolute. */
  readonly root: string
  readonly host: HostFacts
  /** Whether the runtime can enforce rules for devices here. */
  readonly limitDevices: boolean
  readonly user: ContainerUser
  /** Files of the host that are put over /etc/hosts, /etc/hostname and /etc/resolv.conf. */
  readonly files?: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string }
}

/** The name a container gives itself: its own, the host's on the host's network, else the start of its id. */
export const containerHostname = (spec: ContainerSpec, host: HostFacts): string =>
  spec.hostname ?? (spec.network === 'host' ? host.hostname : spec.id.slice(0, 12))

/** The configuration that an OCI runtime starts a container from: docker's defaults, within what the host allows. */
export const createRuntimeSpec = (spec: ContainerSpec, options: RuntimeSpecOptions): RuntimeSpec => {
  const { host, limitDevices } = options
  if (host.cgroups === 'none')
    throw new GantryError(
      'failed_precondition',
      'NO_CGROUPS',
      `Cannot make container "${spec.id}": control groups are not mounted`,
      {
        hint: 'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
      },
    )
  const hostname = containerHostname(spec, host)
  for (const text of [
    ...spec.args,
    ...spec.env,
    spec.workingFolder,
    hostname,
    ...[...spec.binds, ...(spec.mounts ?? [])].flatMap((mount) => [mount.source, mount.target]),
  ])
    if (text.includes('\0')) throw invalid(spec, `"${text}" holds a NUL byte`)
  if (!spec.workingFolder.startsWith('/'))
    throw invalid(spec, `the working directory '${spec.workingFolder}' is invalid, it needs to be an absolute path`)
  const capabilities = granted(spec, host, limitDevices)
  return {
    ociVersion: '1.0.2',
    process: containerProcess(spec, options, hostname, capabilities),
    root: { path: options.root, readonly: spec.readOnlyRoot },
    hostname,
    mounts: containerMounts(spec, options.files),
    linux: linux(spec, options, capabilities),
  }
}

const invalid = (spec: ContainerSpec, reason: string): GantryError =>
  new GantryError('invalid_argument', 'SPEC_INVALID', `Cannot make container "${spec.id}": ${reason}`)

/** Without rules for devices nothing but the missing CAP_MKNOD keeps a container from the host's disks. */
const granted = (spec: ContainerSpec, host: HostFacts, limitDevices: boolean): readonly string[] => {
  const add = spec.capAdd ?? []
  const chosen = chooseCapabilities({ privileged: spec.privileged === true, add, drop: spec.capDrop ?? [] }, host.capabilities)
  return limitDevices || spec.privileged === true ? chosen : chosen.filter((name) => name !== 'CAP_MKNOD')
}

const containerProcess = (
  spec: ContainerSpec,
  { host, user }: RuntimeSpecOptions,
  hostname: string,
  capabilities: readonly string[],
): RuntimeProcess => {
  const { uid, gid, additionalGids, home } = user
  return {
    terminal: spec.terminal,
    user: { uid, gid, additionalGids },
    args: spec.args,
    env: processEnvironment(spec.env, { hostname, home, terminal: spec.terminal }),
    cwd: posix.resolve('/', spec.workingFolder),
    // execve(2) takes the rest from all users but root; saying so keeps what runs before it from having more
    capabilities:
      uid === 0 ? { bounding: capabilities, effective: capabilities, permitted: capabilities } : { bounding: capabilities },
    rlimits: resourceLimits(spec.ulimits ?? [], host),
    noNewPrivileges: false,
    ...(host.apparmorProfile === undefined || spec.privileged === true ? {} : { apparmorProfile: host.apparmorProfile }),
    oomScoreAdj: Math.max(0, host.oomScoreAdj),
  }
}

const linux = (
  spec: ContainerSpec,
  { host, limitDevices }: RuntimeSpecOptions,
  capabilities: readonly string[],
): RuntimeLinux => {
  const privileged = spec.privileged === true
  const seccomp = host.seccomp && !privileged ? seccompProfile(host.architecture, capabilities) : undefined
  return {
    namespaces: [
      { type: 'mount' },
      { type: 'pid' },
      { type: 'ipc' },
      { type: 'uts' },
      ...(spec.network === 'host' ? [] : [{ type: 'network' } as const]),
      // as docker does it: in v1 the paths in /proc/self/cgroup are those of the host
      ...(host.cgroups === 'v2' ? [{ type: 'cgroup' } as const] : []),
    ],
    ...(host.cgroupsWritable ? { cgroupsPath: `/gantry-${spec.id}` } : {}),
    ...resources(spec, host, limitDevices),
    devices: privileged ? hostDevices() : [],
    sysctl: spec.network === 'host' ? {} : host.sysctl,
    ...(seccomp === undefined ? {} : { seccomp }),
    maskedPaths: privileged ? [] : maskedPaths,
    readonlyPaths: privileged ? [] : readonlyPaths,
  }
}

const resources = (spec: ContainerSpec, host: HostFacts, limitDevices: boolean): Pick<RuntimeLinux, 'resources'> => {
  const devices = limitDevices ? { devices: spec.privileged === true ? allDevices : defaultDeviceRules } : {}
  const limits = limitedResources(spec, host)
  return limits === undefined && !limitDevices ? {} : { resources: { ...devices, ...limits } }
}
