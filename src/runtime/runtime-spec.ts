// The parts of an OCI runtime configuration (runtime-spec config.md, config-linux.md) that gantry writes.

/** A `config.json`. */
export interface RuntimeSpec {
  readonly ociVersion: string
  readonly process: RuntimeProcess
  readonly root: { readonly path: string; readonly readonly: boolean }
  readonly hostname: string
  readonly mounts: readonly RuntimeMount[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly linux: RuntimeLinux
}

export interface RuntimeProcess {
  readonly terminal: boolean
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] }
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities: RuntimeCapabilities
  readonly rlimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[]
  readonly noNewPrivileges: boolean
  readonly apparmorProfile?: string
  readonly oomScoreAdj: number
}

export interface RuntimeCapabilities {
  readonly bounding: readonly string[]
  readonly effective?: readonly string[]
  readonly permitted?: readonly string[]
}

export interface RuntimeMount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}

export interface RuntimeLinux {
  readonly namespaces: readonly { readonly type: 'mount' | 'pid' | 'ipc' | 'uts' | 'network' | 'cgroup' }[]
  readonly cgroupsPath?: string
  readonly resources?: RuntimeResources
  readonly devices: readonly RuntimeDevice[]
  readonly sysctl: Readonly<Record<string, string>>
  readonly seccomp?: RuntimeSeccomp
  readonly maskedPaths: readonly string[]
  readonly readonlyPaths: readonly string[]
}

/** Limits of the control groups (config-linux.md); bytes and microseconds. */
export interface RuntimeResources {
  readonly devices?: readonly DeviceRule[]
  readonly memory?: { readonly limit?: number; readonly swap?: number }
  readonly cpu?: {
    readonly shares?: number
    readonly period?: number
    readonly quota?: number
    readonly cpus?: string
    readonly mems?: string
  }
}

/** A rule of the devices cgroup; absent numbers mean any. */
export interface DeviceRule {
  readonly allow: boolean
  readonly type?: 'a' | 'b' | 'c'
  readonly major?: number
  readonly minor?: number
  readonly access: string
}

export interface RuntimeDevice {
  readonly path: string
  readonly type: 'b' | 'c'
  readonly major: number
  readonly minor: number
  /** Permission bits. */
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
}

export interface RuntimeSeccomp {
  readonly defaultAction: 'SCMP_ACT_ERRNO'
  readonly defaultErrnoRet: number
  readonly architectures: readonly string[]
  readonly syscalls: readonly SeccompRule[]
}

export interface SeccompRule {
  readonly names: readonly string[]
  readonly action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO'
  readonly errnoRet?: number
  readonly args?: readonly SeccompArgument[]
}

/** What the argument at `index` must be; for a masked comparison `value` is the mask and `valueTwo` the value. */
export interface SeccompArgument {
  readonly index: number
  readonly value: number
  readonly valueTwo?: number
  readonly op: 'SCMP_CMP_EQ' | 'SCMP_CMP_LT' | 'SCMP_CMP_GT' | 'SCMP_CMP_MASKED_EQ'
}
