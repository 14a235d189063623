import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { describe, emptyDescriptor, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { referrersTag } from '../oci/referrer.ts'
import { startTestRegistry } from '../testing/registry-server.ts'
import type { RegistryRepository } from './interfaces.ts'
import { listReferrers } from './list-referrers.ts'

const put = async (
  repository: RegistryRepository,
  fields: object,
  tags: readonly string[] = [],
  mediaType: string = mediaTypes.ociManifest,
): Promise<Descriptor> => {
  const bytes = encodeJson({ schemaVersion: 2, mediaType, ...fields })
  await repository.putManifest(bytes, describe(bytes, mediaType), tags)
  return describe(bytes, mediaType)
}

const artifact = (fields: object): object => ({
  config: emptyDescriptor,
  layers: [],
  artifactType: 'application/example',
  ...fields,
})

test('referrersTag() truncates as the spec says', () => {
  assert.equal(referrersTag(digestOf('x')), digestOf('x').replace(':', '-'))
  assert.equal(referrersTag(digestOf('x', 'sha512')), `sha512-${digestOf('x', 'sha512').slice(7, 71)}`)
})

test('listReferrers() takes over fallback tags that are older than the record', async () => {
  await using registry = await startTestRegistry()
  const repository = registry.storage.repository('app')
  const subject = await put(repository, artifact({ annotations: { is: 'subject' } }))
  const old = await put(repository, artifact({ subject, annotations: { is: 'old' } }))
  const stranger = await put(repository, artifact({ annotations: { is: 'stranger' } }))
  const entries = [
    { ...old, artifactType: 'application/wrong', annotations: { is: 'a lie' } },
    stranger,
    describe(Buffer.from('absent'), mediaTypes.ociManifest),
    old,
  ]
  await put(repository, { manifests: entries }, [referrersTag(subject.digest)], mediaTypes.ociIndex)
  // as it would be had nobody recorded anything
  await rm(join(registry.folder, 'repositories/app/referrers'), { recursive: true })
  const young = await put(repository, artifact({ subject, annotations: { is: 'young' } }))
  const expected = [
    { ...old, artifactType: 'application/example', annotations: { is: 'old' } },
    { ...young, artifactType: 'application/example', annotations: { is: 'young' } },
  ].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  assert.deepEqual(await listReferrers(repository, subject.digest), expected)
})

test('listReferrers() ignores a fallback tag that is no index', async () => {
  await using registry = await startTestRegistry()
  const repository = registry.storage.repository('app')
  const subject = await put(repository, artifact({}))
  await put(repository, artifact({ annotations: { a: 'b' } }), [referrersTag(subject.digest)])
  assert.deepEqual(await listReferrers(repository, subject.digest), [])
})

test('GET referrers answers pages that are no larger than a manifest may be', async () => {
  await using registry = await startTestRegistry()
  const repository = registry.storage.repository('app')
  const subject = describe(Buffer.from('x'), mediaTypes.ociManifest)
  const pushed: string[] = []
  for (let count = 0; count < 3; count++)
    pushed.push(
      (await put(repository, artifact({ subject, annotations: { count: `${count}`, large: 'x'.repeat(1_500_000) } }))).digest,
    )
  const found: string[] = []
  let path: string | undefined = `/v2/app/referrers/${subject.digest}?artifactType=application/example`
  let pages = 0
  while (path !== undefined) {
    const response: Response = await fetch(registry.url + path)
    const text = await response.text()
    assert.ok(text.length <= 4 << 20)
    assert.equal(response.headers.get('oci-filters-applied'), 'artifactType')
    found.push(...(JSON.parse(text) as { manifests: Descriptor[] }).manifests.map(({ digest }) => digest))
    path = /^<([^>]+)>/.exec(response.headers.get('link') ?? '')?.[1]
    pages++
  }
  assert.equal(pages, 2)
  assert.deepEqual(found, pushed.sort())
})
