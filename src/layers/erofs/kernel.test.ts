import assert from 'node:assert/strict'
import { closeSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import type { Mount } from '../../lib/mount.ts'
import type { TarEntry } from '../../lib/tar/entry.ts'
import { LayerTreeBuilder } from '../tree/layer-tree-builder.ts'
import { findNode } from '../tree/layer-tree.ts'
import { mergeTrees } from '../tree/merge-trees.ts'
import { encodeErofs } from './encode.ts'
import { file, folder, hardLink, symlink, tarOf, treeOfTar, type LayerFixture } from './test-layers.ts'
import { inside, listing, noMounting, Scratch, type StoredLayer } from './test-mounts.ts'

const skip = noMounting()

let scratch: Scratch
before(() => {
  scratch = new Scratch()
})
after(() => scratch[Symbol.dispose]())

/** The same, of what GNU tar extracts. */
const extracted = (tar: Buffer): string[] => {
  const path = scratch.folder()
  const args = [
    '--xattrs',
    '--xattrs-include=*',
    '--numeric-owner',
    '--same-permissions',
    '--delay-directory-restore',
    '-C',
    path,
    '-xf',
    '-',
  ]
  inside([], 'tar', args, tar)
  return listing([], path)
}

const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')

const everything = (): LayerFixture[] => [
  folder('.', { mode: 0o755, mtime: { seconds: 1_600_000_000, nanoseconds: 1 } }),
  folder('d', { mode: 0o1777, uid: 12, gid: 34 }),
  folder('empty', { mode: 0o2700 }),
  folder('xattrs', { xattrs: { 'user.long': Buffer.alloc(3000, 'v'), 'trusted.t': Buffer.from('\0\n') } }),
  file('d/setuid', 'body', { mode: 0o4755, uid: 70_000, gid: 3_000_000_000 }),
  file('d/capability', 'body', { xattrs: { 'security.capability': capability, 'user.b': Buffer.from('2') } }),
  file('d/negative', 'x', { mtime: { seconds: -100, nanoseconds: 999_999_999 } }),
  file('d/late', 'x', { mtime: { seconds: 2 ** 33, nanoseconds: 5 } }),
  ...[0, 1, 511, 512, 513, 4095, 4096, 4097, 100_000].map((size) => file(`d/size-${size}`, Buffer.alloc(size, `${size}`))),
  ...[1, 10, 100, 400, 440, 447, 448, 449, 500, 511, 512, 513, 1000, 4095].map((size) =>
    symlink(`d/link-${size}`, 't/'.repeat(size).slice(0, size)),
  ),
  { ...symlink('d/link-xattr', 'x'.repeat(400)), xattrs: { 'trusted.a': Buffer.alloc(100, 'x') } },
  hardLink('hard-1', 'd/size-513'),
  hardLink('empty/hard-2', 'hard-1'),
  hardLink('hard-link', 'd/link-10'),
  { name: 'd/character', kind: 'character', device: { major: 5, minor: 1 }, mode: 0o620 },
  { name: 'd/block', kind: 'block', device: { major: 259, minor: 300 }, mode: 0o660 },
  { name: 'd/fifo', kind: 'fifo', mode: 0o600 },
  { name: 'd/raw-\ufffd', rawName: Buffer.concat([Buffer.from('d/raw-'), Buffer.from([0xff, 0xfe])]), body: 'raw' },
  file('d/ünïcödé-語', 'x'),
  file('!first'),
  file('-'),
  file(`d/${'n'.repeat(255)}`, 'x'),
  folder('many', { mode: 0o700 }),
  ...Array.from({ length: 300 }, (_, i) => file(`many/name-${i}`, i % 10 === 0 ? `${i}` : '')),
]

test('a mounted index shows what GNU tar extracts', { skip }, async () => {
  const layer = scratch.store(await tarOf(everything()))
  const mount = scratch.mount(layer)
  const seen = listing([mount], mount.target)
  const expected = extracted(layer.tar)
  assert.equal(seen.length, 344)
  assert.deepEqual(seen, expected)
  const stat = inside([mount], 'stat', [
    '-c',
    '%h %i',
    join(mount.target, 'hard-1'),
    join(mount.target, 'empty/hard-2'),
    join(mount.target, '.'),
    join(mount.target, 'd'),
  ])
  const [first = '', second, root, d] = stat.toString().trim().split('\n')
  assert.equal(first, second)
  assert.deepEqual([first.split(' ')[0], root?.split(' ')[0], d?.split(' ')[0]], ['3', '6', '2'])
})

test('a mounted index has all names of a large folder, and only them', { skip }, async () => {
  const names = Array.from({ length: 20_000 }, (_, i) => `name-${i}`)
  const special = ['!first', '-', '.x', '..x', 'n'.repeat(255)]
  const mount = scratch.mount(scratch.store(await tarOf([...names, ...special].map((name) => file(name)))))
  const listed = inside([mount], 'ls', ['-fA', mount.target]).toString().trim().split('\n')
  assert.deepEqual(listed.filter((name) => name !== '.' && name !== '..').toSorted(), [...names, ...special].toSorted())
  const paths = (list: readonly string[]): string[] => list.map((name) => join(mount.target, name))
  inside([mount], 'stat', ['-c', '', ...paths(names.filter((_, i) => i % 50 === 0)), ...paths(special)])
  const check = 'for p in "$@"; do [ ! -e "$p" ] || exit 1; done'
  inside([mount], 'sh', ['-c', check, 'sh', ...paths(['name-', 'name-20000', 'zzz', '!', 'e', '...'])])
})

test('a mounted index shows sparse files of GNU tar', { skip }, () => {
  const source = scratch.folder()
  for (const [name, size, parts] of [
    ['holes', 3_000_000, [0, 65_536, 1_048_576]],
    ['end', 1_000_000, [1_000_000]],
    ['hole', 5_000_000, []],
  ] as const) {
    const fd = openSync(join(source, name), 'w')
    ftruncateSync(fd, size)
    for (const at of parts) writeSync(fd, Buffer.alloc(5000, `${at}`), 0, 5000, at)
    closeSync(fd)
  }
  for (const format of [['gnu'], ['pax', '--sparse-version=1.0'], ['pax', '--sparse-version=0.1']]) {
    const tar = inside([], 'tar', [`--format=${format[0]}`, ...format.slice(1), '-S', '-C', source, '-cf', '-', '.'])
    assert.ok(tar.length < 200_000, format.join(' '))
    const layer = scratch.store(tar)
    const mount = scratch.mount(layer)
    inside([mount], 'diff', ['-r', source, mount.target])
  }
})

test('a mounted index reads files far into a large tar', { skip }, () => {
  const gib = 2 ** 30
  const path = scratch.path()
  const fd = openSync(path, 'w')
  ftruncateSync(fd, 12 * gib)
  writeSync(fd, 'start', 5 * gib)
  writeSync(fd, 'end', 11 * gib - 3)
  closeSync(fd)
  const builder = new LayerTreeBuilder()
  builder.add(
    { name: 'large', kind: 'file', mode: 0o644, uid: 0, gid: 0, size: 6 * gib, mtime: { seconds: 0, nanoseconds: 0 } },
    5 * gib,
  )
  const index = `${path}.erofs`
  writeFileSync(index, Buffer.concat([...encodeErofs(builder.finish(), { devices: [{ bytes: 12 * gib }] })]))
  const mount: Mount = { kind: 'erofs', image: index, devices: [path], target: scratch.folder() }
  const large = join(mount.target, 'large')
  assert.equal(inside([mount], 'head', ['-c', '5', large]).toString(), 'start')
  assert.equal(inside([mount], 'tail', ['-c', '3', large]).toString(), 'end')
  assert.equal(inside([mount], 'stat', ['-c', '%s', large]).toString().trim(), String(6 * gib))
})

/** The same layers, put over each other by overlayfs and by a merged index. */
const bothWays = (layers: readonly StoredLayer[]): { readonly overlay: string[]; readonly merged: string[] } => {
  const mounts = layers.map((layer) => scratch.mount(layer))
  const target = scratch.folder()
  const overlay: Mount = { kind: 'overlay', target, lower: mounts.map((mount) => mount.target).toReversed() }
  const merged = scratch.mountMerged(layers)
  return { overlay: listing([...mounts, overlay], target), merged: listing([merged], merged.target) }
}

test('a merged index shows what overlayfs makes of the indexes of its layers', { skip }, async () => {
  const base = [
    folder('.'),
    folder('a', { mode: 0o711, uid: 5 }),
    folder('a/b'),
    file('a/b/c', 'base'),
    file('a/x', 'x'),
    folder('gone'),
    file('gone/f'),
    folder('o'),
    file('o/f', 'f'),
    file('h1', 'linked'),
    hardLink('h2', 'h1'),
    file('t', 'file'),
  ]
  const middle = [
    folder('.', { mode: 0o700 }),
    folder('a', { uid: 6, xattrs: { 'user.a': Buffer.from('1') } }),
    file('a/.wh.x'),
    file('a/y', 'y'),
    file('.wh.gone'),
    folder('o', { mode: 0o500 }),
    file('o/g', 'g'),
    file('o/.wh..wh..opq'),
    folder('t'),
    file('t/in', 'in'),
  ]
  const top = [
    folder('.', { mode: 0o751 }),
    file('a/z', 'z'),
    folder('a'),
    file('h1', 'other'),
    folder('gone'),
    file('gone/again', 'again'),
    file('.wh.t'),
  ]
  const layers = await Promise.all([base, middle, top].map(async (entries) => scratch.store(await tarOf(entries))))
  const { overlay, merged } = bothWays(layers)
  assert.deepEqual(merged, overlay)
  assert.deepEqual(
    merged.map((line) => (JSON.parse(line.split(' sha')[0]!) as TarEntry).name),
    ['.', './a', './a/b', './a/b/c', './a/y', './a/z', './gone', './gone/again', './h1', './h2', './o', './o/g'],
  )
})

test('a merged index shows what overlayfs shows, whatever the layers', { skip }, async () => {
  const part = fc.constantFrom('a', 'b', 'c')
  const path = fc.array(part, { minLength: 1, maxLength: 3 })
  const op = fc.record({
    path,
    kind: fc.constantFrom('file', 'file', 'folder', 'folder', 'symlink', 'whiteout', 'opaque'),
    id: fc.nat(50),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(op, { maxLength: 10 }), { minLength: 2, maxLength: 4 }), async (all) => {
      const layers: StoredLayer[] = []
      for (const ops of all) {
        const lower = mergeTrees(layers.map((layer) => treeOfTar(layer.tar)))
        const entries = [folder('.')]
        const whiteouts: LayerFixture[] = []
        for (const { path, kind, id } of ops) {
          // every folder is described: overlayfs does not know implicit ones
          for (let i = 1; i < path.length; i++) entries.push(folder(path.slice(0, i).join('/'), { uid: id }))
          const parent = path
            .slice(0, -1)
            .map((one) => `${one}/`)
            .join('')
          const name = path.at(-1) ?? ''
          if (kind === 'folder') entries.push(folder(parent + name, { uid: id, mtime: { seconds: id, nanoseconds: 0 } }))
          else if (kind === 'symlink') entries.push(symlink(parent + name, `to-${id}`))
          else if (kind === 'file') entries.push(file(parent + name, `body ${id}`))
          else if (kind === 'opaque') {
            // overlayfs does not look whether a root is opaque
            if (parent !== '') entries.push(file(`${parent}.wh..wh..opq`))
          }
          // overlayfs lists a whiteout that has nothing to hide, though it does not find it
          else if (findNode(lower, parent + name) !== undefined) whiteouts.push(file(`${parent}.wh.${name}`))
        }
        const tree = treeOfTar(await tarOf(entries))
        const hides = ({ name }: LayerFixture): boolean =>
          name.split('/').every((_, i, parts) => findNode(tree, parts.slice(0, i).join('/'))?.opaque !== true)
        layers.push(scratch.store(await tarOf([...entries, ...whiteouts.filter(hides)])))
      }
      const { overlay, merged } = bothWays(layers)
      assert.deepEqual(merged, overlay)
    }),
    { numRuns: 40, seed: 9 },
  )
})
