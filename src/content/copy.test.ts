import assert from 'node:assert/strict'
import { test } from 'node:test'
import { streamOf, type ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import { describe as describeBytes, encodeJson, parseIndex } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { temporaryStore } from '../testing/content-store-folder.ts'
import { countingSource } from '../testing/counting-source.ts'
import { chunksOf, randomBytes, randomImage, randomIndex } from '../testing/random-image.ts'
import { copy } from './copy.ts'
import { readImage } from './image.ts'
import type { ContentSink, CopyEvent, DiskStore, ImageSink, ImageSource } from './interfaces.ts'
import { createManifest } from './mutate.ts'

const name = 'docker.io/library/x:1'
const arm64 = { os: 'linux', architecture: 'arm64' }

/** A store with something in it that has the name, and an empty one. */
const setUp = async (make: (store: DiskStore) => Promise<Descriptor>) => {
  const source = await temporaryStore()
  const sink = await temporaryStore()
  const root = await make(source.subject)
  await source.subject.tag(name, root)
  const dispose = async (): Promise<void> => {
    await source[Symbol.asyncDispose]()
    await sink[Symbol.asyncDispose]()
  }
  return { source: source.subject, sink: sink.subject, root, [Symbol.asyncDispose]: dispose }
}

/** A sink without the abilities of the store, which remembers the order of what it took. */
const plainSink = (sink: ContentSink & ImageSink, order: Digest[] = []): ImageSink => ({
  has: async (descriptor, options) => await sink.has(descriptor, options),
  write: async (descriptor, bytes, options) => {
    await sink.write(descriptor, bytes, options)
    order.push(descriptor.digest)
  },
  tag: async (reference, target, options) => await sink.tag(reference, target, options),
})

/** A source whose blobs pass through `change`. */
const changing = (
  source: ImageSource,
  change: (stream: ByteStream, descriptor: Descriptor, start: number) => ByteStream,
): ImageSource => ({
  has: async (descriptor, options) => await source.has(descriptor, options),
  resolve: async (reference, options) => await source.resolve(reference, options),
  open: async (descriptor, options) => change(await source.open(descriptor, options), descriptor, options?.range?.start ?? 0),
})

const isLayer = ({ mediaType }: Descriptor): boolean => mediaType.includes('.layer.')

test('copy() brings an image and names it, blobs before the manifest, the name last', async () => {
  await using set = await setUp(async (store) => await randomImage(store, { layers: 4 }))
  const events: CopyEvent[] = []
  const order: Digest[] = []
  const target = await copy(set.source, plainSink(set.sink, order), {
    from: name,
    to: ['a:1', 'a:2'],
    onEvent: (event) => events.push(event),
  })
  assert.deepEqual(target, set.root)
  assert.equal(order.at(-1), set.root.digest)
  assert.equal(order.length, 6)
  assert.equal((await set.sink.resolve('a:2')).digest, set.root.digest)
  const kinds = events.map(({ kind }) => kind)
  assert.equal(kinds[0], 'resolved')
  assert.equal(kinds[1], 'manifest')
  assert.equal(kinds.filter((kind) => kind === 'started').length, 5)
  assert.equal(kinds.filter((kind) => kind === 'received').length, 5)
  assert.equal(kinds.filter((kind) => kind === 'done').length, 6)
  assert.deepEqual(kinds.slice(-2), ['tagged', 'tagged'])
})

test('copy() asks for nothing but the name when all is there', async () => {
  await using set = await setUp(async (store) => await randomIndex(store))
  const options = { from: name, to: name, platform: arm64 } as const
  await copy(set.source, set.sink, options)
  const counting = countingSource(set.source)
  const events: CopyEvent[] = []
  await copy(counting, set.sink, { ...options, onEvent: (event) => events.push(event) })
  assert.equal(counting.opened.size, 0)
  assert.equal(counting.resolved, 1)
  assert.equal(events.filter(({ kind }) => kind === 'exists').length, 6)
})

test('copy() brings one platform of an index, and the index as it is', async () => {
  await using set = await setUp(async (store) => await randomIndex(store, { attestation: true }))
  const target = await copy(set.source, set.sink, { from: name, to: name, platform: arm64 })
  assert.equal(target.digest, set.root.digest)
  const index = parseIndex(set.sink.read(set.root))
  const there = await Promise.all(index.manifests.map(async (entry) => await set.sink.has(entry)))
  assert.deepEqual(there, [false, true, false, false])
  assert.equal((await readImage(set.sink, target, { platform: arm64 })).config.architecture, 'arm64')
})

test('copy() names the image itself when the index is to be dropped', async () => {
  await using set = await setUp(async (store) => await randomIndex(store))
  const target = await copy(set.source, set.sink, { from: name, to: name, platform: arm64, index: 'drop' })
  assert.equal(target.mediaType, mediaTypes.ociManifest)
  assert.equal(await set.sink.has(set.root), false)
  assert.equal((await set.sink.resolve(name)).digest, target.digest)
})

test('copy() of all brings every platform and the attestations', async () => {
  await using set = await setUp(async (store) => await randomIndex(store, { attestation: true }))
  await copy(set.source, set.sink, { from: set.root, to: name })
  for (const entry of parseIndex(set.sink.read(set.root)).manifests) assert.ok(await set.sink.has(entry))
  for await (const { digest, size } of set.source.list()) assert.ok(await set.sink.has({ mediaType: '', digest, size }))
})

test('copy() brings nested indexes, and refuses those that are too deep', async () => {
  const nest = async (store: DiskStore, depth: number): Promise<Descriptor> => {
    let descriptor = await randomImage(store)
    for (let level = 0; level < depth; level++) {
      const bytes = encodeJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [descriptor] })
      descriptor = describeBytes(bytes, mediaTypes.ociIndex)
      await store.write(descriptor, streamOf(bytes))
    }
    return descriptor
  }
  await using set = await setUp(async (store) => await nest(store, 4))
  await copy(set.source, set.sink, { from: name })
  await copy(set.source, set.sink, { from: name, platform: { os: 'linux', architecture: 'amd64' } })
  const deep = await nest(set.source, 5)
  for (const platform of ['all', { os: 'linux', architecture: 'amd64' }] as const)
    await assert.rejects(copy(set.source, set.sink, { from: deep, platform }), { code: 'INDEX_TOO_DEEP' })
})

