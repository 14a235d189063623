import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { copyBlob } from '../../content/copy/copy-blob.ts'
import { temporaryStore } from '../../testing/content-store-folder.ts'
import { collect, streamOf } from '../../lib/bytes.ts'
import { isGantryError, type GantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { describe } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { startFaultyRegistry, type FaultyRegistry } from '../../testing/faulty-registry.ts'
import { done, type HttpPeer } from '../../testing/http-peer.ts'
import { startTokenServer } from '../../testing/token-server.ts'
import { createRegistryClient, type RegistryClientOptions } from '../client.ts'
import type { Credentials, RegistryClient, RemoteRepository } from '../interfaces.ts'
import { parseHostsToml } from './hosts-toml.ts'
import type { Mirror, Route, Routing } from './route.ts'

const bytes = randomBytes(400_000)
const config = describe(Buffer.from('{}'), mediaTypes.ociEmpty)
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }

interface Peers extends AsyncDisposable {
  readonly mirror: FaultyRegistry
  readonly origin: FaultyRegistry
  readonly warnings: string[]
  /** A repository `example.com/a/b` that is at `origin`, and mirrored below `m/`. */
  readonly open: (mirror?: Partial<Mirror>, options?: RegistryClientOptions) => RemoteRepository
  readonly client: (routing: Routing, options?: RegistryClientOptions) => RegistryClient
}

const start = async (): Promise<Peers> => {
  const mirror = await startFaultyRegistry()
  const origin = await startFaultyRegistry()
  const warnings: string[] = []
  const clients: RegistryClient[] = []
  const client = (routing: Routing, options: RegistryClientOptions = {}): RegistryClient => {
    const onWarning = (message: string): void => void warnings.push(message)
    const made = createRegistryClient({ routing, retryDelay: 1, certificateFolders: [], onWarning, ...options })
    clients.push(made)
    return made
  }
  const open = (extra: Partial<Mirror> = {}, options: RegistryClientOptions = {}): RemoteRepository => {
    const place = { domain: origin.host, path: 'a/b' }
    const first: Mirror = { domain: mirror.host, path: 'm/a/b', tags: true, content: true, ...extra }
    const route: Route = { kind: 'places', file: '/x', mirrors: [first], origin: place, push: place }
    // oxlint-disable-next-line require-await
    return client(async () => route, options).repository({ domain: 'example.com', path: 'a/b' })
  }
  const stop = async (): Promise<void> => {
    for (const one of clients) one.close()
    await mirror[Symbol.asyncDispose]()
    await origin[Symbol.asyncDispose]()
  }
  return { mirror, origin, warnings, open, client, [Symbol.asyncDispose]: stop }
}

const rejects = async (work: Promise<unknown>, code: string): Promise<GantryError> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  )
  assert.ok(isGantryError(error), String(error))
  assert.equal(error.code, code, error.message)
  return error
}

const log = ({ requests }: HttpPeer): readonly string[] =>
  requests.filter(({ path }) => path !== '/v2/').map(({ method, path }) => `${method} ${path.slice(0, path.lastIndexOf('/'))}`)

const read = async (repository: RemoteRepository, blob: Descriptor): Promise<Buffer> =>
  await collect(await repository.open(blob), 1_000_000)

test('a mirror is read instead of the registry, which is asked for lists and written to', async () => {
  await using peers = await start()
  const blob = peers.mirror.addBlob('m/a/b', bytes)
  const target = peers.mirror.addManifest('m/a/b', 'v1', manifest)
  peers.origin.addManifest('a/b', 'v0', manifest)
  const repository = peers.open()
  assert.deepEqual(await repository.resolve('example.com/a/b:v1'), target)
  assert.deepEqual(await repository.resolve(target.digest), target)
  assert.equal((await repository.manifest('v1')).bytes.length, target.size)
  assert.deepEqual(await read(repository, blob), bytes)
  assert.deepEqual(await collect(await repository.open(blob, { range: { start: 5, end: 9 } }), 10), bytes.subarray(5, 9))
  assert.deepEqual(log(peers.origin), [])
  assert.deepEqual(await repository.tags(), ['v0'])
  await repository.write(blob, streamOf(bytes))
  await repository.write(target, streamOf((await repository.manifest('v1')).bytes))
  await repository.tag('v2', target)
  assert.ok(peers.origin.blobs.has(`a/b@${blob.digest}`) && peers.origin.tags.has('a/b:v2'))
  assert.ok(peers.mirror.requests.every(({ method }) => method === 'GET' || method === 'HEAD'))
})

test('the registry is read when the mirror lacks something, and the mirror is not asked again', async () => {
  await using peers = await start()
  const target = peers.origin.addManifest('a/b', 'v1', manifest)
  const blob = peers.origin.addBlob('a/b', bytes)
  const repository = peers.open()
  assert.deepEqual(await repository.resolve('v1'), target)
  assert.deepEqual(await read(repository, blob), bytes)
  assert.deepEqual(log(peers.mirror), ['HEAD /v2/m/a/b/manifests', 'GET /v2/m/a/b/manifests'])
  assert.deepEqual(peers.warnings, [])
})

