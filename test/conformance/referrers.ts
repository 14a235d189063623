import assert from 'node:assert/strict'
import { digestOf, ociIndex, ociManifest, type Repository } from './client.ts'
import type { Define } from './suite.ts'

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

interface Entry extends Descriptor {
  readonly artifactType?: string
  readonly annotations?: Readonly<Record<string, string>>
}

const list = async (
  repository: Repository,
  digest: string,
  query = '',
): Promise<{ readonly entries: readonly Entry[]; readonly response: Response }> => {
  const response = await repository.send('GET', `referrers/${digest}${query}`, 200)
  assert.equal(response.headers.get('content-type'), ociIndex)
  const body = (await response.json()) as {
    readonly schemaVersion: number
    readonly mediaType: string
    readonly manifests: readonly Entry[]
  }
  assert.deepEqual([body.schemaVersion, body.mediaType], [2, ociIndex])
  return { entries: body.manifests, response }
}

const sorted = (entries: readonly Entry[]): readonly Entry[] => [...entries].sort((a, b) => (a.digest < b.digest ? -1 : 1))

/** Pushes a manifest with a subject, and expects OCI-Subject. */
const refer = async (repository: Repository, subject: Descriptor, fields: object): Promise<Entry> => {
  const { bytes } = await repository.manifest({ subject, ...fields })
  const response = await repository.put(digestOf(bytes), bytes, ociManifest)
  assert.equal(response.headers.get('oci-subject'), subject.digest)
  return { mediaType: ociManifest, digest: digestOf(bytes), size: bytes.length }
}

/** §Pushing Manifests with Subject, §Listing Referrers, §Referrers Tag Schema, §Enabling the Referrers API. */
export const referrerTests = (define: Define): void => {
  define(
    'referrers carry artifactType and annotations, of manifests and indexes',
    async (repository) => {
      const { bytes, digest } = await repository.image('x')
      const subject = { mediaType: ociManifest, digest, size: bytes.length }
      const typed = await refer(repository, subject, { artifactType: 'application/example.sbom', annotations: { a: 'b' } })
      const plain = await refer(repository, subject, {})
      const indexBytes = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [], subject, annotations: { c: 'd' } }),
      )
      const response = await repository.put('with-subject', indexBytes, ociIndex)
      assert.equal(response.headers.get('oci-subject'), digest)
      const expected = [
        { ...typed, artifactType: 'application/example.sbom', annotations: { a: 'b' } },
        { ...plain, artifactType: 'application/vnd.oci.image.config.v1+json' },
        { mediaType: ociIndex, digest: digestOf(indexBytes), size: indexBytes.length, annotations: { c: 'd' } },
      ]
      assert.deepEqual(sorted((await list(repository, digest)).entries), sorted(expected))
      const filtered = await list(repository, digest, '?artifactType=application/example.sbom')
      assert.deepEqual(filtered.entries, [expected[0]])
      assert.equal(filtered.response.headers.get('oci-filters-applied'), 'artifactType')
      assert.deepEqual((await list(repository, digest, '?artifactType=')).entries, [expected[2]])
      assert.deepEqual((await list(repository, digest, `?artifactType=${encodeURIComponent('application/none')}`)).entries, [])
    },
    'referrers',
  )

  define(
    'the subject may come later, or never',
    async (repository) => {
      const { bytes } = await repository.manifest({ annotations: { later: 'yes' } })
      const digest = digestOf(bytes)
      const { digest: referrer } = await refer(repository, { mediaType: ociManifest, digest, size: bytes.length }, {})
      assert.deepEqual(
        (await list(repository, digest)).entries.map((entry) => entry.digest),
        [referrer],
      )
      await repository.put('x', bytes, ociManifest)
      assert.deepEqual(
        (await list(repository, digest)).entries.map((entry) => entry.digest),
        [referrer],
      )
    },
    'referrers',
  )

  define(
    'no referrers are an empty index, and a bad digest is 400',
    async (repository) => {
      assert.deepEqual((await list(repository, digestOf('nothing'))).entries, [])
      await repository.image('x')
      assert.deepEqual((await list(repository, digestOf('nothing'))).entries, [])
      for (const digest of ['sha256:baddigeststring', 'latest']) await repository.send('GET', `referrers/${digest}`, 400)
    },
    'referrers',
  )

  define(
    'a referrer that is deleted is no longer listed; one whose subject is deleted is',
    async (repository) => {
      const { bytes, digest } = await repository.image('x')
      const subject = { mediaType: ociManifest, digest, size: bytes.length }
      const [first, second] = [await refer(repository, subject, {}), await refer(repository, subject, {})]
      await repository.send('DELETE', `manifests/${first.digest}`, 202)
      await repository.send('DELETE', `manifests/${digest}`, 202)
      assert.deepEqual(
        (await list(repository, digest)).entries.map((entry) => entry.digest),
        [second.digest],
      )
    },
    'referrers',
  )

  define(
    'a fallback tag lists nothing that does not refer itself, and nothing twice',
    async (repository) => {
      const { bytes, digest } = await repository.image('x')
      const subject = { mediaType: ociManifest, digest, size: bytes.length }
      const real = await refer(repository, subject, {})
      const other = await repository.image('y')
      const entries = [
        real,
        { mediaType: ociManifest, digest: other.digest, size: other.bytes.length, artifactType: 'application/lie' },
      ]
      await repository.put(
        digest.replace(':', '-'),
        JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: entries }),
        ociIndex,
      )
      assert.deepEqual(
        (await list(repository, digest)).entries.map((entry) => entry.digest),
        [real.digest],
      )
    },
    'referrers',
  )

  define(
    'referrers page by n',
    async (repository) => {
      const subject = { mediaType: ociManifest, digest: digestOf(repository.name), size: 1 }
      for (let count = 0; count < 3; count++) await refer(repository, subject, { artifactType: 'application/example' })
      const { entries: all } = await list(repository, subject.digest)
      const first = await list(repository, subject.digest, '?n=2&artifactType=application/example')
      const next = /^<([^>]+)>; rel="next"$/.exec(first.response.headers.get('link') ?? '')?.[1]
      assert.ok(next)
      const second = await list(repository, subject.digest, next.slice(next.indexOf('?')))
      assert.deepEqual([...first.entries, ...second.entries], all)
      assert.equal(second.response.headers.get('link'), null)
    },
    'referrers',
  )
}
