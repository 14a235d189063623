import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { collect, streamOf } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import { writeTar, type TarInput } from '../../lib/tar/writer.ts'
import { digestOf } from '../../oci/digest.ts'
import { describe as describeBytes } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { temporaryFolder, temporaryStore } from '../../testing/content-store-folder.ts'
import { randomBytes } from '../../testing/random-image.ts'
import { copy } from '../copy.ts'
import { readImage } from '../image.ts'
import { drain } from '../verify.ts'
import { openArchive } from './open-archive.ts'

type Files = Readonly<Record<string, Buffer | string | { readonly link: string } | { readonly hard: string }>>

const owner = { uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } }
const entryOf = (name: string, content: Files[string]): TarInput => {
  if (typeof content === 'object' && 'link' in content)
    return { name, kind: 'symlink', mode: 0o777, size: 0, linkName: content.link, ...owner }
  if (typeof content === 'object' && 'hard' in content)
    return { name, kind: 'hardlink', mode: 0o644, size: 0, linkName: content.hard, ...owner }
  const bytes = Buffer.from(content as Buffer)
  return { name, kind: 'file', mode: 0o644, size: bytes.length, body: streamOf(bytes), ...owner }
}
const tarOf = async (files: Files): Promise<Buffer> =>
  await collect(writeTar(Object.entries(files).map(([name, content]) => entryOf(name, content))), 64 << 20)

/** Opens the files as an archive, and copies every image of it into a store. */
const load = async (files: Files | Buffer): Promise<readonly (string | undefined)[]> => {
  await using folder = await temporaryFolder()
  await using store = await temporaryStore()
  const bytes = Buffer.isBuffer(files) ? files : await tarOf(files)
  await using archive = await openArchive(streamOf(bytes), { temporaryFolder: folder.path })
  const names = []
  for (const { name, descriptor } of await archive.images()) {
    await copy(archive, store.subject, { from: descriptor })
    const { layers } = await readImage(store.subject, descriptor)
    for (const { blob } of layers) await drain(await store.subject.open(blob))
    names.push(name)
  }
  return names
}

const layer = randomBytes(1, 3000)
const configOf = (...layers: readonly Buffer[]): string =>
  JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: layers.map((bytes) => digestOf(bytes)) },
  })
const manifestOf = (layers: readonly string[], tags: readonly string[] | null = ['x:1']): string =>
  JSON.stringify([{ Config: 'config.json', RepoTags: tags, Layers: layers }])
const docker: Files = { 'config.json': configOf(layer), 'a/layer.tar': layer, 'manifest.json': manifestOf(['a/layer.tar']) }
const oci = { 'oci-layout': '{"imageLayoutVersion":"1.0.0"}', 'index.json': '{"schemaVersion":2,"manifests":[]}' }

const good: readonly (readonly [what: string, files: Files, names: readonly (string | undefined)[]])[] = [
  ['the names of RepoTags', docker, ['docker.io/library/x:1']],
  ['no names', { ...docker, 'manifest.json': manifestOf(['a/layer.tar'], null) }, [undefined]],
  [
    'several names',
    { ...docker, 'manifest.json': manifestOf(['a/layer.tar'], ['a.b/x:1', 'y']) },
    ['a.b/x:1', 'docker.io/library/y:latest'],
  ],
  [
    'a layer that is a link to that of another folder, as docker saves it',
    {
      ...docker,
      'config.json': configOf(layer, layer),
      'b/layer.tar': { link: '../a/layer.tar' },
      'manifest.json': manifestOf(['a/layer.tar', 'b/layer.tar']),
    },
    ['docker.io/library/x:1'],
  ],
  [
    'a layer that is a hard link',
    { ...docker, 'b.tar': { hard: './a/layer.tar' }, 'manifest.json': manifestOf(['b.tar']) },
    ['docker.io/library/x:1'],
  ],
  [
    'compressed layers',
    {
      ...docker,
      'config.json': configOf(layer, layer),
      'a/layer.tar': gzipSync(layer),
      'b/layer.tar': zstdCompressSync(layer),
      'manifest.json': manifestOf(['a/layer.tar', 'b/layer.tar']),
    },
    ['docker.io/library/x:1'],
  ],
  [
    'names with a dot in front',
    Object.fromEntries(Object.entries(docker).map(([name, content]) => [`./${name}`, content])),
    ['docker.io/library/x:1'],
  ],
  ['no images', oci, []],
]
for (const [what, files, names] of good)
  test(`openArchive() reads an archive with ${what}`, async () => {
    assert.deepEqual(await load(files), names)
  })

