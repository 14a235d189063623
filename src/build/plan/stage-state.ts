import type { ExecutionConfig, HistoryEntry, ImageConfig } from '../../oci/image-config.ts'
import type { Platform } from '../../oci/descriptor.ts'
import type { Vertex } from '../graph.ts'
import type { Variables } from './environment.ts'

/** A history entry of the image to be; when it was made is only known once its layer is. */
export interface PlannedHistory {
  readonly entry: HistoryEntry
  /** An entry of the base image, whose time stays. */
  readonly inherited: boolean
  /** The stage that it is of: its name, or its number. */
  readonly stage?: string
}

/** What a stage has come to after some of its instructions: its files as a vertex, the rest as data. */
export interface StageState {
  /** The stage's name, or its number. */
  readonly stage: string
  readonly files: Vertex
  readonly platform: Platform
  /** The image's config as the instructions so far make it. */
  readonly config: ExecutionConfig
  readonly author?: string
  readonly history: readonly PlannedHistory[]
  /** What of the base image's config is kept as it is: os, architecture, unknown fields. */
  readonly base: Omit<ImageConfig, 'config' | 'history' | 'rootfs' | 'created' | 'author'>
  /** ENV and ARG, as RUN sees them. */
  readonly variables: Variables
  /** ARGs of this stage and those it is built on, in order, once for each ARG. */
  readonly declared: readonly { readonly key: string; readonly value?: string }[]
  /** Whether CMD was set in this stage. */
  readonly cmdSet: boolean
}

export const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const comment = 'buildkit.dockerfile.v0'

/** The state with a history entry more; `layer` for a step that makes one. */
export const withHistory = (state: StageState, createdBy: string, layer = false): StageState => ({
  ...state,
  history: [
    ...state.history,
    { inherited: false, stage: state.stage, entry: { created_by: createdBy, comment, ...(layer ? {} : { empty_layer: true }) } },
  ],
})

/** The state with some of the image's config changed. */
export const withConfig = (state: StageState, config: Partial<ExecutionConfig>): StageState => ({
  ...state,
  config: { ...state.config, ...config },
})