test('copy() is not_found with what there is when the platform is missing', async () => {
  await using set = await setUp(async (store) => await randomIndex(store))
  await assert.rejects(copy(set.source, set.sink, { from: name, to: name, platform: { os: 'linux', architecture: 's390x' } }), {
    kind: 'not_found',
    code: 'NO_PLATFORM',
    message: /no matching manifest for linux\/s390x in the manifest list entries/,
    hint: 'it has linux/amd64, linux/arm64/v8, linux/arm/v7: choose one with --platform',
  })
  assert.deepEqual(await set.sink.names(), [])
})

test('copy() takes a lone image of another platform with fallback only', async () => {
  await using set = await setUp(async (store) => await randomImage(store))
  await assert.rejects(copy(set.source, set.sink, { from: name, platform: arm64 }), {
    code: 'NO_PLATFORM',
    hint: 'it is for linux/amd64',
  })
  await copy(set.source, set.sink, { from: name, platform: arm64, fallback: true })
})

test('copy() of a sparse index does what it was told', async () => {
  await using set = await setUp(async (store) => await randomIndex(store, { attestation: true }))
  await copy(set.source, set.sink, { from: name, to: name, platform: arm64 })
  await using other = await temporaryStore()
  await assert.rejects(copy(set.sink, other.subject, { from: name, to: name }), {
    kind: 'failed_precondition',
    code: 'INDEX_INCOMPLETE',
    message: /3 of its manifests are not here \(linux\/amd64, linux\/arm\/v7\)/,
    hint: 'copy one platform only, of linux/arm64/v8',
  })
  assert.deepEqual(await Array.fromAsync(other.subject.list()), [])
  const warnings: string[] = []
  const onEvent = (event: CopyEvent): void => void (event.kind === 'warning' && warnings.push(event.message))
  const reduced = await copy(set.sink, other.subject, { from: name, to: 'reduced', sparse: 'reduce', onEvent })
  assert.equal(reduced.mediaType, mediaTypes.ociManifest)
  assert.match(warnings[0] ?? '', /only the available single-platform image/)
  const kept = await copy(set.sink, other.subject, { from: name, to: 'kept', sparse: 'keep' })
  assert.equal(kept.digest, set.root.digest)
})

