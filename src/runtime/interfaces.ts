import type { Abortable } from '../lib/bytes.ts'
import type { Mount } from '../lib/mount.ts'
import type { ReadRootFile } from './user.ts'

/** What a container is made of; everything that the OCI runtime configuration is derived from. Plain data, kept as JSON with the container. */
export interface ContainerSpec {
  readonly id: string
  readonly hostname?: string
  /** The whole command line, entrypoint and cmd merged. */
  readonly args: readonly string[]
  /** `K=V`. */
  readonly env: readonly string[]
  /** Absolute path inside the container; made where it is missing. */
  readonly workingFolder: string
  /** docker's `user[:group]`, names or ids, looked up in the container's own /etc/passwd and /etc/group. */
  readonly user: string
  readonly terminal: boolean
  readonly interactive: boolean
  readonly network: 'none' | 'host'
  readonly readOnlyRoot: boolean
  readonly binds: readonly BindMount[]
  /** The image's /etc/hostname stays what it is, and what is written to it (steps of builds). */
  readonly keepHostnameFile?: boolean
  /** Further mounts, over those. */
  readonly mounts?: readonly ContainerMount[]
  /** `name=soft[:hard]`, names as in setrlimit(2) without RLIMIT_ and in lower case. */
  readonly ulimits?: readonly string[]
  /** Bytes of /dev/shm. Default 64 MiB. */
  readonly shmSize?: number
  readonly limits?: ResourceLimits
  readonly labels?: Readonly<Record<string, string>>
  /** Lines for /etc/hosts besides the standard ones: `name:address`. */
  readonly extraHosts?: readonly string[]
  readonly privileged?: boolean
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  readonly stopSignal?: string
}

/** A host path in the container (`-v SOURCE:TARGET[:ro]`). */
export interface BindMount {
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

/** What a container may use of the machine, as docker's flags of these names say. */
export interface ResourceLimits {
  /** Bytes. */
  readonly memory?: number
  /** Bytes of memory and swap together; -1 for any. */
  readonly memorySwap?: number
  readonly cpuShares?: number
  /** Microseconds. */
  readonly cpuPeriod?: number
  readonly cpuQuota?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
}

/** What a RUN step mounts; `options` are those of mount(8). */
export interface ContainerMount {
  readonly kind: 'bind' | 'tmpfs'
  /** Absolute; empty for a tmpfs. */
  readonly source: string
  /** Absolute, in the container. */
  readonly target: string
  readonly options: readonly string[]
}

/** A file that only the container sees: it lies in memory, in the container's own mount namespace, and can only be read. */
export interface PrivateFile {
  /** Absolute, in the container. */
  readonly target: string
  readonly bytes: Uint8Array
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** The streams of an attached container: Node streams of bytes. `stderr` is absent with a terminal. */
export interface ContainerStreams {
  readonly stdin?: NodeJS.ReadableStream
  readonly stdout: NodeJS.WritableStream
  readonly stderr?: NodeJS.WritableStream
}

/** The writable root of a container: mounts that are made in a private mount namespace, never on the host. */
export interface RootFileSystem {
  readonly mounts: readonly Mount[]
  /** Where the mounts put the root; absolute. */
  readonly path: string
}

/** A step of a build that runs to its end (RUN): no monitor, output goes to the writer, the result is the exit status. */
export interface RunOnceOptions extends Abortable {
  readonly spec: ContainerSpec
  readonly root: RootFileSystem
  /** An existing empty folder for the bundle; the caller removes it. */
  readonly bundle: string
  /** Variables that gantry writes nowhere but to memory. */
  readonly privateEnv?: readonly string[]
  readonly privateFiles?: readonly PrivateFile[]
  /** Reads the container's own /etc/passwd and /etc/group, before anything is mounted. */
  readonly readRootFile: ReadRootFile
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => void
}
