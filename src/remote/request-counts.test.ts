import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { copy } from '../content/copy.ts'
import { openDiskStore } from '../content/disk-store/disk-store.ts'
import type { DiskStore } from '../content/interfaces.ts'
import { startFaultyRegistry, type FaultyRegistry } from '../testing/faulty-registry.ts'
import type { HttpPeer } from '../testing/http-peer.ts'
import { randomImage } from '../testing/random-image.ts'
import { startTokenServer, type TokenServer } from '../testing/token-server.ts'
import { createRegistryClient } from './client.ts'
import type { RegistryClient, RemoteRepository } from './interfaces.ts'

interface Peers extends AsyncDisposable {
  readonly registry: FaultyRegistry
  readonly tokens: TokenServer
  readonly store: () => Promise<DiskStore>
  /** A client as of a new process; answers `does` and what it asked for. */
  readonly during: (
    mountFrom: readonly string[] | undefined,
    does: (repository: RemoteRepository) => Promise<unknown>,
  ) => Promise<Readonly<Record<string, number>>>
}

/** Requests by method and kind: `{ 'HEAD manifests': 1, 'GET token': 1 }`; refused ones (401) apart. */
const counted = (...peers: readonly HttpPeer[]): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const { method, path, headers, query } of peers.flatMap(({ requests }) => requests)) {
    const kind = /\/(manifests|blobs\/uploads|blobs|tags|token)(?:\/|$)/.exec(path)?.[1] ?? path
    const refused = kind !== 'token' && kind !== '/v2/' && headers.authorization === undefined ? ' refused' : ''
    const name = `${method} ${query.has('mount') ? 'mount' : kind}${refused}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

const start = async (): Promise<Peers> => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-requests-'))
  const tokens = await startTokenServer()
  const registry = await startFaultyRegistry({ challenge: tokens.challenge })
  let stores = 0
  return {
    registry,
    tokens,
    store: async () => await openDiskStore({ folder: join(folder, `store-${stores++}`) }),
    during: async (mountFrom, does) => {
      registry.requests.length = 0
      tokens.requests.length = 0
      const client: RegistryClient = createRegistryClient({ certificateFolders: [] })
      const name = { domain: registry.host, path: 'team/app' }
      await does(client.repository(name, mountFrom === undefined ? {} : { mountFrom }))
      client.close()
      return counted(registry, tokens)
    },
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]()
      await tokens[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}

test('a push and a pull ask for one token and for each thing once', async () => {
  await using peers = await start()
  const source = await peers.store()
  const image = await randomImage(source, { layers: 4 })

  const push = async (repository: RemoteRepository): Promise<unknown> =>
    await copy(source, repository, { from: image, to: 'v1', platform: 'all' })
  assert.deepEqual(await peers.during([], push), {
    'GET /v2/': 1,
    'GET token': 1,
    'HEAD manifests': 1,
    'HEAD blobs': 5,
    'POST blobs/uploads': 5,
    'PUT blobs/uploads': 5,
    // under its digest, and under its tag
    'PUT manifests': 2,
  })
  assert.deepEqual(peers.tokens.requests[0]?.query.getAll('scope'), ['repository:team/app:pull,push'])

  // what is there is looked for and not sent: the manifest, and what the tag means
  const { 'HEAD blobs': looks = 0, ...again } = await peers.during([], push)
  assert.ok(looks <= 5)
  assert.deepEqual(again, { 'GET /v2/': 1, 'GET token': 1, 'HEAD manifests': 2 })
  await peers.during([], async (repository) => await repository.tag('v2', image))
  assert.equal(peers.registry.tags.get('team/app:v2'), image.digest)

  const target = await peers.store()
  const pull = async (repository: RemoteRepository): Promise<unknown> =>
    await copy(repository, target, { from: 'v1', platform: 'all' })
  assert.deepEqual(await peers.during(undefined, pull), {
    'GET /v2/': 1,
    'GET token': 1,
    'HEAD manifests': 1,
    'GET manifests': 1,
    'GET blobs': 5,
  })
  assert.deepEqual(peers.tokens.requests[0]?.query.getAll('scope'), ['repository:team/app:pull'])

  // HEAD says that nothing has changed, and costs no pull where pulls are counted
  assert.deepEqual(await peers.during(undefined, pull), { 'GET /v2/': 1, 'GET token': 1, 'HEAD manifests': 1 })
})

test('a registry that is open to all is asked for each thing once, and no token server', async () => {
  await using peers = await start()
  await using open = await startFaultyRegistry()
  const source = await peers.store()
  const image = await randomImage(source, { layers: 4 })
  using client = createRegistryClient({ certificateFolders: [] })
  const repository = (): RemoteRepository => client.repository({ domain: open.host, path: 'team/app' })
  await copy(source, repository(), { from: image, to: 'v1', platform: 'all' })
  open.requests.length = 0
  await copy(repository(), await peers.store(), { from: 'v1', platform: 'all' })
  // it is known how to speak to it
  const kinds = open.requests.map(({ method, path }) => `${method} ${path.split('/').at(-2)}`).toSorted()
  assert.deepEqual(kinds, [...Array.from({ length: 5 }, () => 'GET blobs'), 'GET manifests', 'HEAD manifests'])
})

test('a push that mounts asks for one token for both repositories, and sends no blob', async () => {
  await using peers = await start()
  const source = await peers.store()
  const image = await randomImage(source, { layers: 4 })
  for (const [name, bytes] of await blobsOf(source)) peers.registry.blobs.set(`other/base@${name}`, bytes)
  const push = async (repository: RemoteRepository): Promise<unknown> =>
    await copy(source, repository, { from: image, to: 'v1', platform: 'all' })
  assert.deepEqual(await peers.during(['other/base'], push), {
    'GET /v2/': 1,
    'GET token': 1,
    'HEAD manifests': 1,
    'HEAD blobs': 5,
    'POST mount': 5,
    'PUT manifests': 2,
  })
  assert.deepEqual(peers.tokens.requests[0]?.query.getAll('scope'), [
    'repository:team/app:pull,push',
    'repository:other/base:pull',
  ])
})

const blobsOf = async (store: DiskStore): Promise<readonly (readonly [string, Buffer])[]> => {
  const found: (readonly [string, Buffer])[] = []
  for await (const { digest, size } of store.list()) {
    const chunks: Uint8Array[] = []
    for await (const chunk of await store.open({ digest, size, mediaType: 'application/octet-stream' })) chunks.push(chunk)
    found.push([digest, Buffer.concat(chunks)])
  }
  return found
}
