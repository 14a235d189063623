import type { DiffId } from './digest.ts'

/** The execution parameters of an image (image-spec config.md, and Docker's additions). `Cmd` null or absent is "none"; `[]` resets. */
export interface ExecutionConfig {
  readonly User?: string
  readonly ExposedPorts?: Readonly<Record<string, object>> | null
  /** `K=V` strings; later duplicates win, order is kept. */
  readonly Env?: readonly string[] | null
  readonly Entrypoint?: readonly string[] | null
  readonly Cmd?: readonly string[] | null
  readonly Volumes?: Readonly<Record<string, object>> | null
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>> | null
  readonly StopSignal?: string
  readonly ArgsEscaped?: boolean
  readonly Shell?: readonly string[] | null
  readonly OnBuild?: readonly string[] | null
  readonly Healthcheck?: HealthcheckConfig | null
}

/** Docker's health check; durations in nanoseconds, 0 or absent = default. */
export interface HealthcheckConfig {
  readonly Test?: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

export interface HistoryEntry {
  /** RFC 3339. */
  readonly created?: string
  readonly created_by?: string
  readonly author?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}

/** An image configuration (image-spec config.md). */
export interface ImageConfig {
  readonly created?: string
  readonly author?: string
  readonly architecture: string
  readonly os: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
  readonly config?: ExecutionConfig
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly DiffId[] }
  readonly history?: readonly HistoryEntry[]
}
