import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { streamOf } from '../lib/bytes.ts'
import { isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { describe, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { refuse, startFaultyRegistry, type FaultyRegistry, type FaultyRegistryOptions } from '../testing/faulty-registry.ts'
import { done, startPeer, type HttpPeer } from '../testing/http-peer.ts'
import { about, answering, edited, redirecting, withHeaders, withoutHead, type Misbehaviour } from '../testing/misbehaviour.ts'
import { createRegistryClient } from './client.ts'
import type { RemoteRepository } from './interfaces.ts'

const bytes = randomBytes(30_000)
const layer = describe(bytes, mediaTypes.ociLayer)
const config = Buffer.from('{}')
const manifest = encodeJson({
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: describe(config, mediaTypes.ociEmpty),
  layers: [layer],
})
const target = describe(manifest, mediaTypes.ociManifest)

interface Subject {
  readonly registry: FaultyRegistry
  readonly elsewhere: HttpPeer
  readonly repository: RemoteRepository
}

interface Row {
  readonly misbehaviour: string
  readonly options?: FaultyRegistryOptions
  /** Another repository has the layer. */
  readonly mountable?: boolean
  readonly switches: (elsewhere: HttpPeer) => readonly Misbehaviour[]
  readonly does?: (subject: Subject) => Promise<unknown>
  readonly fails?: readonly [code: string, message: string]
  readonly leaves?: (subject: Subject) => void
}

const upload = async (repository: RemoteRepository, blob: Descriptor = layer, content: Uint8Array = bytes): Promise<void> =>
  // oxlint-disable-next-line require-await
  await repository.writeFrom(blob, async (offset) => streamOf(content.subarray(offset)))

/** Layer, config, manifest, tag, as a push does. */
const push = async ({ repository }: Subject): Promise<void> => {
  if (!(await repository.has(layer)) && !(await repository.mount(layer))) await upload(repository)
  await repository.write(target, streamOf(manifest))
  await repository.tag('v1', target)
}

const isThere = ({ registry }: Subject): void => {
  assert.deepEqual(registry.blobs.get(`a/b@${layer.digest}`), bytes)
  assert.equal(registry.tags.get('a/b:v1'), target.digest)
}

const rows: readonly Row[] = [
  { misbehaviour: 'its locations are absolute', options: { absoluteLocations: true }, switches: () => [] },
  {
    misbehaviour: 'its locations have a query with bytes that must not be written anew',
    switches: () => [
      edited((headers) => {
        const { location } = headers
        return typeof location === 'string' && location.includes('_state')
          ? { ...headers, location: `${location}&x=a+b%2f~(*)` }
          : headers
      }),
    ],
    leaves: (subject) => {
      isThere(subject)
      const put = subject.registry.requests.find(({ method }) => method === 'PUT')
      assert.match(put?.incoming.url ?? '', /_state=a%2Fb%3D&x=a\+b%2f~\(\*\)&digest=sha256:[0-9a-f]{64}$/)
    },
  },
  {
    misbehaviour: 'its location is a query alone',
    switches: () => [
      edited((headers, status) =>
        status === 202 ? { ...headers, location: String(headers['location']).replace(/^.*\?/, '?') } : headers,
      ),
      (registry) =>
        void registry.fault(({ path, method, query }, response) => {
          // relative to where the upload was begun
          if (method !== 'PUT' || !path.endsWith('/uploads/')) return false
          return done(response.writeHead(query.has('digest') && query.get('_state') === 'a/b=' ? 201 : 400).end())
        }),
    ],
    does: async ({ repository }) => await upload(repository),
    leaves: ({ registry }) => assert.equal(registry.requests.at(-1)?.method, 'PUT'),
  },
  {
    misbehaviour: 'it hands uploads to another host',
    switches: (elsewhere) => [
      edited(
        (headers, status) => (status === 202 ? { ...headers, location: `${elsewhere.url}/put?sig=1` } : headers),
        about('uploads', 'POST'),
      ),
      (registry) => void registry.fault((_request, response) => void response.setHeader('x-seen', '1')),
    ],
    does: async ({ repository }) => await upload(repository),
    leaves: ({ elsewhere }) => {
      const [put] = elsewhere.requests
      assert.equal(put?.incoming.url, `/put?sig=1&digest=${layer.digest}`)
      assert.equal(put?.headers.authorization, undefined)
    },
  },
  { misbehaviour: 'it knows no HEAD', switches: () => [withoutHead(405)] },
  { misbehaviour: 'it sends no Docker-Content-Digest', options: { digestHeader: false }, switches: () => [] },
  ...[401, 403, 404, 405, 501].map((status): Row => ({
    mountable: true,
    misbehaviour: `it refuses to mount with ${status}`,
    switches: () => [answering(status, '', {}, ({ query }) => query.has('mount'))],
    leaves: (subject) => {
      isThere(subject)
      // once, and then without
      const posts = subject.registry.requests.filter(({ method }) => method === 'POST').map(({ query }) => query.has('mount'))
      assert.deepEqual(posts, [true, false])
    },
  })),
  {
    mountable: true,
    misbehaviour: 'it mounts something else',
    switches: () => [withHeaders({ 'docker-content-digest': target.digest }, ({ query }) => query.has('mount'))],
  },
  {
    misbehaviour: 'it answers a stored blob with 204',
    switches: () => [edited((headers, status) => ({ ...headers, status: status === 201 ? 204 : status }), about('uploads'))],
  },
  {
    misbehaviour: 'it answers a stored manifest with 200',
    switches: () => [edited((headers, status) => ({ ...headers, status: status === 201 ? 200 : status }), about('manifests'))],
  },
  {
    misbehaviour: 'it moves what has a slash at its end',
    switches: () => [redirecting(308, (path) => path, about('uploads', 'POST'))],
  },
  {
    misbehaviour: 'it gives no location',
    switches: () => [withHeaders({ location: undefined }, about('uploads', 'POST'))],
    fails: ['LOCATION_INVALID', 'Cannot follow "HOST": it gave no valid location'],
  },
  {
    misbehaviour: 'it stores a manifest as something else',
    switches: () => [withHeaders({ 'docker-content-digest': layer.digest }, about('manifests', 'PUT'))],
    fails: [
      'DIGEST_MISMATCH',
      `Cannot push "HOST/a/b@${target.digest}": the registry answered with digest "${layer.digest}" instead of "${target.digest}"`,
    ],
  },
  {
    misbehaviour: 'it lets nobody push, on a page',
    switches: () => [answering(403, '<html>Forbidden</html>', { 'content-type': 'text/html' }, about('uploads'))],
    fails: ['DENIED', 'push access denied for HOST/a/b: denied: requested access to the resource is denied'],
  },
  {
    misbehaviour: 'it wants to have the layers first',
    switches: () => [
      (registry) =>
        void registry.fault(
          (request, response) =>
            about('manifests', 'PUT')(request) && refuse(response, 404, 'MANIFEST_BLOB_UNKNOWN', 'blob unknown to registry'),
        ),
    ],
    fails: ['MANIFEST_BLOB_UNKNOWN', `Cannot push "HOST/a/b@${target.digest}": manifest blob unknown: blob unknown to registry`],
  },
  {
    misbehaviour: 'it has no room',
    switches: () => [answering(507, 'quota exceeded', {}, about('uploads', 'PUT'))],
    fails: ['HTTP_507', `Cannot upload "${layer.digest}" to "HOST/a/b": "HOST" answered 507 Insufficient Storage`],
  },
]

const play = async ({
  options = {},
  switches,
  does = push,
  fails,
  mountable = false,
  leaves = does === push ? isThere : undefined,
}: Row): Promise<void> => {
  await using registry = await startFaultyRegistry(options)
  await using elsewhere = await startPeer(
    async (request, response) => (await request.body(), done(response.writeHead(201).end())),
  )
  if (mountable) registry.addBlob('other', bytes)
  for (const misbehave of switches(elsewhere)) misbehave(registry)
  using client = createRegistryClient({
    retryDelay: 1,
    certificateFolders: [],
    // oxlint-disable-next-line require-await
    credentials: { get: async () => ({ kind: 'password', username: 'ann', password: 'x' }) },
  })
  const repository = client.repository({ domain: registry.host, path: 'a/b' }, { mountFrom: ['other'] })
  const subject = { registry, elsewhere, repository }
  if (fails === undefined) {
    await does(subject)
    leaves?.(subject)
    return
  }
  await assert.rejects(does(subject), (error) => {
    assert.ok(isGantryError(error), String(error))
    assert.deepEqual([error.code, error.message.replaceAll(registry.host, 'HOST')], [...fails])
    return true
  })
}

for (const row of rows) test(`a registry is written to as well as can be: ${row.misbehaviour}`, async () => await play(row))