test('the registry is read with a warning when the mirror is down, refuses or fails, and all failures are told when it fails too', async () => {
  const cases: readonly (readonly [(peer: FaultyRegistry) => Promise<void>, RegExp])[] = [
    [async (peer) => await peer[Symbol.asyncDispose](), /^Cannot reach "127\.0\.0\.1:\d+": connection refused$/],
    [
      // oxlint-disable-next-line require-await
      async (peer) => void peer.fault((_request, response) => done(response.writeHead(503).end())),
      /^Cannot pull "example\.com\/a\/b:v1": "127\.0\.0\.1:\d+" answered 503 Service Unavailable$/,
    ],
    [
      // oxlint-disable-next-line require-await
      async (peer) => void peer.fault((_request, response) => done(response.writeHead(403).end())),
      /^pull access denied for example\.com\/a\/b, repository does not exist or may require 'docker login': denied: requested access to the resource is denied$/,
    ],
  ]
  for (const [spoil, message] of cases) {
    await using peers = await start()
    const target = peers.origin.addManifest('a/b', 'v1', manifest)
    await spoil(peers.mirror)
    const repository = peers.open()
    assert.deepEqual(await repository.resolve('v1'), target)
    assert.equal(peers.warnings.length, 1)
    const [, said = ''] =
      /^the mirror "127\.0\.0\.1:\d+" of "example\.com" is left out: (.*)$/.exec(peers.warnings[0] ?? '') ?? []
    assert.match(said, message)
    const error = await rejects(repository.resolve('v9'), 'MANIFEST_UNKNOWN')
    assert.equal(
      error.message,
      `manifest for example.com/a/b:v9 not found: manifest unknown: manifest unknown (before that, mirror "${peers.mirror.host}": ${said})`,
    )
  }
})

test('a blob goes on from the registry where the connection to the mirror broke, verified as a whole', async () => {
  await using peers = await start()
  const blob = peers.mirror.addBlob('m/a/b', bytes)
  peers.origin.addBlob('a/b', bytes)
  let broken = 0
  peers.mirror.fault(({ path, headers }, response) => {
    if (!path.includes('/blobs/')) return false
    if (broken++ > 0 || headers.range !== undefined) return done(response.writeHead(500).end())
    response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 100_000))
    setTimeout(() => response.destroy(), 20)
    return true
  })
  assert.deepEqual(await read(peers.open(), blob), bytes)
  const request = peers.origin.requests.find(({ path }) => path.includes('/blobs/'))
  assert.match(request?.headers.range ?? '', /^bytes=\d{2,}-399999$/)
  assert.equal(peers.warnings.length, 1)
})

test('wrong bytes are refused with the name of the mirror that sent them, which is then left out', async () => {
  await using peers = await start()
  const blob = peers.mirror.addBlob('m/a/b', bytes)
  peers.mirror.blobs.set(`m/a/b@${blob.digest}`, Buffer.from(bytes).fill(0, 0, 9))
  peers.origin.addBlob('a/b', bytes)
  const repository = peers.open()
  const error = await rejects(read(repository, blob), 'MIRROR_MISMATCH')
  assert.ok(error.message.endsWith(`(from the mirror "${peers.mirror.host}")`), error.message)
  assert.equal(peers.warnings.length, 1)
  assert.deepEqual(await read(repository, blob), bytes)
})

test('copy() fetches from the registry what its mirror sent wrong', async () => {
  await using peers = await start()
  await using sink = await temporaryStore()
  const blob = peers.origin.addBlob('a/b', bytes)
  peers.mirror.addBlob('m/a/b', bytes)
  peers.mirror.blobs.set(`m/a/b@${blob.digest}`, Buffer.from(bytes).fill(0, 0, 9))
  await copyBlob(peers.open(), sink.subject, blob, { onEvent: () => undefined })
  assert.deepEqual(await collect(await sink.subject.open(blob), bytes.length), bytes)
  assert.equal(peers.warnings.length, 1)
})

test('a mirror is asked only for what it is for', async () => {
  await using peers = await start()
  const target = peers.mirror.addManifest('m/a/b', 'v1', manifest)
  peers.origin.addManifest('a/b', 'v1', manifest)
  const asked = async (extra: Partial<Mirror>, ...references: readonly string[]): Promise<readonly string[]> => {
    peers.mirror.requests.length = 0
    const repository = peers.open(extra)
    for (const reference of references) await repository.resolve(reference)
    return log(peers.mirror).map((line) => line.split(' ')[0] ?? '')
  }
  assert.deepEqual(await asked({ tags: false }, 'v1'), [])
  assert.deepEqual(await asked({ tags: false }, 'v1', target.digest), ['HEAD'])
  assert.deepEqual(await asked({ content: false }, 'v1', target.digest), ['HEAD'])
  assert.deepEqual(await asked({ content: 'tagged' }, target.digest), [])
  assert.deepEqual(await asked({ content: 'tagged' }, 'v1', target.digest), ['HEAD', 'HEAD'])
})

