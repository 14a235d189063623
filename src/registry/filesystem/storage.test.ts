import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { collect, streamOf } from '../../lib/bytes.ts'
import { digestOf } from '../../oci/digest.ts'
import { testRegistryStorage, type StorageFixture } from '../../testing/registry-storage.ts'
import { openFilesystemStorage, type FilesystemStorage } from './storage.ts'

const temporaryFolder = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-registry-'))
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) }
}

const openFixture = async (): Promise<StorageFixture> => {
  const temporary = await temporaryFolder()
  const { folder } = temporary
  const opened: FilesystemStorage[] = []
  const reopen = async () => {
    const storage = await openFilesystemStorage({ folder })
    opened.push(storage)
    return storage
  }
  const dispose = async (): Promise<void> => {
    for (const storage of opened) await storage[Symbol.asyncDispose]()
    await temporary[Symbol.asyncDispose]()
  }
  return { storage: await reopen(), reopen, [Symbol.asyncDispose]: dispose }
}

testRegistryStorage('openFilesystemStorage()', openFixture)

const filesBelow = async (folder: string): Promise<readonly string[]> =>
  (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map(({ name }) => name)

test('openFilesystemStorage() leaves nothing of uploads but the blob, once', async () => {
  await using temporary = await temporaryFolder()
  const { folder } = temporary
  await using storage = await openFilesystemStorage({ folder })
  const repository = storage.repository('app')
  const bytes = Buffer.alloc(100_000, 'y')
  const both = await Promise.all([repository.beginUpload(), repository.beginUpload()])
  await Promise.all(both.map((upload) => upload.append(streamOf(bytes))))
  await Promise.all(both.map((upload) => upload.commit(digestOf(bytes))))
  const refused = await repository.beginUpload()
  await refused.append(streamOf(bytes))
  await assert.rejects(refused.commit(digestOf('else')))
  assert.deepEqual(await readdir(join(folder, 'uploads')), [])
  assert.equal((await filesBelow(join(folder, 'blobs'))).length, 1)
})

test('openFilesystemStorage() takes up an upload whose process died, and hashes it once more', async () => {
  await using temporary = await temporaryFolder()
  const { folder } = temporary
  await using first = await openFilesystemStorage({ folder })
  const begun = await first.repository('app').beginUpload()
  const bytes = Buffer.alloc(2_000_000, 'abcdefg')
  await begun.append(streamOf(bytes.subarray(0, 1_500_000)))
  // a part that a third process had begun at an earlier state of the upload, with other bytes
  await writeFile(join(folder, 'uploads', begun.id, '1000.ffff'), bytes.subarray(1000, 1_700_000))
  await using second = await openFilesystemStorage({ folder })
  const resumed = await second.repository('app').resumeUpload(begun.id)
  assert.equal(resumed.offset, 1_700_000)
  await resumed.append(streamOf(bytes.subarray(1_700_000)))
  await resumed.commit(digestOf(bytes))
  assert.ok((await collect(await second.repository('app').openBlob(digestOf(bytes)), 3_000_000)).equals(bytes))
  assert.deepEqual(await readdir(join(folder, 'uploads')), [])
})

test('openFilesystemStorage() never publishes bytes that another process adds while it commits', async () => {
  await using temporary = await temporaryFolder()
  const { folder } = temporary
  await using first = await openFilesystemStorage({ folder })
  await using second = await openFilesystemStorage({ folder })
  const begun = await first.repository('app').beginUpload()
  const arrived = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  async function* slow() {
    yield Buffer.alloc(600_000, 'a')
    arrived.resolve()
    await goOn.promise
    yield Buffer.alloc(600_000, 'b')
  }
  const appending = begun.append(slow())
  await arrived.promise
  let resumed = await second.repository('app').resumeUpload(begun.id)
  while (resumed.offset < 600_000) resumed = await second.repository('app').resumeUpload(begun.id)
  await resumed.commit(digestOf(Buffer.alloc(600_000, 'a')))
  goOn.resolve()
  await appending.catch(() => undefined)
  const stored = await collect(await second.repository('app').openBlob(digestOf(Buffer.alloc(600_000, 'a'))), 2_000_000)
  assert.equal(stored.length, 600_000)
})

test('expireUploads() removes what nobody writes to, and nothing else', async () => {
  await using temporary = await temporaryFolder()
  const { folder } = temporary
  await using storage = await openFilesystemStorage({ folder, uploadExpiry: 3_600_000 })
  const repository = storage.repository('app')
  const [old, young] = [await repository.beginUpload(), await repository.beginUpload()]
  for (const upload of [old, young]) await upload.append(streamOf(Buffer.from('one')))
  const past = new Date(Date.now() - 7_200_000)
  const stale = join(folder, 'uploads', old.id)
  await writeFile(join(folder, 'temporary', 'left'), '')
  for (const path of [...(await readdir(stale)).map((name) => join(stale, name)), stale, join(folder, 'temporary', 'left')])
    await utimes(path, past, past)
  assert.equal(await storage.expireUploads(), 1)
  await assert.rejects(repository.resumeUpload(old.id), { code: 'BLOB_UPLOAD_UNKNOWN' })
  assert.equal((await repository.resumeUpload(young.id)).offset, 3)
  assert.deepEqual(await readdir(join(folder, 'temporary')), ['now'])
})

test('openFilesystemStorage() refuses the folder of another version', async () => {
  await using temporary = await temporaryFolder()
  const { folder } = temporary
  await writeFile(join(folder, 'format.json'), '{"version":2}')
  await assert.rejects(openFilesystemStorage({ folder }), { kind: 'unsupported', code: 'REGISTRY_FORMAT' })
})

test('manifest() reports bytes that were damaged on disk', async () => {
  await using temporary = await temporaryFolder()
  const { folder } = temporary
  await using storage = await openFilesystemStorage({ folder })
  const bytes = Buffer.from('{"schemaVersion":2,"manifests":[]}')
  const digest = digestOf(bytes)
  await storage
    .repository('app')
    .putManifest(bytes, { mediaType: 'application/vnd.oci.image.index.v1+json', digest, size: bytes.length }, ['x'])
  await writeFile(join(folder, 'blobs', 'sha256', digest.slice(7, 9), digest.slice(7)), '{}')
  await using again = await openFilesystemStorage({ folder })
  await assert.rejects(again.repository('app').manifest('x'), { kind: 'data_loss' })
})
