import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runProcess } from '../lib/process.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { temporaryFolder, temporaryStore } from '../testing/content-store-folder.ts'
import { randomImage, randomIndex } from '../testing/random-image.ts'
import { openArchive } from './archive/open-archive.ts'
import { writeArchive } from './archive/write-archive.ts'
import { copy } from './copy.ts'
import { readImage } from './image.ts'
import type { DiskStore, ImageArchive } from './interfaces.ts'

const lacks = (program: string): string | false =>
  ['/usr/bin', '/bin', '/usr/local/bin'].some((folder) => existsSync(join(folder, program)))
    ? false
    : `${program} is not installed`

const run = async (program: string, ...args: readonly string[]): Promise<string> => {
  const { status, stdout, stderr } = await runProcess(program, args)
  assert.equal(status, 0, `${program} ${args.join(' ')}: ${stderr.toString()}`)
  return stdout.toString()
}
const skopeo = async (...args: readonly string[]): Promise<string> => await run('skopeo', '--insecure-policy', ...args)

const full = 'docker.io/library/x:1'

/** The tar of each layer, base first, as the digests that the config has for them. */
const layersOf = async (archive: ImageArchive | DiskStore, target: Descriptor): Promise<readonly string[]> =>
  (await readImage(archive, target)).layers.map(({ diffId }) => diffId)

test('skopeo reads the store by name and copies what it holds by the same digest', { skip: lacks('skopeo') }, async () => {
  await using fixture = await temporaryStore()
  await using folder = await temporaryFolder()
  const store = fixture.subject
  const image = await randomImage(store)
  const index = await randomIndex(store)
  await store.tag(full, image)
  await store.tag('127.0.0.1:5000/a/b:latest', index)
  assert.equal(digestOf(await skopeo('inspect', '--raw', `oci:${store.folder}:${full}`)), image.digest)
  const copied = join(folder.path, 'copied')
  await skopeo('copy', '--all', '--preserve-digests', `oci:${store.folder}:127.0.0.1:5000/a/b:latest`, `oci:${copied}:b:1`)
  await using layout = await openArchive(copied, { temporaryFolder: folder.path })
  assert.equal((await layout.resolve('b:1')).digest, index.digest)
})

test(
  'umoci unpacks an image of the store',
  { skip: lacks('umoci') || process.getuid?.() !== 0 ? 'needs umoci and root' : false },
  async () => {
    await using fixture = await temporaryStore()
    await using folder = await temporaryFolder()
    const image = await randomImage(fixture.subject)
    await fixture.subject.tag('x', image)
    const bundle = join(folder.path, 'bundle')
    await run('umoci', 'unpack', '--image', `${fixture.subject.folder}:x`, bundle)
    for (const layer of ['layer-0', 'layer-1', 'layer-2']) assert.ok(existsSync(join(bundle, 'rootfs', layer, 'same')))
    assert.match(await run('umoci', 'ls', '--layout', fixture.subject.folder), /^x$/m)
  },
)

test('skopeo reads an archive in both of its forms', { skip: lacks('skopeo') }, async () => {
  await using fixture = await temporaryStore()
  await using folder = await temporaryFolder()
  const image = await randomImage(fixture.subject)
  const path = join(folder.path, 'archive.tar')
  const images = [
    { target: image, names: [full, 'a.b/c:2'] },
    { target: await randomImage(fixture.subject, { seed: 2 }), names: ['a.b/d:1'] },
  ]
  await writeFile(path, await writeArchive(fixture.subject, images))
  for (const name of [full, 'a.b/c:2'])
    assert.equal(digestOf(await skopeo('inspect', '--raw', `oci-archive:${path}:${name}`)), image.digest)
  const { manifest } = await readImage(fixture.subject, image)
  const raw = JSON.parse(await skopeo('inspect', '--raw', `docker-archive:${path}:x:1`)) as { config: Descriptor }
  assert.equal(raw.config.digest, manifest.config.digest)
  const unpacked = join(folder.path, 'dir')
  await skopeo('copy', `docker-archive:${path}:a.b/d:1`, `dir:${unpacked}`)
  assert.ok(readFileSync(join(unpacked, 'manifest.json')).length > 0)
})

for (const transport of ['oci', 'oci-archive', 'docker-archive'] as const)
  test(`openArchive() reads what skopeo copies to ${transport}:`, { skip: lacks('skopeo') }, async () => {
    await using fixture = await temporaryStore()
    await using target = await temporaryStore()
    await using folder = await temporaryFolder()
    const image = await randomImage(fixture.subject)
    await fixture.subject.tag(full, image)
    const path = join(folder.path, 'copied')
    await skopeo('copy', `oci:${fixture.subject.folder}:${full}`, `${transport}:${path}:docker.io/library/y:2`)
    await using archive = await openArchive(path, { temporaryFolder: folder.path })
    const [found] = await archive.images()
    assert.equal(found?.name, 'docker.io/library/y:2')
    if (transport !== 'docker-archive') assert.equal(found.descriptor.digest, image.digest)
    await copy(archive, target.subject, { from: found.descriptor, to: found.name })
    assert.deepEqual(await layersOf(target.subject, found.descriptor), await layersOf(fixture.subject, image))
    const ids = [await readImage(target.subject, found.descriptor), await readImage(fixture.subject, image)]
    assert.equal(ids[0]!.manifest.config.digest, ids[1]!.manifest.config.digest)
  })

test(
  'podman loads an archive of several images, and openArchive() reads what podman saves',
  { skip: lacks('podman') || process.getuid?.() !== 0 ? 'needs podman and root' : false },
  async () => {
    await using fixture = await temporaryStore()
    await using folder = await temporaryFolder()
    const image = await randomImage(fixture.subject)
    const { manifest } = await readImage(fixture.subject, image)
    const path = join(folder.path, 'archive.tar')
    const images = [
      { target: image, names: [full, 'a.b/c:2'] },
      { target: await randomImage(fixture.subject, { seed: 2 }), names: ['a.b/d:1'] },
    ]
    await writeFile(path, await writeArchive(fixture.subject, images))
    for (const name of ['root', 'run', 'tmp']) await mkdir(join(folder.path, name))
    const podman = async (...args: readonly string[]): Promise<string> => {
      const at = (name: string): string => join(folder.path, name)
      const where = ['--root', at('root'), '--runroot', at('run'), '--tmpdir', at('tmp'), '--storage-driver', 'vfs']
      return await run('podman', ...where, '--events-backend', 'none', '--cgroup-manager', 'cgroupfs', ...args)
    }
    await podman('load', '--input', path)
    const listed = (await podman('images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}')).trim().split('\n')
    assert.equal(listed.length, 3)
    assert.ok(listed.includes(`${full} ${manifest.config.digest}`), listed.join('\n'))
    for (const format of ['docker-archive', 'oci-archive']) {
      const saved = join(folder.path, format)
      await podman('save', '--format', format, '--output', saved, full)
      await using archive = await openArchive(saved, { temporaryFolder: folder.path })
      const [found] = await archive.images()
      assert.equal(found?.name, full)
      assert.deepEqual(await layersOf(archive, found.descriptor), await layersOf(fixture.subject, image))
    }
  },
)
