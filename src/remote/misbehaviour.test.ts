import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { collect } from '../lib/bytes.ts'
import { isGantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { describe, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { startFaultyRegistry, type FaultyRegistry } from '../testing/faulty-registry.ts'
import {
  about,
  answering,
  answeringFirst,
  edited,
  listing,
  packed,
  redirecting,
  withHeaders,
  withoutHead,
  withoutLength,
  withoutRanges,
  type Misbehaviour,
} from '../testing/misbehaviour.ts'
import { createRegistryClient } from './client.ts'
import type { RegistryClient, RemoteRepository } from './interfaces.ts'

const bytes = randomBytes(50_000)
const config = Buffer.from('{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}')
const configDescriptor = { ...describe(config, mediaTypes.ociConfig) }
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: configDescriptor, layers: [] }
const { mediaType: _mediaType, ...untyped } = manifest

interface Subject {
  readonly registry: FaultyRegistry
  readonly client: RegistryClient
  readonly repository: RemoteRepository
  readonly target: Descriptor
  readonly layer: Descriptor
}

interface Row {
  readonly misbehaviour: string
  readonly switches: readonly Misbehaviour[]
  readonly does: (subject: Subject) => Promise<unknown>
  /** What `does` answers; with `fails`, the code and the message, where HOST stands for the registry's. */
  readonly gives?: (subject: Subject) => unknown
  readonly fails?: readonly [code: string, message: string, hint?: string]
  /** The requests, but for `/v2/`. */
  readonly requests?: string
  readonly warnings?: readonly string[]
}

const resolve = async ({ repository }: Subject): Promise<unknown> => await repository.resolve('v1')
const target = ({ target: expected }: Subject): unknown => expected
const readLayer = async ({ repository, layer }: Subject): Promise<Buffer> => await collect(await repository.open(layer), 100_000)
const readConfig = async ({ repository }: Subject): Promise<string> =>
  String(await collect(await repository.open(configDescriptor), 100_000))
const tags = async ({ repository }: Subject): Promise<unknown> => await repository.tags()
const head = about('manifests', 'HEAD')
const page = '<html><head><title>Sign in</title></head></html>'
const other = `sha256:${'0'.repeat(64)}`
const unchanged = (): Buffer => bytes

const pulls: readonly Row[] = [
  ...([404, 405, 501] as const).map((status): Row => ({
    misbehaviour: `it answers HEAD with ${status}`,
    switches: [withoutHead(status)],
    does: resolve,
    gives: target,
    requests: 'HEAD v1, GET v1',
  })),
  {
    misbehaviour: 'it knows no HEAD of blobs',
    switches: [withoutHead(405)],
    does: async ({ repository, layer }) => [
      await repository.has(layer),
      await repository.has({ ...layer, digest: other as Descriptor['digest'] }),
    ],
    gives: () => [true, false],
  },
  {
    misbehaviour: 'it sends no Docker-Content-Digest',
    switches: [withHeaders({ 'docker-content-digest': undefined })],
    does: resolve,
    gives: target,
    requests: 'HEAD v1, GET v1',
  },
  {
    misbehaviour: 'it sends a Docker-Content-Digest that is none',
    switches: [withHeaders({ 'docker-content-digest': '"x"' })],
    does: resolve,
    gives: target,
  },
  {
    misbehaviour: 'it sends a wrong Docker-Content-Digest',
    switches: [withHeaders({ 'docker-content-digest': other })],
    does: async ({ repository }) => await repository.manifest('v1'),
    fails: [
      'DIGEST_MISMATCH',
      `Cannot pull "HOST/a/b:v1": the registry answered with digest "${describe(encodeJson(manifest), '').digest}" instead of "${other}"`,
    ],
  },
  {
    misbehaviour: 'it sends a wrong Docker-Content-Digest with the bytes of the digest that it was asked for',
    switches: [withHeaders({ 'docker-content-digest': other }, about('manifests', 'GET'))],
    does: async ({ repository, target: { digest } }) => (await repository.manifest(digest)).descriptor,
    gives: target,
  },
  {
    misbehaviour: 'it sends another Content-Type than the manifest is of',
    switches: [withHeaders({ 'content-type': 'text/plain; charset=utf-8' })],
    does: resolve,
    gives: target,
  },
  {
    misbehaviour: 'its manifest says no mediaType, and the Content-Type is that of an artifact',
    switches: [],
    does: async ({ registry, repository }) => {
      registry.addManifest('a/b', 'v2', untyped)
      return (await repository.manifest('v2')).descriptor.mediaType
    },
    gives: () => mediaTypes.ociManifest,
  },
  {
    misbehaviour: 'it answers with the page of a proxy',
    switches: [answering(200, page, { 'content-type': 'text/html' })],
    does: resolve,
    fails: [
      'JSON_INVALID',
      'Cannot pull "HOST/a/b:v1": Cannot parse manifest: it is not valid JSON',
      'is "HOST" a registry? It answered with a web page',
    ],
  },
  {
    misbehaviour: 'it answers errors with a page',
    switches: [answering(404, page, { 'content-type': 'text/html' })],
    does: resolve,
    fails: ['HTTP_404', 'manifest for HOST/a/b:v1 not found: "HOST" answered 404 Not Found'],
  },
  {
    misbehaviour: 'it answers errors with nothing',
    switches: [answering(400, '')],
    does: async ({ repository }) => await repository.manifest('v1'),
    fails: ['HTTP_400', 'Cannot pull "HOST/a/b:v1": "HOST" answered 400 Bad Request'],
  },
  {
    misbehaviour: 'it answers errors with JSON of another shape',
    switches: [answering(400, '{"errors":{"code":1}}')],
    does: async ({ repository }) => await repository.manifest('v1'),
    fails: ['HTTP_400', 'Cannot pull "HOST/a/b:v1": "HOST" answered 400 Bad Request'],
  },
  {
    misbehaviour: 'it answers with nothing',
    switches: [answering(200, '')],
    does: async ({ repository }) => await repository.manifest('v1'),
    fails: ['JSON_INVALID', 'Cannot pull "HOST/a/b:v1": Cannot parse manifest: it is not valid JSON'],
  },
  {
    misbehaviour: 'it sends warnings',
    switches: [withHeaders({ warning: ['299 - "moving, \\"soon\\""', '110 x "stale"', '299 - "moving, \\"soon\\""'] })],
    does: async (subject) => (await resolve(subject), await resolve(subject)),
    gives: target,
    warnings: ['moving, "soon"'],
  },
  ...(['gzip', 'x-gzip', 'deflate', 'br', 'zstd'] as const).map((coding): Row => ({
    misbehaviour: `it packs manifests, configs and lists with ${coding}`,
    switches: [packed(coding)],
    does: async (subject) => [await resolve(subject), await readConfig(subject), await tags(subject)],
    gives: (subject) => [subject.target, String(config), ['v1']],
  })),
  {
    misbehaviour: 'it says of a layer that it is packed with gzip, as it is by itself',
    switches: [withHeaders({ 'content-encoding': 'gzip' }, about('blobs'))],
    does: readLayer,
    gives: unchanged,
  },
  {
    misbehaviour: 'it packs in a way that nobody knows',
    switches: [withHeaders({ 'content-encoding': 'snappy' })],
    does: async ({ repository }) => await repository.manifest('v1'),
    fails: ['ENCODING_INVALID', 'Cannot read the answer of "HOST": it is packed in a way that was not asked for'],
  },
  {
    misbehaviour: 'it says that something is packed and sends it as it is',
    switches: [withHeaders({ 'content-encoding': 'gzip' })],
    does: async ({ repository }) => await repository.manifest('v1'),
    fails: ['ENCODING_INVALID', 'Cannot read the answer of "HOST": it is damaged'],
  },
  {
    misbehaviour: 'it sends no lengths',
    switches: [withoutLength],
    does: async (subject) => [await resolve(subject), await readLayer(subject)],
    gives: (subject) => [subject.target, bytes],
  },
  {
    misbehaviour: 'it sends all where a range was asked for',
    switches: [withoutRanges],
    does: async ({ repository, layer }) => await collect(await repository.open(layer, { range: { start: 9, end: 12 } }), 10),
    gives: () => bytes.subarray(9, 12),
  },
  {
    misbehaviour: 'it moves what has no slash at its end',
    switches: [
      redirecting(301, (path) => `${path}/`, about('tags')),
      answering(200, '{"tags":["v1"]}', {}, ({ path }) => path.endsWith('/list/')),
    ],
    does: tags,
    gives: () => ['v1'],
  },
  {
    misbehaviour: 'it has a page for /v2/ that needs a password, and lets everyone pull',
    switches: [answering(401, '', { 'www-authenticate': 'Basic realm="x"' }, ({ path }) => path === '/v2/')],
    does: resolve,
    gives: target,
  },
  {
    misbehaviour: 'it is overloaded for a moment',
    switches: [answeringFirst(2, 503, { 'retry-after': '0' }, about('manifests', 'GET')), withoutHead(405)],
    does: resolve,
    gives: target,
  },
  {
    misbehaviour: 'it says for how long there have been too many requests, in seconds',
    switches: [answering(429, '', { 'retry-after': '7200' }, about('manifests', 'GET')), withoutHead(405)],
    does: resolve,
    fails: [
      'TOOMANYREQUESTS',
      'Cannot pull "HOST/a/b:v1": toomanyrequests: too many requests',
      'wait 2 hours, or log in for a higher limit: gantry login HOST',
    ],
  },
  {
    misbehaviour: 'it says when there will be fewer requests, as a date gone by',
    switches: [answeringFirst(1, 429, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, head)],
    does: resolve,
    gives: target,
    requests: 'HEAD v1, HEAD v1',
  },
  {
    misbehaviour: 'it has nearly no pulls left',
    switches: [withHeaders({ 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '9;w=21600' })],
    does: async (subject) => (await resolve(subject), await resolve(subject)),
    gives: target,
    warnings: ['of 100 pulls in 6 hours, which "HOST" allows, 9 are left'],
  },
  {
    misbehaviour: 'it has no pulls left, and does not say for how long',
    switches: [answering(429, '', { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' })],
    does: resolve,
    fails: [
      'TOOMANYREQUESTS',
      'Cannot pull "HOST/a/b:v1": toomanyrequests: too many requests',
      'the limit is 100 pulls in 6 hours; wait, or log in for a higher limit: gantry login HOST',
    ],
    requests: 'HEAD v1',
  },
]

const lists: readonly Row[] = [
  { misbehaviour: 'its tags are null', switches: [listing({ name: 'a/b', tags: null })], does: tags, gives: () => [] },
  { misbehaviour: 'its tags are numbers', switches: [listing({ tags: [1, 'v1'] })], does: tags, gives: () => ['v1'] },
  {
    misbehaviour: 'its list is none',
    switches: [answering(200, page)],
    does: tags,
    fails: ['JSON_INVALID', 'Cannot list the tags of "HOST/a/b": the list is not valid JSON'],
  },
  ...['</v2/a/b/tags/list?last=x>; rel=next', '<?last=x>; rel="prev next"', 'ABSOLUTE'].map((link): Row => ({
    misbehaviour: `its next page is at ${link}`,
    switches: [
      (registry) =>
        registry.fault(({ query, path, headers }, response) => {
          if (!path.endsWith('/tags/list')) return false
          const next = link.replace('ABSOLUTE', `<http://${headers.host}${path}?last=x>; rel="next"`)
          if (!query.has('last')) response.setHeader('link', next)
          response.end(JSON.stringify({ tags: [query.get('last') ?? 'v1'] }))
          return true
        }),
    ],
    does: tags,
    gives: () => ['v1', 'x'],
  })),
  {
    misbehaviour: 'its pages lead in a circle',
    switches: [listing({ tags: ['x'] }, '</v2/a/b/tags/list?last=x>; rel="next"')],
    does: tags,
    fails: ['LIST_ENDLESS', `Cannot list the tags of "HOST/a/b": the registry's list does not end`],
  },
  {
    misbehaviour: 'its next page is elsewhere over no http',
    switches: [listing({ tags: ['x'] }, '<file:///etc/passwd>; rel="next"')],
    does: tags,
    fails: ['LOCATION_INVALID', 'Cannot follow "HOST": it gave no valid location'],
  },
  {
    misbehaviour: 'it shows nobody its catalog',
    switches: [answering(401, '{"errors":[{"code":"UNAUTHORIZED","message":"admins only"}]}')],
    does: async ({ client, registry }) => await client.catalog(registry.host),
    fails: ['UNAUTHORIZED', 'Cannot list the repositories of "HOST": unauthorized: admins only', 'log in: gantry login HOST'],
  },
  {
    misbehaviour: 'it has no catalog',
    switches: [],
    does: async ({ client, registry }) => await client.catalog(registry.host),
    fails: ['HTTP_404', 'Cannot list the repositories of "HOST": "HOST" answered 404 Not Found'],
  },
]

const kept = [edited((headers, status) => ({ ...headers, status }))] // nothing changes

const play = async ({ switches, does, gives, fails, requests, warnings }: Row): Promise<void> => {
  await using registry = await startFaultyRegistry()
  const layer = registry.addBlob('a/b', bytes)
  registry.blobs.set(`a/b@${configDescriptor.digest}`, config)
  const descriptor = registry.addManifest('a/b', 'v1', manifest)
  for (const misbehave of [...kept, ...switches]) misbehave(registry)
  const heard: string[] = []
  const onWarning = (message: string): void => void heard.push(message)
  using client = createRegistryClient({ retryDelay: 1, certificateFolders: [], onWarning })
  const repository = client.repository({ domain: registry.host, path: 'a/b' })
  const subject = { registry, client, repository, target: descriptor, layer }
  const named = (text: string): string => text.replaceAll(registry.host, 'HOST')
  if (fails === undefined) assert.deepEqual(await does(subject), gives?.(subject))
  else
    await assert.rejects(does(subject), (error) => {
      assert.ok(isGantryError(error), String(error))
      const [code, message, hint] = fails
      assert.deepEqual([error.code, named(error.message)], [code, message])
      if (hint !== undefined) assert.equal(named(error.hint ?? ''), hint)
      return true
    })
  const log = registry.requests
    .filter(({ path }) => path !== '/v2/')
    .map(({ method, path }) => `${method} ${path.split('/').at(-1)}`)
  if (requests !== undefined) assert.equal(log.join(', '), requests)
  assert.deepEqual(heard.map(named), warnings ?? [])
}

for (const row of [...pulls, ...lists])
  test(`a registry is read as well as can be: ${row.misbehaviour}`, async () => await play(row))
