import assert from 'node:assert/strict'
import { test } from 'node:test'
import { streamOf } from '../lib/bytes.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { describe, emptyDescriptor, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { referrersTag } from '../oci/referrer.ts'
import { startFaultyRegistry, type FaultyRegistry } from '../testing/faulty-registry.ts'
import { answerJson, done } from '../testing/http-peer.ts'
import { about, withHeaders } from '../testing/misbehaviour.ts'
import { createRegistryClient } from './client.ts'
import type { RemoteRepository } from './interfaces.ts'

const open = (registry: FaultyRegistry): Disposable & { readonly repository: RemoteRepository } => {
  const client = createRegistryClient({ retryDelay: 1, certificateFolders: [] })
  return { repository: client.repository({ domain: registry.host, path: 'a/b' }), [Symbol.dispose]: () => client.close() }
}

const subject = describe(Buffer.from('subject'), mediaTypes.ociManifest)
const entry = (text: string, artifactType: string): Descriptor => ({
  ...describe(Buffer.from(text), mediaTypes.ociManifest),
  artifactType,
})
const index = (manifests: readonly Descriptor[]): object => ({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })

test('referrers() follows pages, and filters by itself whatever OCI-Filters-Applied says', async () => {
  await using registry = await startFaultyRegistry()
  const [first, second] = [entry('1', 'application/x.sig'), entry('2', 'application/x.sbom')]
  const asked: string[] = []
  registry.fault(({ path, query }, response) => {
    if (!path.startsWith('/v2/a/b/referrers/')) return false
    asked.push(String(query))
    const more = query.has('page')
    const link = { link: `<${path}?page=2>; rel="next"`, 'oci-filters-applied': 'artifactType' }
    return done(answerJson(response, 200, index(more ? [second] : [first]), more ? {} : link))
  })
  using client = open(registry)
  assert.deepEqual(await client.repository.referrers(subject.digest), [first, second])
  assert.deepEqual(await client.repository.referrers(subject.digest, { artifactType: 'application/x.sbom' }), [second])
  assert.deepEqual(asked, ['', 'page=2', 'artifactType=application%2Fx.sbom', 'page=2'])
})

test('referrers() takes the type from the manifest when the list is kept under a tag', async () => {
  await using registry = await startFaultyRegistry({ referrers: false })
  using client = open(registry)
  const manifest = registry.addManifest('a/b', undefined, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType: 'application/x.true',
    config: emptyDescriptor,
    layers: [emptyDescriptor],
    subject,
  })
  const gone = entry('gone', 'application/x.gone')
  // GHCR writes the config's type there
  registry.addManifest(
    'a/b',
    referrersTag(subject.digest),
    index([{ ...manifest, artifactType: mediaTypes.ociEmpty }, gone]),
    mediaTypes.ociIndex,
  )
  assert.deepEqual(await client.repository.referrers(subject.digest), [{ ...manifest, artifactType: 'application/x.true' }, gone])
  assert.deepEqual(await client.repository.referrers(describe(encodeJson({}), '').digest), [], 'no list is none')
})

test('write() keeps the list under a tag unless the registry says OCI-Subject, whatever it answers to a query', async () => {
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: emptyDescriptor,
    layers: [emptyDescriptor],
    subject,
  })
  for (const says of [false, true]) {
    await using registry = await startFaultyRegistry({ referrers: !says })
    withHeaders({ 'oci-subject': says ? subject.digest : undefined }, about('manifests', 'PUT'))(registry)
    using client = open(registry)
    await client.repository.write(describe(bytes, mediaTypes.ociManifest), streamOf(bytes))
    assert.deepEqual([...registry.tags.keys()], says ? [] : [`a/b:${referrersTag(subject.digest)}`])
  }
})
