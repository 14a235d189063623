import assert from 'node:assert/strict'
import { chmod, lstat, mkdir, readdir, readFile, readlink, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openArchive } from '../../content/archive/open-archive.ts'
import { readImage } from '../../content/image.ts'
import { openLayout } from '../../content/layout.ts'
import { readManifest } from '../../content/read-blob.ts'
import { collect, streamOf, type ByteStream } from '../../lib/bytes.ts'
import { readTar } from '../../lib/tar/reader.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { buildImage, type BuildOptions } from '../build.ts'
import { findImage } from '../images/lookup.ts'
import { TestEngine } from '../test-engine.ts'
import type { BuildOutput } from './output.ts'

const form = { names: [], mediaTypes: 'oci', annotations: [] } as const
const arm64 = { os: 'linux', architecture: 'arm64' }
const amd64 = { os: 'linux', architecture: 'amd64' }

const dockerfile =
  'FROM scratch\nARG TARGETARCH\nCOPY --chmod=4755 tool /bin/tool\nCOPY tree /tree\nCOPY tool /arch-$TARGETARCH\nLABEL l=m\nCMD ["/bin/tool"]\n'

/** A context with a mode, a link, hard links and dates of its own. */
const contextIn = async (folder: string): Promise<string> => {
  const context = join(folder, 'context')
  await mkdir(join(context, 'tree', 'sub'), { recursive: true })
  await writeFile(join(context, 'Dockerfile'), dockerfile)
  await writeFile(join(context, 'tool'), '#!/x')
  await writeFile(join(context, 'tree', 'sub', 'data'), 'data')
  await symlink('/etc/passwd', join(context, 'tree', 'out'))
  await chmod(join(context, 'tree', 'sub'), 0o750)
  for (const path of ['tool', 'tree/sub/data', 'tree/sub', 'tree', '.']) await utimes(join(context, path), 1.5e9, 1.5e9)
  return context
}

const contextOnce = async (fixture: TestEngine) => {
  const context = await contextIn(fixture.folder)
  return async (outputs: readonly BuildOutput[], options: Partial<BuildOptions> = {}) =>
    await buildImage(fixture.engine, { context, tags: [], pull: false, outputs, ...options })
}

test('buildImage() writes the files of one platform into a folder, and of several each into its own', async () => {
  await using fixture = await TestEngine.start()
  const run = await contextOnce(fixture)
  const out = join(fixture.folder, 'out')
  const result = await run([{ kind: 'files', destination: out }])
  assert.equal(result.hasImage, false)
  assert.deepEqual(result.metadata, { 'containerimage.config.digest': result.id })
  assert.deepEqual((await readdir(out)).toSorted(), ['arch-amd64', 'bin', 'tree'])
  const tool = await lstat(join(out, 'bin', 'tool'))
  assert.deepEqual([tool.mode & 0o7777, tool.mtimeMs, tool.uid], [0o4755, 1.5e12, process.getuid?.()])
  assert.equal((await lstat(join(out, 'tree', 'sub'))).mode & 0o777, 0o750)
  assert.equal((await lstat(join(out, 'tree', 'sub'))).mtimeMs, 1.5e12)
  assert.equal(await readFile(join(out, 'tree', 'sub', 'data'), 'utf8'), 'data')
  assert.equal(await readlink(join(out, 'tree', 'out')), '/etc/passwd')
  assert.deepEqual(await (await fixture.engine.content()).names(), [], 'no image was asked for')
  const both = join(fixture.folder, 'both')
  await run([{ kind: 'files', destination: both }], { platforms: [amd64, arm64] })
  assert.deepEqual((await readdir(both)).toSorted(), ['linux_amd64', 'linux_arm64'])
  assert.deepEqual((await readdir(join(both, 'linux_arm64'))).toSorted(), ['arch-arm64', 'bin', 'tree'])
  const merged = join(fixture.folder, 'merged')
  await run([{ kind: 'files', destination: merged, split: false }], { platforms: [amd64, arm64] })
  assert.deepEqual((await readdir(merged)).toSorted(), ['arch-amd64', 'arch-arm64', 'bin', 'tree'])
})

