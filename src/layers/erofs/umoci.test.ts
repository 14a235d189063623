import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { file, folder, hardLink, symlink, tarOf, type LayerFixture } from './test-layers.ts'
import { inside, listing, noMounting, Scratch } from './test-mounts.ts'

const skip = noMounting() || (spawnSync('umoci', ['--version']).status === 0 ? false : 'umoci is not installed')

let scratch: Scratch
before(() => {
  scratch = new Scratch()
})
after(() => scratch[Symbol.dispose]())

/** What umoci makes of an image of the layers. */
const unpacked = (layers: readonly Buffer[]): string[] => {
  const layout = scratch.folder()
  mkdirSync(join(layout, 'blobs', 'sha256'), { recursive: true })
  const add = (bytes: Buffer | string, mediaType: string): { mediaType: string; digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(layout, 'blobs', 'sha256', hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(bytes) }
  }
  const blobs = layers.map((tar) => add(tar, 'application/vnd.oci.image.layer.v1.tar'))
  const rootfs = { type: 'layers', diff_ids: blobs.map((blob) => blob.digest) }
  const config = add(
    JSON.stringify({ architecture: 'amd64', os: 'linux', config: {}, rootfs, history: layers.map(() => ({})) }),
    'application/vnd.oci.image.config.v1+json',
  )
  const manifest = add(JSON.stringify({ schemaVersion: 2, config, layers: blobs }), 'application/vnd.oci.image.manifest.v1+json')
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'test' } }],
    }),
  )
  const bundle = scratch.path()
  inside([], 'umoci', ['unpack', '--image', `${layout}:test`, bundle])
  return listing([], join(bundle, 'rootfs'))
}

const compare = async (layers: readonly (readonly LayerFixture[])[]): Promise<void> => {
  const tars = await Promise.all(layers.map(tarOf))
  const mount = scratch.mountMerged(tars.map((tar) => scratch.store(tar)))
  // umoci gives folders that nobody described, and the root, the time of its own work
  const comparable = (lines: readonly string[]): string[] =>
    lines.map((line) => (/"name":"(?:\.|[^"]*implicit)"/.test(line) ? line.replace(/"time":"[^"]*"/, '') : line))
  assert.deepEqual(comparable(listing([mount], mount.target)), comparable(unpacked(tars)))
}

test('a merged index shows what umoci unpacks', { skip }, async () => {
  await compare([
    [
      folder('.'),
      folder('a', { mode: 0o711, uid: 5 }),
      file('a/b', 'b', { mode: 0o4755 }),
      file('a/gone', 'x'),
      folder('removed'),
      file('removed/x', 'x'),
      folder('emptied', { mode: 0o500 }),
      file('emptied/x', 'x'),
      folder('becomes-file'),
      file('becomes-file/x', 'x'),
      file('becomes-folder', 'x'),
      symlink('to-a', 'a'),
      file('linked', 'linked'),
      hardLink('linked-too', 'linked'),
      file('implicit/x', 'x'),
    ],
    [
      file('a/.wh.gone'),
      file('a/c', 'c', { uid: 7, xattrs: { 'user.a': Buffer.from('1') } }),
      file('.wh.removed'),
      file('emptied/y', 'y'),
      file('emptied/.wh..wh..opq'),
      folder('emptied', { mode: 0o700 }),
      file('becomes-file', 'file'),
      folder('becomes-folder'),
      file('becomes-folder/x', 'x'),
      hardLink('a/lower', 'linked'),
      file('new/implicit/x', 'x'),
      { name: 'fifo', kind: 'fifo' },
      folder('new', { mode: 0o755 }),
    ],
    [file('.wh.linked'), file('.wh.to-a'), folder('becomes-file', { mode: 0o750 }), file('a/b', 'twice'), file('a/b', 'last')],
  ])
})
