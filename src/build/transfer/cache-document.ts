import { GantryError } from '../../lib/errors.ts'
import { isDigest, type DiffId } from '../../oci/digest.ts'

/** The config of a manifest that is a cache; its layers are those of the records. */
export const cacheConfigType = 'application/vnd.gantry.buildcache.config.v1+json'
/** What BuildKit's caches have in that place: made of keys that only BuildKit computes. */
export const buildkitConfigType = 'application/vnd.buildkit.cacheconfig.v0'

/** The field of an image's config that holds a cache of the image's own layers, and BuildKit's. */
export const inlineField = 'gantry.buildcache.v1'
export const buildkitInlineField = 'moby.buildkit.cache.v0'

/** The annotation by which a descriptor says what its blob unpacks to, as containerd and BuildKit write it. */
export const uncompressedAnnotation = 'containerd.io/uncompressed'

/** That a step with this key made this layer. */
export interface TransferredRecord {
  /** 64 hex digits. */
  readonly key: string
  readonly layer: DiffId
  /** The layer's date, seconds since 1970. */
  readonly time: number
}

/** Records as they are kept elsewhere: the same for the same records. */
export const encodeCacheDocument = (records: readonly TransferredRecord[]): object => ({
  version: 1,
  records: records
    .map(({ key, layer, time }) => ({ key, layer, time }))
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)),
})

/** Records that a cache may have: far more than any build has steps. */
const mostRecords = 100_000

/** Reads what anybody may have written. `invalid_argument` if it is no cache; records that make no sense are none. */
export const parseCacheDocument = (value: unknown): readonly TransferredRecord[] => {
  const { version, records } = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>
  if (version !== 1 || !Array.isArray(records) || records.length > mostRecords)
    throw new GantryError('invalid_argument', 'CACHE_INVALID', 'it is no build cache of a version that is known')
  return records.flatMap((one: unknown) => readRecord(one) ?? [])
}

const readRecord = (value: unknown): TransferredRecord | undefined => {
  const { key, layer, time } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof key !== 'string' || !/^[0-9a-f]{64}$/.test(key)) return undefined
  if (typeof layer !== 'string' || !isDigest(layer) || !Number.isSafeInteger(time)) return undefined
  return { key, layer, time: time as number }
}