test('buildImage() writes nothing outside of the folder, whatever is in it', async () => {
  await using fixture = await TestEngine.start()
  const run = await contextOnce(fixture)
  const [out, outside] = [join(fixture.folder, 'out'), join(fixture.folder, 'outside')]
  await mkdir(join(outside, 'sub'), { recursive: true })
  await writeFile(join(outside, 'file'), 'mine')
  await mkdir(join(out, 'bin'), { recursive: true })
  await symlink(outside, join(out, 'tree'))
  await symlink(join(outside, 'file'), join(out, 'bin', 'tool'))
  await symlink(join(outside, 'file'), join(out, 'arch-amd64'))
  await writeFile(join(out, 'kept'), 'kept')
  await run([{ kind: 'files', destination: out }])
  assert.deepEqual((await readdir(outside)).toSorted(), ['file', 'sub'])
  assert.deepEqual(await readdir(join(outside, 'sub')), [])
  assert.equal(await readFile(join(outside, 'file'), 'utf8'), 'mine')
  assert.ok((await lstat(join(out, 'tree'))).isDirectory())
  assert.equal(await readFile(join(out, 'bin', 'tool'), 'utf8'), '#!/x')
  assert.equal(await readFile(join(out, 'kept'), 'utf8'), 'kept')
  await run([{ kind: 'files', destination: out }])
  await mkdir(join(fixture.folder, 'full', 'arch-amd64', 'x'), { recursive: true })
  await assert.rejects(run([{ kind: 'files', destination: join(fixture.folder, 'full') }]), { code: 'FOLDER_IN_THE_WAY' })
  assert.deepEqual(
    (await readdir(join(fixture.folder, 'full'))).filter((name) => name.startsWith('.')),
    [],
  )
})

test('buildImage() writes the files as a tar, with owners, links and dates, the same each time', async () => {
  await using fixture = await TestEngine.start()
  const run = await contextOnce(fixture)
  const tars: Buffer[] = []
  const write = async (bytes: ByteStream): Promise<void> => void tars.push(await collect(bytes, 1 << 20))
  await run([{ kind: 'tar' }], { write })
  const file = join(fixture.folder, 'out.tar')
  await run([{ kind: 'tar', destination: file }], { noCache: true })
  assert.deepEqual(await readFile(file), tars[0])
  const entries: string[] = []
  for await (const { name, kind, mode, uid, linkName = '', mtime } of readTar(streamOf(tars[0] ?? Buffer.alloc(0))))
    entries.push(`${name} ${kind} ${mode.toString(8)} ${uid} ${linkName} ${mtime.seconds}`)
  assert.deepEqual(entries, [
    'arch-amd64 file 644 0  1500000000',
    'bin folder 755 0  1500000000',
    'bin/tool file 4755 0  1500000000',
    'tree folder 755 0  1500000000',
    'tree/out symlink 777 0 /etc/passwd ' + entries[4]?.split(' ').at(-1),
    'tree/sub folder 750 0  1500000000',
    'tree/sub/data file 644 0  1500000000',
  ])
})

