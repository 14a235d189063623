import assert from 'node:assert/strict'
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { partialPath } from '../../src/content/disk-store/ingest.ts'
import { collect } from '../../src/lib/bytes.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { createRegistryClient } from '../../src/remote/client.ts'
import { startFaultyRegistry, type FaultyRegistry } from '../../src/testing/faulty-registry.ts'
import { checkStore } from './check-store.ts'
import { assertClearError, FaultyRoot } from './gantry-process.ts'
import { largeLayer, writeLargeImage } from './large-image.ts'
import { blobRequests } from './published-image.ts'
import { startRelay, type Relay } from './relay.ts'

const size = 24_000_000
/** Bytes of headers, manifests and configs. */
const small = 200_000
/** Bytes that a killed process may have taken from the network and not written. */
const underWay = 10_000_000

interface Published extends AsyncDisposable {
  readonly registry: FaultyRegistry
  readonly relay: Relay
  readonly name: string
  readonly layers: readonly Descriptor[]
}

/** An image with large layers in a registry, behind a relay. */
const publish = async (sizes: readonly number[] = [size]): Promise<Published> => {
  const registry = await startFaultyRegistry()
  const relay = await startRelay(registry.host)
  using client = createRegistryClient({ certificateFolders: [] })
  const repository = client.repository({ domain: registry.host, path: 'team/app' }, { mountFrom: [] })
  const { target, layers } = await writeLargeImage(repository, sizes)
  await repository.tag('1', target)
  registry.requests.length = 0
  return {
    registry,
    relay,
    name: `${relay.host}/team/app:1`,
    layers,
    [Symbol.asyncDispose]: async () => {
      await relay[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}

const until = async (condition: () => boolean): Promise<void> => {
  for (let wait = 0; !condition(); wait += 5) {
    if (wait > 60_000) throw new Error('it never happened')
    await sleep(5)
  }
}

/** What is kept of the layer. */
const keptOf = (root: FaultyRoot, { digest }: Descriptor): number =>
  statSync(partialPath(join(root.root, 'content'), digest), { throwIfNoEntry: false })?.size ?? 0

const keep = (root: FaultyRoot, { digest }: Descriptor, bytes: Uint8Array): void => {
  const path = partialPath(join(root.root, 'content'), digest)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

const assertPulled = async (root: FaultyRoot, image: Published): Promise<void> => {
  const { layers, names } = await checkStore(root.root)
  assert.equal(layers.size, image.layers.length)
  assert.deepEqual([...names.keys()], [image.name])
}

test('a pull whose connection is cut again and again fetches every byte once', async () => {
  await using image = await publish()
  await using root = new FaultyRoot()
  image.relay.down.cutAfter = 5_000_000
  const { status, stderr } = await root.run('pull', image.name)
  assert.equal(status, 0, stderr)
  assert.ok(image.relay.cuts >= 4, `${image.relay.cuts} cuts`)
  assert.ok(image.relay.down.passed < size + small, `${image.relay.down.passed} bytes were sent`)
  assert.match(
    stderr,
    /: Retrying in 1 second at [\d.]+MB: Cannot reach "127\.0\.0\.1:\d+": the connection was closed by the other side\n/,
  )
  await assertPulled(root, image)
})

test('a pull that gives up says what is kept, and the next one fetches only the rest', async () => {
  await using image = await publish()
  await using root = new FaultyRoot()
  const stop = image.registry.fault((request) => {
    if (request.headers.range === undefined || !request.path.includes('/blobs/')) return false
    request.incoming.destroy()
    return true
  })
  image.relay.down.cutAfter = 10_000_000
  const failed = await root.run('pull', image.name)
  assertClearError(failed)
  assert.match(failed.stderr, /^hint: .*[\d.]+MB of 24\.\d+MB are kept: the next try goes on from there$/m)
  stop()
  image.relay.down.cutAfter = undefined
  const { status, stderr } = await root.run('pull', image.name)
  assert.equal(status, 0, stderr)
  assert.ok(image.relay.down.passed < size + small, `${image.relay.down.passed} bytes were sent`)
  await assertPulled(root, image)
})

test('a connection that stays silent is given up, and the download goes on over another', async () => {
  await using image = await publish()
  image.relay.down.stallAfter = 4_000_000
  using client = createRegistryClient({ certificateFolders: [], idleTimeout: 300, retryDelay: 1 })
  const reasons: string[] = []
  const onRetry = (reason: string): void => {
    reasons.push(reason)
    image.relay.down.stallAfter = undefined
  }
  const repository = client.repository({ domain: image.relay.host, path: 'team/app' })
  const bytes = await collect(await repository.open(image.layers[0]!, { onRetry }), 2 * size)
  assert.equal(bytes.length, image.layers[0]!.size)
  assert.match(reasons.join('\n'), /nothing came for 0\.3 s while it sent its answer/)
  assert.ok(image.relay.down.passed < size + small)
})

test('a pull that was killed amid a layer goes on in the next process', async () => {
  await using image = await publish()
  await using root = new FaultyRoot()
  image.relay.down.rate = 40_000_000
  const { child, ended } = root.start(['pull', image.name])
  await until(() => image.relay.down.passed > size / 2)
  child.kill('SIGKILL')
  await ended
  const kept = keptOf(root, image.layers[0]!)
  assert.ok(kept > 0)
  image.relay.down.rate = undefined
  const { status, stderr } = await root.run('pull', image.name)
  assert.equal(status, 0, stderr)
  const { digest, size: whole } = image.layers[0]!
  assert.deepEqual(
    blobRequests(image.registry).filter((request) => request.digest === digest),
    [
      { digest, range: undefined },
      { digest, range: `bytes=${kept}-${whole - 1}` },
    ],
  )
  assert.ok(image.relay.down.passed < size + underWay)
  await assertPulled(root, image)
})

test('a pull goes on where the registry ignores ranges, answers with another one, or what was kept is wrong', async () => {
  await using image = await publish()
  const layer = image.layers[0]!
  const whole = image.registry.blobs.get(`team/app@${layer.digest}`)!
  const half = whole.subarray(0, 12_000_000)
  const cases: readonly (readonly [Uint8Array, (() => () => void) | undefined, number])[] = [
    [half, () => image.registry.fault(({ headers }) => void delete headers.range), 1],
    [
      half,
      () =>
        image.registry.fault(({ path, headers }, response) => {
          if (headers.range === undefined || !path.includes('/blobs/')) return false
          response
            .writeHead(206, { 'content-range': `bytes 0-99/${whole.length}`, 'content-length': 100 })
            .end(whole.subarray(0, 100))
          return true
        }),
      2,
    ],
    [Buffer.from(half).fill(1, 5, 6), undefined, 2],
  ]
  for (const [kept, fault, requests] of cases) {
    await using root = new FaultyRoot()
    keep(root, layer, kept)
    image.registry.requests.length = 0
    const stop = fault?.()
    const { status, stderr } = await root.run('pull', image.name)
    stop?.()
    assert.equal(status, 0, stderr)
    assert.equal(blobRequests(image.registry).filter(({ digest }) => digest === layer.digest).length, requests)
    await assertPulled(root, image)
  }
})

test('a blob that the registry has changed is dropped, asked for once more, and refused', async () => {
  await using image = await publish()
  await using root = new FaultyRoot()
  const layer = image.layers[0]!
  const key = `team/app@${layer.digest}`
  const whole = image.registry.blobs.get(key)!
  image.registry.blobs.set(key, Buffer.from(whole).fill(0, size - 10))
  keep(root, layer, whole.subarray(0, 12_000_000))
  const failed = await root.run('pull', image.name)
  assertClearError(failed)
  assert.match(failed.stderr, /Cannot verify "sha256:[0-9a-f]{64}": its bytes have the digest "sha256:/)
  assert.equal(blobRequests(image.registry).filter(({ digest }) => digest === layer.digest).length, 2)
  assert.equal(keptOf(root, layer), 0)
  assert.deepEqual((await checkStore(root.root)).names.size, 0)
  image.registry.blobs.set(key, whole)
  assert.equal((await root.run('pull', image.name)).status, 0)
  await assertPulled(root, image)
})

test('two pulls of one image at once share its download, and both tell how far it is', async () => {
  await using image = await publish()
  await using root = new FaultyRoot()
  image.relay.down.rate = 20_000_000
  const results = await Promise.all([1, 2].map(async () => await root.run('pull', '--progress', 'rawjson', image.name)))
  for (const { status, stderr } of results) {
    assert.equal(status, 0, stderr)
    const offsets = stderr
      .split('\n')
      .filter((line) => line.includes('"progress"') && line.includes(image.layers[0]!.digest))
      .map((line) => (JSON.parse(line) as { readonly offset: number }).offset)
    assert.ok(offsets.length > 2, stderr)
    assert.ok(offsets.every((offset, index) => offset >= (offsets[index - 1] ?? 0)))
  }
  assert.ok(image.relay.down.passed < size + small, `${image.relay.down.passed} bytes were sent`)
  await assertPulled(root, image)
})

test('a pull takes over the download of another one that is killed', async () => {
  await using image = await publish()
  await using root = new FaultyRoot()
  image.relay.down.rate = 20_000_000
  const first = root.start(['pull', image.name])
  await until(() => image.relay.down.passed > size / 4)
  const second = root.start(['pull', image.name])
  await until(() => image.relay.down.passed > size / 2)
  first.child.kill('SIGKILL')
  await first.ended
  const { status, stderr } = await second.ended
  assert.equal(status, 0, stderr)
  assert.ok(image.relay.down.passed < size + underWay, `${image.relay.down.passed} bytes were sent`)
  assert.ok(blobRequests(image.registry).filter(({ digest }) => digest === image.layers[0]!.digest).length <= 2)
  await assertPulled(root, image)
})

test('two pulls of different images at once fetch the layers that they share once', async () => {
  await using image = await publish([1_000_000])
  using client = createRegistryClient({ certificateFolders: [] })
  const shared = [await largeLayer(size), await largeLayer(3_000_000)]
  const names: string[] = []
  for (const tag of ['a', 'b']) {
    const repository = client.repository({ domain: image.registry.host, path: `team/${tag}` }, { mountFrom: [] })
    const { target } = await writeLargeImage(repository, [2_000_000], shared)
    await repository.tag('1', target)
    names.push(`${image.relay.host}/team/${tag}:1`)
  }
  await using root = new FaultyRoot()
  image.relay.down.rate = 40_000_000
  const results = await Promise.all(names.map(async (name) => await root.run('pull', name)))
  for (const { status, stderr } of results) assert.equal(status, 0, stderr)
  assert.ok(image.relay.down.passed < size + 3_000_000 + 2 * 2_000_000 + small, `${image.relay.down.passed} bytes were sent`)
  assert.equal((await checkStore(root.root)).layers.size, 4)
})
