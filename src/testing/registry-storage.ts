import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { collect, streamOf, type ByteStream } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf, type Digest, type DigestAlgorithm } from '../oci/digest.ts'
import { describe as describeBytes, emptyDescriptor, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import type { RegistryRepository, RegistryStorage } from '../registry/interfaces.ts'

/** A storage that is empty at first. Disposing removes all of it. */
export interface StorageFixture extends AsyncDisposable {
  readonly storage: RegistryStorage
  /** Another storage over the same data, as a second process or the next start has it. The fixture disposes of it too. */
  readonly reopen: () => Promise<RegistryStorage>
}

const bytesOf = (text: string): Buffer => Buffer.from(text)

const upload = async (repository: RegistryRepository, bytes: Uint8Array, algorithm?: DigestAlgorithm): Promise<Digest> => {
  const begun = await repository.beginUpload()
  await begun.append(streamOf(bytes))
  return (await begun.commit(digestOf(bytes, algorithm))).digest
}

const read = async (repository: RegistryRepository, digest: Digest): Promise<string> =>
  (await collect(await repository.openBlob(digest), 1 << 20)).toString()

const manifestOf = (fields: object): { readonly bytes: Buffer; readonly descriptor: Descriptor } => {
  const bytes = encodeJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: emptyDescriptor,
    layers: [],
    ...fields,
  })
  return { bytes, descriptor: describeBytes(bytes, mediaTypes.ociManifest) }
}

const put = async (repository: RegistryRepository, fields: object, tags: readonly string[] = []): Promise<Descriptor> => {
  const { bytes, descriptor } = manifestOf(fields)
  await repository.putManifest(bytes, descriptor, tags)
  return descriptor
}

async function* breaking(...chunks: readonly Uint8Array[]): ByteStream {
  yield* chunks
  throw new GantryError('canceled', 'CONNECTION_LOST', 'Cannot read: the connection is lost')
}

/** What every implementation of RegistryStorage promises. Each test opens a storage of its own. */
export const testRegistryStorage = (name: string, open: () => Promise<StorageFixture>): void => {
  const check = (title: string, body: (fixture: StorageFixture, repository: RegistryRepository) => Promise<void>): void =>
    void test(title, async () => {
      await using fixture = await open()
      await body(fixture, fixture.storage.repository('library/app'))
    })
  void describe(`${name} as a RegistryStorage`, () => {
    describeBlobs(check)
    describeUploads(check)
    describeManifests(check)
    describeListings(check)
  })
}

type Check = (title: string, body: (fixture: StorageFixture, repository: RegistryRepository) => Promise<void>) => void

const describeBlobs = (check: Check): void => {
  check('a blob is visible only in the repository that has it', async ({ storage }, repository) => {
    const digest = await upload(repository, bytesOf('one'))
    assert.deepEqual(await repository.blob(digest), { size: 3 })
    assert.equal(await read(repository, digest), 'one')
    const other = storage.repository('library/other')
    assert.equal(await other.blob(digest), undefined)
    await assert.rejects(other.openBlob(digest), { kind: 'not_found', code: 'BLOB_UNKNOWN' })
  })

  check('openBlob() reads a range', async (_, repository) => {
    const digest = await upload(repository, bytesOf('0123456789'))
    for (const [start, end, expected] of [
      [2, 5, '234'],
      [8, undefined, '89'],
      [0, 100, '0123456789'],
      [3, 3, ''],
    ] as const) {
      const stream = await repository.openBlob(digest, { start, ...(end === undefined ? {} : { end }) })
      assert.equal((await collect(stream, 100)).toString(), expected)
    }
  })

  check(
    'mount() makes a blob visible, and answers false for one that the source does not have',
    async ({ storage }, repository) => {
      const digest = await upload(repository, bytesOf('one'))
      const other = storage.repository('other')
      assert.equal(await other.mount(digest, 'library/app'), true)
      assert.equal(await other.mount(digest, 'library/app'), true)
      assert.equal(await read(other, digest), 'one')
      assert.equal(await other.mount(digestOf('two'), 'library/app'), false)
      assert.equal(await other.mount(digest, 'library/none'), false)
    },
  )

  check('deleteBlob() hides a blob in one repository only', async ({ storage }, repository) => {
    const digest = await upload(repository, bytesOf('one'))
    const other = storage.repository('other')
    await other.mount(digest, 'library/app')
    assert.equal(await repository.deleteBlob(digest), true)
    assert.equal(await repository.deleteBlob(digest), false)
    assert.equal(await repository.blob(digest), undefined)
    assert.equal(await read(other, digest), 'one')
    await upload(repository, bytesOf('one'))
    assert.equal(await read(repository, digest), 'one')
  })

  check('a blob of no bytes and one by sha512 are blobs like others', async (_, repository) => {
    const empty = await upload(repository, Buffer.alloc(0))
    assert.deepEqual(await repository.blob(empty), { size: 0 })
    const digest = await upload(repository, bytesOf('one'), 'sha512')
    assert.equal(digest, digestOf('one', 'sha512'))
    assert.equal(await read(repository, digest), 'one')
  })
}

