import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync, chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { collect, streamOf } from '../../lib/bytes.ts'
import { describe as describeBytes } from '../../oci/manifest.ts'
import { temporaryFolder, temporaryStore } from '../../testing/content-store-folder.ts'
import { testImageStore } from '../../testing/content-store-images.ts'
import { testContentStore } from '../../testing/content-store.ts'
import { randomBytes, randomImage } from '../../testing/random-image.ts'
import { blobPath } from '../blob-files.ts'
import { drain } from '../verify.ts'
import { openDiskStore } from './disk-store.ts'

testContentStore('openDiskStore()', temporaryStore)
testImageStore('openDiskStore()', temporaryStore, { reference: (tag) => `docker.io/library/x:${tag}` })

const type = 'application/octet-stream'

test('openDiskStore() makes an OCI layout, and opens it again as it was', async () => {
  await using fixture = await temporaryStore()
  const { folder } = fixture.subject
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' })
  const image = await randomImage(fixture.subject)
  await fixture.subject.tag('docker.io/library/x:1', image)
  const again = await openDiskStore({ folder })
  assert.deepEqual(await again.names(), [{ name: 'docker.io/library/x:1', descriptor: image }])
})

test('openDiskStore() refuses a layout of a version that it does not know', async () => {
  await using folder = await temporaryFolder()
  writeFileSync(join(folder.path, 'oci-layout'), '{"imageLayoutVersion":"2.0.0"}')
  await assert.rejects(openDiskStore({ folder: folder.path }), { kind: 'unsupported', code: 'LAYOUT_VERSION' })
})

test('tag() with a digest keeps an image without a name until it gets one', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const image = await randomImage(store)
  await store.tag(image.digest, image)
  await store.tag(image.digest, image)
  assert.deepEqual(await store.names(), [{ descriptor: image }])
  assert.deepEqual(await store.resolve(image.digest), image)
  await store.tag('a/b:1', image)
  await store.tag('a/b:2', image)
  await store.tag(image.digest, image)
  assert.deepEqual(await store.names(), [
    { name: 'a/b:1', descriptor: image },
    { name: 'a/b:2', descriptor: image },
  ])
})

test('untag() takes one name away and says whether there was one', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const image = await randomImage(store)
  for (const name of ['a:1', 'a:2']) await store.tag(name, image)
  assert.equal(await store.untag('a:1'), true)
  assert.equal(await store.untag('a:1'), false)
  assert.equal(await store.untag(image.digest), false)
  assert.deepEqual(await store.names(), [{ name: 'a:2', descriptor: image }])
  await store.untag('a:2')
  await store.tag(image.digest, image)
  assert.equal(await store.untag(image.digest), true)
  assert.deepEqual(await store.names(), [])
})

test('tag() refuses a text that no reader could print', async () => {
  await using fixture = await temporaryStore()
  const image = await randomImage(fixture.subject)
  for (const name of ['', 'a b', 'a\u001b[31m', 'x'.repeat(2000)])
    await assert.rejects(fixture.subject.tag(name, image), { code: 'NAME_INVALID' })
})

test('names() of entries that others wrote keeps what it does not know', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const image = await randomImage(store)
  const path = join(store.folder, 'index.json')
  const entry = {
    ...image,
    'x-field': { deep: [1] },
    annotations: { 'org.opencontainers.image.ref.name': 'latest', other: 'kept' },
  }
  writeFileSync(path, JSON.stringify({ schemaVersion: 2, 'x-top': true, manifests: [entry] }))
  assert.equal((await store.names())[0]?.name, 'latest')
  await store.tag('a:1', image)
  const index = JSON.parse(readFileSync(path, 'utf8')) as { 'x-top': boolean; manifests: unknown[] }
  assert.equal(index['x-top'], true)
  assert.deepEqual(index.manifests[0], entry)
})

test('has() is false and write() heals when a blob was cut short', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const bytes = randomBytes(1, 10_000)
  const descriptor = describeBytes(bytes, type)
  await store.write(descriptor, streamOf(bytes))
  const path = blobPath(store.folder, descriptor.digest)
  chmodSync(path, 0o600)
  truncateSync(path, 5000)
  assert.equal(await store.has(descriptor), false)
  await assert.rejects(drain(await store.open(descriptor)), { code: 'SIZE_MISMATCH' })
  await store.write(descriptor, streamOf(bytes))
  assert.ok((await collect(await store.open(descriptor), 20_000)).equals(bytes))
})

test('open() and read() throw data_loss when a blob was changed on the disk', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const bytes = randomBytes(2, 10_000)
  const descriptor = describeBytes(bytes, type)
  await store.write(descriptor, streamOf(bytes))
  const path = blobPath(store.folder, descriptor.digest)
  chmodSync(path, 0o600)
  writeFileSync(path, bytes.fill(0, 100, 101))
  await assert.rejects(drain(await store.open(descriptor)), { code: 'DIGEST_MISMATCH' })
  assert.throws(() => store.read(descriptor), { code: 'DIGEST_MISMATCH' })
})

test('read() is for small blobs', async () => {
  await using fixture = await temporaryStore()
  const descriptor = await fixture.subject.ingest(streamOf(Buffer.alloc(100)), type)
  assert.equal(fixture.subject.read(descriptor).length, 100)
  assert.throws(() => fixture.subject.read(descriptor, 99), { kind: 'resource_exhausted' })
  assert.throws(() => fixture.subject.read(describeBytes(Buffer.from('?'), type)), { kind: 'not_found' })
})

test('link() takes a file without copying it', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const file = join(store.folder, 'file')
  writeFileSync(file, 'layer')
  const descriptor = describeBytes(Buffer.from('layer'), type)
  await store.link(descriptor, file, { verify: true })
  await store.link(descriptor, file)
  assert.equal(statSync(blobPath(store.folder, descriptor.digest)).ino, statSync(file).ino)
  assert.equal(store.read(descriptor).toString(), 'layer')
  assert.deepEqual(readdirSync(join(store.folder, 'ingest')), [])
})

test('link() refuses a file of another size, and of other bytes when it is to verify', async () => {
  await using fixture = await temporaryStore()
  const file = join(fixture.subject.folder, 'file')
  writeFileSync(file, 'LAYER')
  const descriptor = describeBytes(Buffer.from('layer'), type)
  await assert.rejects(fixture.subject.link(descriptor, file, { verify: true }), { code: 'DIGEST_MISMATCH' })
  await assert.rejects(fixture.subject.link({ ...descriptor, size: 4 }, file), { code: 'SIZE_MISMATCH' })
  assert.equal(await fixture.subject.has(descriptor), false)
})
