import { parseJson } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Platform } from './descriptor.ts'
import { parseDigest, type DiffId } from './digest.ts'
import { asList, asRecord, asString, asStringMap, at, shapeError, type Place } from './json-shape.ts'
import { normalizePlatform } from './platform.ts'

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

/** Bytes: the largest config that is read. */
export const configLimit = 8 << 20
const maxElements = 10_000

const strings = (place: Place): readonly string[] => asList(place, maxElements, asString)
/** Docker reads one string as a command of one word. */
const command = (place: Place): readonly string[] => (typeof place.value === 'string' ? [place.value] : strings(place))
const flag = (place: Place): boolean => {
  if (typeof place.value !== 'boolean') throw shapeError(place, 'true or false')
  return place.value
}
const duration = (place: Place): number => {
  if (typeof place.value !== 'number' || !Number.isInteger(place.value)) throw shapeError(place, 'a whole number')
  return place.value
}
const set = (place: Place): Readonly<Record<string, object>> =>
  Object.fromEntries(Object.keys(asRecord(place)).map((key) => [key, {}]))
const digest = (place: Place): DiffId => parseDigest(asString(place))

/** A record's known fields read by `readers`; null counts as absent, fields that are not known stay as they are, in their order. */
const fields = (place: Place, readers: Readonly<Record<string, (place: Place) => unknown>>): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(asRecord(place)).flatMap(([key, value]) => {
      const read = Object.hasOwn(readers, key) ? readers[key] : undefined
      if (read === undefined) return [[key, value]]
      return value === null ? [] : [[key, read(at(place, key))]]
    }),
  )

const readHealthcheck = (place: Place): unknown =>
  fields(place, {
    Test: strings,
    Interval: duration,
    Timeout: duration,
    StartPeriod: duration,
    StartInterval: duration,
    Retries: duration,
  })

const readExecution = (place: Place): unknown =>
  fields(place, {
    User: asString,
    ExposedPorts: set,
    Env: strings,
    Entrypoint: command,
    Cmd: command,
    Volumes: set,
    WorkingDir: asString,
    Labels: asStringMap,
    StopSignal: asString,
    ArgsEscaped: flag,
    Shell: command,
    OnBuild: strings,
    Healthcheck: readHealthcheck,
  })

const readHistory = (place: Place): unknown =>
  fields(place, { created: asString, created_by: asString, author: asString, comment: asString, empty_layer: flag })

/** A root file system of no layers is written with null or without the list. */
const readRootfs = (place: Place): ImageConfig['rootfs'] => {
  if (at(place, 'type').value !== 'layers') throw shapeError(at(place, 'type'), '"layers"')
  const { diff_ids = [] } = fields(place, { diff_ids: (list) => asList(list, maxElements, digest) })
  return { type: 'layers', diff_ids: diff_ids as readonly DiffId[] }
}

/**
 * Reads the untrusted bytes of an image's config. Unknown fields survive in the value; a history that does not fit the layers is
 * accepted, and so are configs of old builders that name no operating system or architecture (`linux`, `amd64`). Wrong types are
 * `invalid_argument` errors.
 */
export const parseImageConfig = (bytes: Uint8Array): ImageConfig => {
  if (bytes.length > configLimit)
    throw new GantryError(
      'resource_exhausted',
      'CONFIG_TOO_LARGE',
      `Cannot read image config: it has more than ${configLimit} bytes`,
    )
  const place: Place = { what: 'image config', path: '', value: parseJson(bytes, 'image config') }
  const known = fields(place, {
    created: asString,
    author: asString,
    architecture: asString,
    os: asString,
    variant: asString,
    'os.version': asString,
    'os.features': strings,
    config: readExecution,
    history: (list) => asList(list, maxElements, readHistory),
  })
  return {
    ...known,
    architecture: (known['architecture'] as string | undefined) || 'amd64',
    os: (known['os'] as string | undefined) || 'linux',
    rootfs: readRootfs(at(place, 'rootfs')),
  }
}

/** The platform that the config says its image is for, normalised; at run time it counts more than what an index says. */
export const platformOf = (config: ImageConfig): Platform => normalizePlatform(config)

/** A step in an image's history: the layer it made, or none for a step that only changed the config. */
export interface HistoryStep {
  readonly entry?: HistoryEntry
  readonly diffId?: DiffId
}

/** Every step of the history, base first. Layers beyond the history come last without an entry, entries beyond the layers have none. */
export const historySteps = ({ history = [], rootfs }: ImageConfig): readonly HistoryStep[] => {
  let used = 0
  const steps = history.map((entry): HistoryStep => {
    const diffId = entry.empty_layer === true ? undefined : rootfs.diff_ids[used++]
    return diffId === undefined ? { entry } : { entry, diffId }
  })
  return [...steps, ...rootfs.diff_ids.slice(used).map((diffId) => ({ diffId }))]
}

/** Every layer, base first, with the history entry that made it if there is one. */
export const layerHistory = (config: ImageConfig): readonly { readonly diffId: DiffId; readonly entry?: HistoryEntry }[] =>
  historySteps(config).flatMap(({ diffId, entry }) =>
    diffId === undefined ? [] : [entry === undefined ? { diffId } : { diffId, entry }],
  )