const describeUploads = (check: Check): void => {
  check('an upload goes on in another storage over the same data', async ({ reopen }, repository) => {
    const begun = await repository.beginUpload()
    await begun.append(streamOf(bytesOf('one ')))
    assert.equal(begun.offset, 4)
    const again = (await reopen()).repository('library/app')
    const resumed = await again.resumeUpload(begun.id)
    assert.equal(resumed.offset, 4)
    await resumed.append(streamOf(bytesOf('two ')))
    // and back
    const third = await repository.resumeUpload(begun.id)
    assert.equal(third.offset, 8)
    await third.append(streamOf(bytesOf('three')))
    const { digest, size } = await third.commit(digestOf('one two three'))
    assert.equal(size, 13)
    assert.equal(await read(repository, digest), 'one two three')
    assert.equal(await read(again, digest), 'one two three')
    await assert.rejects(repository.resumeUpload(begun.id), { kind: 'not_found', code: 'BLOB_UPLOAD_UNKNOWN' })
  })

  check('append() keeps what came before its stream failed', async (_, repository) => {
    const begun = await repository.beginUpload()
    await assert.rejects(begun.append(breaking(bytesOf('on'), bytesOf('e '))), { code: 'CONNECTION_LOST' })
    const resumed = await repository.resumeUpload(begun.id)
    assert.equal(resumed.offset, 4)
    await resumed.append(streamOf(bytesOf('two')))
    await resumed.commit(digestOf('one two'))
    assert.equal(await read(repository, digestOf('one two')), 'one two')
  })

  check('commit() refuses bytes of another digest and ends the upload', async (_, repository) => {
    const begun = await repository.beginUpload()
    await begun.append(streamOf(bytesOf('one')))
    await assert.rejects(begun.commit(digestOf('two')), { kind: 'invalid_argument', code: 'DIGEST_INVALID' })
    assert.equal(await repository.blob(digestOf('one')), undefined)
    assert.equal(await repository.blob(digestOf('two')), undefined)
    await assert.rejects(repository.resumeUpload(begun.id), { code: 'BLOB_UPLOAD_UNKNOWN' })
  })

  check('commit() takes another algorithm than the upload began with', async (_, repository) => {
    for (const [begin, end] of [
      ['sha256', 'sha512'],
      ['sha512', 'sha256'],
      ['sha512', 'sha512'],
    ] as const) {
      const bytes = bytesOf(`${begin} ${end}`)
      const begun = await repository.beginUpload({ algorithm: begin })
      await begun.append(streamOf(bytes.subarray(0, 3)))
      await begun.append(streamOf(bytes.subarray(3)))
      const { digest } = await begun.commit(digestOf(bytes, end))
      assert.equal(await read(repository, digest), bytes.toString())
    }
  })

  check('abort() ends an upload, also while bytes arrive', async (_, repository) => {
    const begun = await repository.beginUpload()
    const halfway = Promise.withResolvers<void>()
    const aborted = Promise.withResolvers<void>()
    async function* slow(): ByteStream {
      yield bytesOf('one')
      halfway.resolve()
      await aborted.promise
      yield bytesOf('two')
    }
    const appending = begun.append(slow()).catch(() => undefined)
    await halfway.promise
    await (await repository.resumeUpload(begun.id)).abort()
    aborted.resolve()
    await appending
    await assert.rejects(repository.resumeUpload(begun.id), { code: 'BLOB_UPLOAD_UNKNOWN' })
    await assert.rejects(begun.commit(digestOf('onetwo')), { code: 'BLOB_UPLOAD_UNKNOWN' })
  })

  check('two uploads of one blob at once both succeed', async (_, repository) => {
    const bytes = Buffer.alloc(300_000, 'x')
    const digests = await Promise.all(Array.from({ length: 8 }, () => upload(repository, bytes)))
    assert.deepEqual(new Set(digests), new Set([digestOf(bytes)]))
    assert.deepEqual(await repository.blob(digestOf(bytes)), { size: 300_000 })
  })

  check('a second request at work on an upload is refused', async (_, repository) => {
    const begun = await repository.beginUpload()
    const release = Promise.withResolvers<void>()
    async function* slow(): ByteStream {
      yield bytesOf('one')
      await release.promise
    }
    const appending = begun.append(slow())
    const rival = await repository.resumeUpload(begun.id)
    await assert.rejects(rival.append(streamOf(bytesOf('two'))), { kind: 'conflict' })
    await assert.rejects(rival.commit(digestOf('one')), { kind: 'conflict' })
    release.resolve()
    await appending
    await (await repository.resumeUpload(begun.id)).commit(digestOf('one'))
  })

  check('an upload belongs to its repository, and its id is no path', async ({ storage }, repository) => {
    const { id } = await repository.beginUpload()
    for (const [name, other] of [
      ['other', id],
      ['library/app', `../uploads/${id}`],
      ['library/app', '..'],
      ['library/app', ''],
      ['library/app', id.toUpperCase()],
    ] as const)
      await assert.rejects(storage.repository(name).resumeUpload(other), { kind: 'not_found', code: 'BLOB_UPLOAD_UNKNOWN' })
  })
}