const bad: readonly (readonly [what: string, files: Files, code: string])[] = [
  [
    'lacks the config',
    { ...docker, 'manifest.json': '[{"Config":"other.json","Layers":["a/layer.tar"]}]' },
    'ARCHIVE_INCOMPLETE',
  ],
  ['lacks a layer', { ...docker, 'manifest.json': manifestOf(['b/layer.tar']) }, 'ARCHIVE_INCOMPLETE'],
  ['has fewer layers than its config', { ...docker, 'config.json': configOf(layer, layer) }, 'ARCHIVE_INCOMPLETE'],
  ['has a config that leads out', { ...docker, 'manifest.json': '[{"Config":"../../etc/passwd","Layers":[]}]' }, 'ARCHIVE_LINK'],
  ['has an absolute config', { ...docker, 'manifest.json': '[{"Config":"/etc/passwd","Layers":[]}]' }, 'ARCHIVE_INCOMPLETE'],
  ['has a layer that links out', { ...docker, 'a/layer.tar': { link: '../../etc/passwd' } }, 'ARCHIVE_LINK'],
  ['has a layer that links to an absolute path', { ...docker, 'a/layer.tar': { link: '/etc/passwd' } }, 'ARCHIVE_INCOMPLETE'],
  ['has a layer that links to itself', { ...docker, 'a/layer.tar': { link: 'layer.tar' } }, 'ARCHIVE_LINK'],
  ['has a layer that links around', { ...docker, 'a/layer.tar': { link: '../b' }, b: { link: 'a/layer.tar' } }, 'ARCHIVE_LINK'],
  ['has a name that leads out', { ...docker, '../../evil': 'x' }, 'ARCHIVE_NAME'],
  ['has another layer than its config says', { ...docker, 'a/layer.tar': randomBytes(2, 3000) }, 'DIGEST_MISMATCH'],
  ['has an image name that is none', { ...docker, 'manifest.json': manifestOf(['a/layer.tar'], ['X Y']) }, 'ARCHIVE_NAME'],
  ['has a manifest.json that is no JSON', { ...docker, 'manifest.json': '[' }, 'JSON_INVALID'],
  ['has a manifest.json of another shape', { ...docker, 'manifest.json': '{"Config":1}' }, 'JSON_SHAPE'],
  ['has a config of another shape', { ...docker, 'config.json': '[]' }, 'JSON_SHAPE'],
  ['has no manifest.json and no layout', { 'config.json': '{}' }, 'NOT_AN_ARCHIVE'],
  ['was written by docker before 1.10', { repositories: '{}' }, 'ARCHIVE_TOO_OLD'],
  ['has a layout of another version', { ...oci, 'oci-layout': '{"imageLayoutVersion":"9"}' }, 'LAYOUT_VERSION'],
  [
    'names a manifest that it does not have',
    { ...oci, 'index.json': JSON.stringify({ schemaVersion: 2, manifests: [describeBytes(layer, mediaTypes.ociManifest)] }) },
    'BLOB_UNKNOWN',
  ],
  [
    'has a manifest of another digest',
    {
      ...oci,
      'index.json': JSON.stringify({ schemaVersion: 2, manifests: [describeBytes(layer, mediaTypes.ociManifest)] }),
      [`blobs/sha256/${digestOf(layer).slice(7)}`]: randomBytes(3, 3000),
    },
    'DIGEST_MISMATCH',
  ],
]
for (const [what, files, code] of bad)
  test(`openArchive() refuses an archive that ${what}`, async () => {
    await assert.rejects(load(files), { name: 'GantryError', code })
  })

test('openArchive() refuses an archive that was cut short anywhere in its contents', async () => {
  const whole = await tarOf(docker)
  const end = whole.length - 1024
  for (const cut of [100, 512, 700, 1024, 2000, end - 700])
    await assert.rejects(load(whole.subarray(0, cut)), (error) => error instanceof GantryError, `cut at ${cut}`)
})

test('openArchive() throws only errors of its own, whatever is changed in an archive', async () => {
  const whole = await tarOf(docker)
  const change = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(change, async (changes) => {
      const bytes = Buffer.from(whole)
      for (const [at, value] of changes) bytes[at] = value
      try {
        await load(bytes)
      } catch (error) {
        assert.ok(error instanceof GantryError, String(error))
      }
    }),
    { numRuns: 60, seed: 1 },
  )
})
