import { posix } from 'node:path'
import { GantryError } from '../lib/errors.ts'
import type { BindMount, ContainerSpec } from './interfaces.ts'
import type { RuntimeMount } from './runtime-spec.ts'

/** What docker hides: it says too much of the host, or lets too much of it be changed. */
export const maskedPaths: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
]

/** What docker lets be read only. */
export const readonlyPaths: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

const mount = (destination: string, type: string, source: string, options: string): RuntimeMount => ({
  destination,
  type,
  source,
  options: options.split(','),
})

const standardMounts = (access: 'ro' | 'rw', shmSize = 67_108_864): readonly RuntimeMount[] => [
  mount('/proc', 'proc', 'proc', 'nosuid,noexec,nodev'),
  mount('/dev', 'tmpfs', 'tmpfs', 'nosuid,strictatime,mode=755,size=65536k'),
  mount('/dev/pts', 'devpts', 'devpts', 'nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5'),
  mount('/sys', 'sysfs', 'sysfs', `nosuid,noexec,nodev,${access}`),
  mount('/sys/fs/cgroup', 'cgroup', 'cgroup', `${access},nosuid,noexec,nodev`),
  mount('/dev/mqueue', 'mqueue', 'mqueue', 'nosuid,noexec,nodev'),
  mount('/dev/shm', 'tmpfs', 'shm', `nosuid,noexec,nodev,mode=1777,size=${shmSize}`),
]

const bind = (source: string, destination: string, readOnly: boolean): RuntimeMount =>
  mount(destination, 'bind', source, `rbind,rprivate${readOnly ? ',ro' : ''}`)

/**
 * All mounts of a container: docker's standard ones, the network's files, and the user's, which replace those at the same place.
 * Upper ones before what lies below them.
 */
export const containerMounts = (
  spec: Pick<ContainerSpec, 'id' | 'binds' | 'mounts' | 'keepHostnameFile' | 'readOnlyRoot' | 'privileged' | 'shmSize'>,
  files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string } | undefined,
): readonly RuntimeMount[] => {
  const own = [
    ...spec.binds.map((one) => bind(one.source, target(one, spec.id), one.readOnly)),
    ...(spec.mounts ?? []).map((one) => ({
      destination: one.target,
      type: one.kind,
      source: one.kind === 'tmpfs' ? 'tmpfs' : one.source,
      options: one.options,
    })),
  ]
  const generated =
    files === undefined
      ? []
      : [
          bind(files.resolvConf, '/etc/resolv.conf', spec.readOnlyRoot),
          ...(spec.keepHostnameFile === true ? [] : [bind(files.hostname, '/etc/hostname', spec.readOnlyRoot)]),
          bind(files.hosts, '/etc/hosts', spec.readOnlyRoot),
        ]
  const taken = new Set(own.map((one) => one.destination))
  // the host's whole /dev brings its own parts
  const replaced = (path: string): boolean => taken.has(path) || (taken.has('/dev') && path.startsWith('/dev/'))
  const standard = [...standardMounts(spec.privileged === true ? 'rw' : 'ro', spec.shmSize), ...generated].filter(
    (one) => !replaced(one.destination),
  )
  return [...standard, ...own.toSorted((a, b) => depth(a.destination) - depth(b.destination))]
}

const depth = (path: string): number => path.split('/').length

const target = (one: BindMount, id: string): string => {
  const path = posix.resolve('/', one.target)
  const reason =
    path === '/'
      ? "destination can't be '/'"
      : [one.source, one.target].every((path) => path.startsWith('/'))
        ? undefined
        : 'mount path must be absolute'
  if (reason === undefined) return path
  throw new GantryError(
    'invalid_argument',
    'BAD_MOUNT',
    `Cannot mount "${one.source}" at "${one.target}" in container "${id}": ${reason}`,
  )
}