const describeManifests = (check: Check): void => {
  check('a manifest is kept byte for byte, by digest and tags', async ({ reopen }, repository) => {
    const bytes = bytesOf(`{"schemaVersion":2,\r\n "config":${JSON.stringify(emptyDescriptor)},"layers":[], "x": 1e3}\n\n`)
    const descriptor = describeBytes(bytes, mediaTypes.ociManifest)
    await repository.putManifest(bytes, descriptor, ['v1', 'Latest'])
    for (const each of [repository, (await reopen()).repository('library/app')])
      for (const reference of [descriptor.digest, 'v1', 'Latest']) {
        const found = await each.manifest(reference)
        assert.deepEqual(found?.descriptor, descriptor)
        assert.deepEqual(found.bytes, bytes)
      }
    assert.equal(await repository.manifest('latest'), undefined)
    assert.equal(await repository.manifest(digestOf('none')), undefined)
  })

  check('a tag moves, for every reader at once', async ({ storage, reopen }, repository) => {
    const other = (await reopen()).repository('library/app')
    for (let round = 0; round < 20; round++) {
      const descriptor = await put(round % 2 === 0 ? repository : other, { annotations: { round: `${round}` } }, ['latest'])
      for (const each of [repository, other, storage.repository('library/app')])
        assert.equal((await each.manifest('latest'))?.descriptor.digest, descriptor.digest)
    }
  })

  check('a manifest is visible only in its repository, and is no blob', async ({ storage }, repository) => {
    const { digest } = await put(repository, {}, ['latest'])
    assert.equal(await storage.repository('other').manifest(digest), undefined)
    assert.equal(await storage.repository('library').manifest('latest'), undefined)
    assert.equal(await repository.blob(digest), undefined)
  })

  check('untag() removes one tag and keeps the manifest', async (_, repository) => {
    const { digest } = await put(repository, {}, ['a', 'b'])
    assert.equal(await repository.untag('a'), true)
    assert.equal(await repository.untag('a'), false)
    assert.equal(await repository.manifest('a'), undefined)
    assert.notEqual(await repository.manifest(digest), undefined)
    assert.deepEqual(await repository.tags(), ['b'])
  })

  check('deleteManifest() removes it and all tags that point at it', async ({ reopen }, repository) => {
    const first = await put(repository, { annotations: { n: '1' } }, ['a', 'B', 'c'])
    const second = await put(repository, { annotations: { n: '2' } }, ['c', 'd'])
    assert.equal(await repository.deleteManifest(first.digest), true)
    assert.equal(await repository.deleteManifest(first.digest), false)
    for (const each of [repository, (await reopen()).repository('library/app')]) {
      assert.deepEqual(await each.tags(), ['c', 'd'])
      for (const gone of ['a', 'B', first.digest]) assert.equal(await each.manifest(gone), undefined)
      assert.equal((await each.manifest('c'))?.descriptor.digest, second.digest)
    }
    await put(repository, { annotations: { n: '1' } }, ['a'])
    assert.equal((await repository.manifest('a'))?.descriptor.digest, first.digest)
  })

  check('deleteManifest() and putManifest() at once leave no tag without its manifest', async ({ reopen }, repository) => {
    const other = (await reopen()).repository('library/app')
    const { digest } = await put(repository, {}, ['a'])
    await Promise.all(
      [1, 2, 3, 4].flatMap(() => [
        put(repository, {}, ['a', 'b']),
        other.deleteManifest(digest),
        put(other, {}, ['c']),
        repository.deleteManifest(digest),
      ]),
    )
    for (const tag of await repository.tags()) assert.equal((await repository.manifest(tag))?.descriptor.digest, digest)
  })

  check('referrers() lists the manifests with the subject, until they are deleted', async ({ reopen }, repository) => {
    const subject = describeBytes(bytesOf('not there yet'), mediaTypes.ociManifest)
    assert.deepEqual(await repository.referrers(subject.digest), [])
    const plain = await put(repository, { subject, config: { ...emptyDescriptor, mediaType: 'application/example.config' } })
    const typed = await put(repository, { subject, artifactType: 'application/example', annotations: { a: 'b' } }, ['x'])
    await put(repository, {})
    const expected = [
      { ...plain, artifactType: 'application/example.config' },
      { ...typed, artifactType: 'application/example', annotations: { a: 'b' } },
    ]
    const sorted = (list: readonly Descriptor[]) => [...list].sort((a, b) => (a.digest < b.digest ? -1 : 1))
    const other = (await reopen()).repository('library/app')
    for (const each of [repository, other]) assert.deepEqual(sorted(await each.referrers(subject.digest)), sorted(expected))
    await other.deleteManifest(plain.digest)
    for (const each of [repository, other]) assert.deepEqual(await each.referrers(subject.digest), [expected[1]])
  })
}

