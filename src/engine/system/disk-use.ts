import { join } from 'node:path'
import { listCacheMounts, type CacheMount } from '../../build/cache-mounts.ts'
import { cacheRecords, type CacheRecord } from '../../build/cache.ts'
import { filesAt, type FileUse } from '../../lib/disk-usage.ts'
import { listStates } from '../containers/list.ts'
import { containerFolders, type ContainerRecord } from '../containers/records.ts'
import type { Engine } from '../engine.ts'
import { localImages, type LocalImage } from '../images/lookup.ts'
import { openStoredFiles, type StoredFiles } from './stored-files.ts'

/** Bytes of an image, or of all images with everything counted once. */
export interface ImageBytes {
  /** Its blobs, as registries keep them: about what pulling or pushing it moves. */
  readonly compressed: number
  /** Its layers as they are mounted: tars, indexes and unpacked folders. */
  readonly unpacked: number
  /** What only it needs: free on the disk when it is removed. */
  readonly unique: number
  /** What other images, containers or cached steps need too. */
  readonly shared: number
}

export interface ImageUse extends ImageBytes {
  readonly image: LocalImage
  /** Containers made from it. */
  readonly containers: number
}

export interface ContainerUse {
  readonly container: ContainerRecord
  /** Bytes of what it has written, and of its log. */
  readonly bytes: number
}

export interface StepUse {
  readonly key: string
  readonly step: string
  readonly createdAt: string
  /** Bytes of its layer. */
  readonly bytes: number
  /** An image or a container needs the layer too. */
  readonly shared: boolean
}

/** A cache that steps mount (`RUN --mount=type=cache`). */
export interface CacheMountUse extends Omit<CacheMount, 'folder'> {
  readonly bytes: number
}

export interface DiskUse {
  readonly images: readonly ImageUse[]
  /** Of all images. `unique` is what is in one image only, `shared` what is in several; each byte once. */
  readonly total: ImageBytes
  /** Bytes that are free when all images without containers are removed. */
  readonly reclaimable: number
  readonly containers: readonly ContainerUse[]
  readonly steps: readonly StepUse[]
  readonly cacheMounts: readonly CacheMountUse[]
  /** Bytes that only cached steps need. */
  readonly cacheOnly: number
  /** Bytes of downloads that have broken off or are under way. */
  readonly partial: number
}

interface Part {
  readonly image: LocalImage
  readonly containers: number
  readonly blobs: readonly FileUse[]
  readonly layers: readonly FileUse[]
}

/** What takes which room on the disk. A file with several names, as the blob of a built layer that is its tar, counts once. */
export const diskUse = async (engine: Engine): Promise<DiskUse> => {
  const [images, containers, steps, mounts, stored, store] = await Promise.all([
    localImages(engine),
    listStates(engine),
    cacheRecords(engine.path('build-cache')),
    listCacheMounts(engine.path('build-cache')),
    openStoredFiles(engine),
    engine.content(),
  ])
  const parts: Part[] = []
  for (const image of images) {
    const users = containers.filter((container) => container.image.id === image.id)
    parts.push({ image, containers: users.length, ...(await stored.ofImage(image.target)) })
  }
  const inContainers = namesOf(containers.flatMap(({ layers }) => stored.ofStack(layers)))
  const inSteps = namesOf(steps.flatMap(({ layer }) => stored.ofLayer(layer)))
  return {
    ...useOfImages(parts, inContainers, inSteps),
    ...useOfSteps(steps, stored, new Set([...namesOf(parts.flatMap(filesOf)), ...inContainers])),
    cacheMounts: mounts.map(({ folder, ...mount }) => ({ ...mount, bytes: bytesOf(filesAt(folder)) })),
    containers: containers.map((container) => ({ container, bytes: containerBytes(engine, container.id) })),
    partial: bytesOf(filesAt(join(store.folder, 'ingest'))),
  }
}

const filesOf = ({ blobs, layers }: Part): readonly FileUse[] => [...blobs, ...layers]

const namesOf = (uses: readonly FileUse[]): ReadonlySet<string> => new Set(uses.map(({ file }) => file))

/** Bytes of files, each once. */
const bytesOf = (uses: readonly FileUse[]): number => {
  const files = new Map(uses.map(({ file, bytes }) => [file, bytes]))
  let sum = 0
  for (const bytes of files.values()) sum += bytes
  return sum
}

const useOfImages = (
  parts: readonly Part[],
  inContainers: ReadonlySet<string>,
  inSteps: ReadonlySet<string>,
): Pick<DiskUse, 'images' | 'total' | 'reclaimable'> => {
  const users = new Map<string, number>()
  for (const part of parts) for (const file of namesOf(filesOf(part))) users.set(file, (users.get(file) ?? 0) + 1)
  const active = namesOf(parts.filter(({ containers }) => containers > 0).flatMap(filesOf))
  const kept = (file: string): boolean => active.has(file) || inContainers.has(file) || inSteps.has(file)
  const own = (file: string): boolean => users.get(file) === 1 && !inContainers.has(file) && !inSteps.has(file)
  const whole = { blobs: parts.flatMap(({ blobs }) => blobs), layers: parts.flatMap(({ layers }) => layers) }
  return {
    images: parts.map(({ image, containers, ...files }) => ({ image, containers, ...split(files, own) })),
    total: split(whole, (file) => users.get(file) === 1),
    reclaimable: bytesOf([...whole.blobs, ...whole.layers].filter(({ file }) => !kept(file))),
  }
}

const split = ({ blobs, layers }: Pick<Part, 'blobs' | 'layers'>, isUnique: (file: string) => boolean): ImageBytes => {
  const all = [...blobs, ...layers]
  return {
    compressed: bytesOf(blobs),
    unpacked: bytesOf(layers),
    unique: bytesOf(all.filter(({ file }) => isUnique(file))),
    shared: bytesOf(all.filter(({ file }) => !isUnique(file))),
  }
}

const useOfSteps = (
  steps: readonly (CacheRecord & { readonly key: string })[],
  stored: StoredFiles,
  needed: ReadonlySet<string>,
): Pick<DiskUse, 'steps' | 'cacheOnly'> => ({
  steps: steps.map(({ key, step, createdAt, layer }) => {
    const files = stored.ofLayer(layer)
    return { key, step, createdAt, bytes: bytesOf(files), shared: files.some(({ file }) => needed.has(file)) }
  }),
  cacheOnly: bytesOf(steps.flatMap(({ layer }) => stored.ofLayer(layer)).filter(({ file }) => !needed.has(file))),
})

const containerBytes = (engine: Engine, id: string): number => {
  const { upper, log } = containerFolders(engine, id)
  return bytesOf([...filesAt(upper), ...filesAt(log)])
}