test('copy() transfers a blob once however many images name it', async () => {
  await using set = await setUp(async (store) => {
    const one = await randomImage(store)
    const { manifest } = await readImage(store, one)
    const layers = [...manifest.layers, ...manifest.layers]
    const two = await createManifest(store, { config: manifest.config, layers })
    const bytes = encodeJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [one, two, one] })
    const index = describeBytes(bytes, mediaTypes.ociIndex)
    await store.write(index, streamOf(bytes))
    return index
  })
  const counting = countingSource(set.source)
  await copy(counting, plainSink(set.sink), { from: name, limit: 3 })
  assert.deepEqual(new Set(counting.opened.values()), new Set([1]))
  assert.equal(counting.unfinished, 0)
})

test('copy() ends with the first error, ends all other work, and names nothing', async () => {
  await using set = await setUp(async (store) => await randomImage(store, { layers: 5, files: 20 }))
  let begun = 0
  async function* stuck(): ByteStream {
    yield Buffer.alloc(1)
    await new Promise(() => undefined)
  }
  async function* broken(): ByteStream {
    yield Buffer.alloc(1)
    throw new GantryError('permission_denied', 'DENIED', 'Cannot read: denied')
  }
  const source = changing(set.source, (stream, descriptor) => {
    if (!isLayer(descriptor)) return stream
    return ++begun === 3 ? broken() : stuck()
  })
  await assert.rejects(copy(source, set.sink, { from: name, to: name }), { code: 'DENIED' })
  assert.ok(begun <= 4)
  assert.deepEqual(await set.sink.names(), [])
  assert.equal(await set.sink.has(set.root), false)
})

test('copy() is refused for wrong bytes of a layer, a config or a manifest', async () => {
  await using set = await setUp(async (store) => await randomImage(store))
  const wrong: readonly ((descriptor: Descriptor) => boolean)[] = [
    isLayer,
    ({ mediaType }) => mediaType === mediaTypes.ociConfig,
    ({ mediaType }) => mediaType === mediaTypes.ociManifest,
  ]
  for (const matches of wrong) {
    await using sink = await temporaryStore()
    const source = changing(set.source, (stream, descriptor) =>
      matches(descriptor) ? streamOf(Buffer.alloc(descriptor.size)) : stream,
    )
    await assert.rejects(copy(source, sink.subject, { from: name, to: name }), { kind: 'data_loss' })
    assert.equal(await sink.subject.has(set.root), false)
    assert.deepEqual(await sink.subject.names(), [])
  }
})

test('copy() ends when the signal is aborted in the middle', async () => {
  await using set = await setUp(async (store) => await randomImage(store))
  const abort = new AbortController()
  const source = changing(set.source, async function* () {
    abort.abort()
    await new Promise(() => undefined)
    yield Buffer.alloc(0)
  })
  const documents: ImageSource = { ...source, open: async (d, o) => await (isLayer(d) ? source : set.source).open(d, o) }
  await assert.rejects(copy(documents, set.sink, { from: name, to: name, signal: abort.signal }), { kind: 'canceled' })
  assert.deepEqual(await set.sink.names(), [])
})

/** An image with one layer of some MiB. */
const largeImage = async (store: DiskStore): Promise<Descriptor> => {
  const image = await readImage(store, await randomImage(store))
  const layer = await store.ingest(chunksOf(randomBytes(9, 4 << 20), 65_536), mediaTypes.ociLayer)
  return await createManifest(store, { config: image.manifest.config, layers: [layer] })
}

/** A source whose first stream of a large layer breaks after `good` bytes, as a connection does. */
const breakingOnce = (source: ImageSource, good: number): { readonly source: ImageSource; readonly starts: number[] } => {
  const starts: number[] = []
  async function* cut(stream: ByteStream): ByteStream {
    let seen = 0
    for await (const chunk of stream) {
      yield chunk
      seen += chunk.length
      if (seen >= good) throw new GantryError('unavailable', 'CONNECTION_LOST', 'Cannot read: the connection is lost')
    }
  }
  const changed = changing(source, (stream, descriptor, start) => {
    if (descriptor.size < 1 << 20) return stream
    starts.push(start)
    return starts.length === 1 ? cut(stream) : stream
  })
  return { source: changed, starts }
}