const describeListings = (check: Check): void => {
  check('a repository exists once it has something, and not by being asked for', async ({ storage }, repository) => {
    assert.equal(await repository.exists(), false)
    await repository.tags()
    const begun = await repository.beginUpload()
    await begun.abort()
    assert.equal(await repository.exists(), false)
    assert.deepEqual(await storage.repositories(), [])
    await put(repository, {}, ['a'])
    assert.equal(await repository.exists(), true)
    assert.equal(await storage.repository('library').exists(), false)
    await repository.untag('a')
    assert.equal(await repository.exists(), true)
    assert.deepEqual(await repository.tags(), [])
  })

  check('tags() pages in ASCII order', async (_, repository) => {
    const tags = [
      '1.10',
      '1.9',
      'B',
      'Z',
      '_x',
      'a',
      'a-b',
      'a.b',
      'b',
      'B-',
      'latest',
      'Latest',
      'LATEST',
      'A'.repeat(128),
      'a'.repeat(128),
    ]
    await put(repository, {}, tags)
    const sorted = [...tags].sort()
    assert.deepEqual(await repository.tags(), sorted)
    assert.deepEqual(await repository.tags({ limit: 3 }), sorted.slice(0, 3))
    assert.deepEqual(await repository.tags({ limit: 0 }), [])
    assert.deepEqual(
      await repository.tags({ last: 'A0' }),
      sorted.filter((tag) => tag > 'A0'),
    )
    const paged: string[] = []
    for (
      let page = await repository.tags({ limit: 2 });
      page.length > 0;
      page = await repository.tags({ limit: 2, last: page.at(-1) ?? '' })
    )
      paged.push(...page)
    assert.deepEqual(paged, sorted)
  })

  check('repositories() pages in ASCII order, whatever contains what', async ({ storage }) => {
    const names = ['a', 'a-b', 'a.b', 'a/b', 'a/b/c', 'a0', 'ab', 'b', 'tags', 'uploads/blobs/manifests']
    for (const name of [...names].reverse()) await put(storage.repository(name), {}, ['x'])
    const sorted = [...names].sort()
    assert.deepEqual(await storage.repositories(), sorted)
    assert.deepEqual(await storage.repositories({ limit: 2, last: 'a/b' }), sorted.slice(4, 6))
    for (const name of names) assert.deepEqual(await storage.repository(name).tags(), ['x'])
  })
}