test("credentials are those of the mirror's own host, and its settings are sent to it alone", async () => {
  await using peers = await start()
  const tokens = await startTokenServer({ users: { ann: 'mirror' } })
  await using guarded = await startFaultyRegistry({ challenge: tokens.challenge })
  const target = guarded.addManifest('a/b', 'v1', manifest)
  const blob = guarded.addBlob('a/b', bytes)
  await using storage = await startFaultyRegistry()
  storage.fault((_request, response) => done(response.end(bytes)))
  guarded.fault(
    ({ path, headers }, response) =>
      path.includes('/blobs/') &&
      headers.authorization !== undefined &&
      done(response.writeHead(307, { location: `${storage.url}/x?sig=1` }).end()),
  )
  const toml = `server = "http://${peers.origin.host}"\n[host."http://${guarded.host}"]\nheader = { x-team = "red" }`
  const asked: unknown[] = []
  const client = peers.client(async (domain, path) => await parseHostsToml(toml, '/c/hosts.toml', domain, path), {
    credentials: {
      // oxlint-disable-next-line require-await
      get: async (domain, path): Promise<Credentials> => {
        asked.push([domain, path])
        return { kind: 'password', username: 'ann', password: domain === guarded.host ? 'mirror' : 'origin' }
      },
    },
  })
  const repository = client.repository({ domain: 'example.com', path: 'a/b' })
  assert.deepEqual(await repository.resolve('v1'), target)
  assert.deepEqual(await read(repository, blob), bytes)
  assert.deepEqual(asked, [[guarded.host, 'a/b']])
  for (const { headers, query, path } of guarded.requests) {
    assert.equal(headers['x-team'], 'red')
    if (path !== '/v2/') assert.equal(query.get('ns'), 'example.com')
  }
  const [elsewhere] = storage.requests
  assert.equal(elsewhere?.headers['x-team'], undefined)
  assert.equal(elsewhere?.headers.authorization, undefined)
  await tokens[Symbol.asyncDispose]()
})

test('a push goes to the registry, or to the host that hosts.toml says takes it', async () => {
  await using peers = await start()
  const blob = describe(bytes, mediaTypes.ociLayer)
  const toml = (capabilities: string): string =>
    `server = "http://${peers.origin.host}"\n[host."http://${peers.mirror.host}"]\ncapabilities = [${capabilities}]`
  for (const [capabilities, peer] of [
    ['"pull", "resolve"', peers.origin],
    ['"pull", "push"', peers.mirror],
  ] as const) {
    const client = peers.client(async (domain, path) => await parseHostsToml(toml(capabilities), '/c/hosts.toml', domain, path))
    const repository = client.repository({ domain: 'example.com', path: 'a/b' }, { mountFrom: [] })
    assert.equal(await repository.has(blob), false)
    await repository.write(blob, streamOf(bytes))
    assert.ok(peer.blobs.has(`a/b@${blob.digest}`))
    peer.blobs.clear()
  }
})

test('what is read elsewhere is looked for and written where it is pushed to', async () => {
  await using peers = await start()
  const blob = peers.mirror.addBlob('moved/b', bytes)
  const route: Route = {
    kind: 'places',
    file: '/x',
    mirrors: [],
    origin: { domain: peers.mirror.host, path: 'moved/b' },
    push: { domain: peers.origin.host, path: 'a/b' },
  }
  // oxlint-disable-next-line require-await
  const repository = peers.client(async () => route).repository({ domain: 'example.com', path: 'a/b' })
  assert.deepEqual(await read(repository, blob), bytes)
  assert.equal(await repository.has(blob), false)
  await repository.write(blob, await repository.open(blob))
  assert.equal(await repository.has(blob), true)
  assert.ok(peers.origin.blobs.has(`a/b@${blob.digest}`))
})

test('a blocked registry is not asked for anything', async () => {
  await using peers = await start()
  // oxlint-disable-next-line require-await
  const client = peers.client(async () => ({ kind: 'blocked', file: '/etc/containers/registries.conf' }))
  const repository = client.repository({ domain: peers.origin.host, path: 'a/b' })
  for (const work of [repository.resolve('v1'), repository.tags(), client.catalog(peers.origin.host)]) {
    const error = await rejects(work, 'REGISTRY_BLOCKED')
    assert.match(
      error.message,
      /^Cannot use "127\.0\.0\.1:\d+(?:\/a\/b)?": its registry is blocked in "\/etc\/containers\/registries\.conf"$/,
    )
  }
  assert.equal(peers.origin.requests.length, 0)
})

test('what a user stops is no failure of a mirror', async () => {
  await using peers = await start()
  peers.mirror.fault(() => true)
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 30)
  const error = await rejects(peers.open().resolve('v1', { signal: controller.signal }), 'CANCELED')
  assert.equal(error.kind, 'canceled')
  assert.deepEqual([log(peers.origin), peers.warnings], [[], []])
})