test('copy() goes on where a stream broke when the sink can, and reports it', async () => {
  await using set = await setUp(largeImage)
  const { source, starts } = breakingOnce(set.source, 2 << 20)
  const events: CopyEvent[] = []
  await copy(source, set.sink, { from: name, to: name, onEvent: (event) => events.push(event) })
  assert.deepEqual(starts, [0, 2 << 20])
  const retry = events.findIndex(({ kind }) => kind === 'retry')
  assert.ok(retry > 0)
  const next = events.slice(retry).find((event) => event.kind === 'progress' && event.descriptor.size > 1 << 20)
  assert.ok(next?.kind === 'progress' && next.offset === 2 << 20)
})

test('copy() begins a blob anew when the sink cannot go on', async () => {
  await using set = await setUp(largeImage)
  const { source, starts } = breakingOnce(set.source, 2 << 20)
  await copy(source, plainSink(set.sink), { from: name, to: name })
  assert.deepEqual(starts, [0, 0])
})

test('copy() reads from the start when the source knows no ranges', async () => {
  await using set = await setUp(largeImage)
  const { source, starts } = breakingOnce(set.source, 2 << 20)
  const rangeless: ImageSource = {
    ...source,
    open: async (descriptor, options) => {
      if (options?.range !== undefined) throw new GantryError('unsupported', 'NO_RANGES', 'Cannot read a range')
      return await source.open(descriptor, options)
    },
  }
  await copy(rangeless, set.sink, { from: name, to: name })
  assert.deepEqual(starts, [0, 0])
  assert.equal((await set.sink.resolve(name)).digest, set.root.digest)
})

test('copy() mounts what the sink can mount', async () => {
  await using set = await setUp(async (store) => await randomImage(store))
  const { manifest } = await readImage(set.source, set.root)
  const mounted = manifest.layers[0]!
  const sink = {
    ...plainSink(set.sink),
    mount: async (descriptor: Descriptor) => {
      if (descriptor.digest !== mounted.digest) return false
      await set.sink.write(descriptor, await set.source.open(descriptor))
      return true
    },
  }
  const counting = countingSource(set.source)
  const events: CopyEvent[] = []
  await copy(counting, sink, { from: name, to: name, onEvent: (event) => events.push(event) })
  assert.equal(counting.opened.has(mounted.digest), false)
  assert.deepEqual(
    events.filter(({ kind }) => kind === 'mounted'),
    [{ kind: 'mounted', descriptor: mounted }],
  )
})

test('copy() leaves layers that may not be distributed unless it is told', async () => {
  const foreign = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'
  await using set = await setUp(async (store) => {
    const { manifest } = await readImage(store, await randomImage(store, { mediaTypes: 'docker' }))
    const layers = manifest.layers.map((layer, index) =>
      index === 0 ? { ...layer, mediaType: foreign, urls: ['https://x.invalid/'] } : layer,
    )
    return await createManifest(store, { config: manifest.config, layers, mediaTypes: 'docker' })
  })
  const layer = (await readImage(set.source, set.root)).manifest.layers[0]!
  assert.equal(layer.mediaType, foreign)
  const warnings: CopyEvent[] = []
  await copy(set.source, set.sink, { from: name, onEvent: (event) => event.kind === 'warning' && warnings.push(event) })
  assert.equal(await set.sink.has(layer), false)
  assert.equal(warnings.length, 1)
  await copy(set.source, set.sink, { from: name, nonDistributable: true })
  assert.equal(await set.sink.has(layer), true)
})

test('copy() looks for no blobs where the sink has the manifest and promises that it is whole', async () => {
  await using set = await setUp(async (store) => await randomImage(store, { layers: 3 }))
  const asked: Digest[] = []
  const whole = {
    ...plainSink(set.sink),
    manifestsAreWhole: true as const,
    has: async (descriptor: Descriptor) => {
      asked.push(descriptor.digest)
      return await set.sink.has(descriptor)
    },
  }
  await copy(set.source, whole, { from: name, to: name })
  assert.equal(asked.length, 5)
  asked.length = 0
  const events: CopyEvent[] = []
  const target = await copy(set.source, whole, {
    from: name,
    to: 'docker.io/library/x:2',
    onEvent: (event) => events.push(event),
  })
  assert.deepEqual(asked, [target.digest])
  assert.equal(events.filter(({ kind }) => kind === 'exists').length, 5)
  assert.equal((await set.sink.resolve('docker.io/library/x:2')).digest, target.digest)
  await set.sink.delete((await readImage(set.source, target)).manifest.config.digest)
  await copy(set.source, plainSink(set.sink), { from: name })
  assert.ok(await set.sink.has((await readImage(set.source, target)).manifest.config), 'another sink is looked through')
})