test('buildImage() writes archives and layouts, all of them at once, and names the image too', async () => {
  await using fixture = await TestEngine.start()
  const run = await contextOnce(fixture)
  const path = (name: string): string => join(fixture.folder, name)
  const result = await run(
    [
      { kind: 'image', push: false, ...form },
      { kind: 'archive', destination: path('a.tar'), ...form },
      { kind: 'archive', destination: path('d.tar'), ...form, mediaTypes: 'docker' },
      { kind: 'layout', destination: path('layout'), ...form, compression: { compression: 'zstd' } },
    ],
    { tags: ['both:1', 'both:2'], platforms: [amd64, arm64] },
  )
  assert.deepEqual(result.tags, ['both:1', 'both:2'])
  const store = await fixture.engine.content()
  assert.equal((await findImage(fixture.engine, 'both:2')).target.digest, result.target.digest)
  const own = await readImage(store, result.target, { platform: arm64 })
  assert.ok(
    own.layers.every(({ blob }) => blob.mediaType === mediaTypes.ociLayer),
    'what stays here is not compressed',
  )
  await using archive = await openArchive(path('a.tar'), { temporaryFolder: fixture.folder })
  await using docker = await openArchive(path('d.tar'), { temporaryFolder: fixture.folder })
  await using layout = await openLayout(path('layout'))
  const types = []
  for (const place of [archive, docker, layout]) {
    const root = await place.resolve('docker.io/library/both:2')
    const image = await readImage(place, root, { platform: arm64 })
    assert.equal(image.manifest.config.digest, own.manifest.config.digest)
    types.push([root.mediaType, image.manifest.mediaType, image.layers[0]?.blob.mediaType])
  }
  assert.deepEqual(types, [
    [mediaTypes.ociIndex, mediaTypes.ociManifest, mediaTypes.ociLayerGzip],
    [mediaTypes.dockerList, mediaTypes.dockerManifest, mediaTypes.dockerLayerGzip],
    [mediaTypes.ociIndex, mediaTypes.ociManifest, mediaTypes.ociLayerZstd],
  ])
  assert.deepEqual(
    (await readdir(fixture.folder)).filter((name) => name.includes('tmp')),
    [],
  )
})

test('buildImage() pushes what it built for several platforms as one image, compressed', async () => {
  await using fixture = await TestEngine.start()
  const name = fixture.name('team/app:1')
  const run = await contextOnce(fixture)
  const result = await run([{ kind: 'image', push: true, ...form }], { tags: [name], platforms: [amd64, arm64] })
  const repository = (await fixture.engine.registry()).repository({ domain: fixture.registry.host, path: 'team/app' })
  const target = await repository.resolve('1')
  assert.equal(target.digest, result.target.digest)
  assert.equal((result.metadata as Record<string, unknown>)['containerimage.digest'], target.digest)
  const image = await readImage(repository, target, { platform: arm64 })
  assert.equal(image.layers[0]?.blob.mediaType, mediaTypes.ociLayerGzip)
  assert.equal((await findImage(fixture.engine, name)).target.digest, target.digest, 'the local name is the same image')
  await assert.rejects(run([{ kind: 'image', push: true, ...form }]), /tag is needed when pushing/)
})

test('buildImage() annotates manifests, the index, and its entries', async () => {
  await using fixture = await TestEngine.start()
  const annotations = [
    { level: 'manifest', key: 'all', value: '1' },
    { level: 'manifest', key: 'arm', value: '2', platform: arm64 },
    { level: 'index', key: 'index', value: '3' },
    { level: 'manifest-descriptor', key: 'entry', value: '4' },
  ] as const
  const run = await contextOnce(fixture)
  const image = { kind: 'image', push: false, ...form, annotations } as const
  const { target } = await run([image], { platforms: [amd64, arm64] })
  const store = await fixture.engine.content()
  const read = await readManifest(store, target)
  assert.ok(read.kind === 'index')
  assert.deepEqual(read.index.annotations, { index: '3' })
  assert.deepEqual(
    read.index.manifests.map((entry) => entry.annotations),
    [{ entry: '4' }, { entry: '4' }],
  )
  const arm = await readImage(store, target, { platform: arm64 })
  assert.deepEqual(arm.manifest.annotations, { all: '1', arm: '2' })
  assert.deepEqual((await readImage(store, target, { platform: amd64 })).manifest.annotations, { all: '1' })
  await assert.rejects(run([image]), /index annotations not supported for single platform export/)
  await assert.rejects(run([{ ...image, mediaTypes: 'docker' }], { platforms: [amd64, arm64] }), { code: 'NO_ANNOTATIONS' })
})
