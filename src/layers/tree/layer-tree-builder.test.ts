import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../../lib/errors.ts'
import type { TarEntry } from '../../lib/tar/entry.ts'
import { bytesAsText } from './byte-text.ts'
import { LayerTreeBuilder } from './layer-tree-builder.ts'
import { findNode, walkTree, type LayerTree } from './layer-tree.ts'

type Short = Partial<TarEntry> & { readonly name: string }

const entryOf = ({ kind = 'file', ...rest }: Short): TarEntry => ({
  kind,
  mode: kind === 'folder' ? 0o700 : 0o644,
  uid: 1,
  gid: 2,
  size: 0,
  mtime: { seconds: 3, nanoseconds: 4 },
  ...rest,
})

const treeOf = (...entries: readonly (Short | string)[]): LayerTree => {
  const builder = new LayerTreeBuilder()
  for (const [index, entry] of entries.entries()) {
    const short: Short =
      typeof entry !== 'string' ? entry : entry.endsWith('/') ? { name: entry.slice(0, -1), kind: 'folder' } : { name: entry }
    builder.add(entryOf(short), index * 1024)
  }
  return builder.finish()
}

const listing = (tree: LayerTree): string[] =>
  [...walkTree(tree)].slice(1).map(({ path, node }) => {
    const marks = `${node.implicit ? ' implicit' : ''}${node.opaque ? ' opaque' : ''}`
    const target = node.rare?.target === undefined ? '' : ` -> ${node.rare.target}`
    return `${path} ${node.kind}${target}${marks}`
  })

const link = (name: string, linkName: string): Short => ({ name, kind: 'hardlink', linkName })
const symlink = (name: string, linkName: string): Short => ({ name, kind: 'symlink', linkName })

test('LayerTreeBuilder takes names relative to the root however they are written', () => {
  assert.deepEqual(listing(treeOf('./a', '/b', 'c/', './d//e/./f', 'g//')), [
    'a file',
    'b file',
    'c folder',
    'd folder implicit',
    'd/e folder implicit',
    'd/e/f file',
    'g folder',
  ])
})

test('LayerTreeBuilder describes the root when the tar has it', () => {
  assert.equal(treeOf('a').root.implicit, true)
  for (const name of ['.', './', '/', '']) {
    const root = treeOf('a', { name, kind: 'folder' }).root
    assert.deepEqual([root.implicit, root.mode, root.uid], [false, 0o700, 1], name)
  }
})

test('LayerTreeBuilder makes missing folders 0755 root and remembers that nobody described them', () => {
  const tree = treeOf('a/b')
  const folder = findNode(tree, 'a')
  assert.deepEqual([folder?.mode, folder?.uid, folder?.gid, folder?.implicit], [0o755, 0, 0, true])
  assert.equal(tree.implicitFolders, true)
  const described = treeOf('a/b', 'a/')
  assert.deepEqual([findNode(described, 'a')?.mode, findNode(described, 'a')?.implicit], [0o700, false])
  assert.equal(described.implicitFolders, false)
})

test('LayerTreeBuilder lets the last of the entries for a path win', () => {
  assert.deepEqual(listing(treeOf('a/', 'a/b', { name: 'a', kind: 'folder', mode: 0o711 })), ['a folder', 'a/b file'])
  assert.deepEqual(listing(treeOf('a/', 'a/b', 'a')), ['a file'])
  assert.deepEqual(listing(treeOf('a', 'a/', 'a/b')), ['a folder opaque', 'a/b file'])
  assert.deepEqual(listing(treeOf('a', symlink('a', 'x'))), ['a symlink -> x'])
  assert.equal(findNode(treeOf('a', { name: 'a', size: 7 }), 'a')?.position, 1024)
})

test('LayerTreeBuilder never lets a whiteout touch what the same layer brings', () => {
  assert.deepEqual(listing(treeOf('.wh.a', 'a')), ['a file'])
  assert.deepEqual(listing(treeOf('a', '.wh.a')), ['a file'])
  assert.deepEqual(listing(treeOf('d/', 'd/x', '.wh.d')), ['d folder opaque', 'd/x file'])
  assert.deepEqual(listing(treeOf('.wh.d', 'd/x')), ['d folder opaque', 'd/x file'])
  assert.deepEqual(listing(treeOf('d/x', 'd/.wh..wh..opq', 'd/y')), ['d folder implicit opaque', 'd/x file', 'd/y file'])
  assert.deepEqual(listing(treeOf('.wh.d', 'd/.wh.e')), ['d folder opaque', 'd/e whiteout'])
  assert.equal(treeOf('.wh..wh..opq').root.opaque, true)
})

test('LayerTreeBuilder takes a character device 0:0 for a whiteout', () => {
  assert.deepEqual(listing(treeOf({ name: 'a', kind: 'character', device: { major: 0, minor: 0 } })), ['a whiteout'])
})

test('LayerTreeBuilder ignores what aufs kept for itself, but links to it', () => {
  assert.deepEqual(listing(treeOf('.wh..wh.aufs', '.wh..wh.orph/', 'd/.wh..wh.x')), ['d folder implicit'])
  const tree = treeOf(
    '.wh..wh.plnk/',
    { name: '.wh..wh.plnk/1.2', size: 9 },
    link('a', '.wh..wh.plnk/1.2'),
    link('b', './.wh..wh.plnk/1.2'),
  )
  assert.deepEqual(listing(tree), ['a file', 'b file'])
  assert.equal(findNode(tree, 'a'), findNode(tree, 'b'))
  assert.deepEqual([findNode(tree, 'a')?.size, findNode(tree, 'a')?.links, tree.contentSize], [9, 2, 9])
})

test('LayerTreeBuilder gives all names of a hard link one node', () => {
  const tree = treeOf({ name: 'a', size: 5 }, link('d/b', '/a'), link('c', './d/b'), link('a', 'c'))
  assert.equal(findNode(tree, 'a'), findNode(tree, 'd/b'))
  assert.deepEqual([findNode(tree, 'c')?.links, tree.contentSize, tree.entries], [3, 5, 4])
  const replaced = treeOf('a', link('b', 'a'), link('c', 'a'), 'a', 'c/')
  assert.deepEqual([findNode(replaced, 'a')?.links, findNode(replaced, 'b')?.links], [1, 1])
})

test('LayerTreeBuilder keeps a hard link to what is not in the layer for the merge', () => {
  const tree = treeOf(link('a', '/usr/b'), link('c', 'a'), 'usr/')
  assert.deepEqual(listing(tree), ['a link -> usr/b', 'c link -> usr/b', 'usr folder'])
  assert.equal(tree.lowerLinks, true)
  assert.equal(findNode(tree, 'a'), findNode(tree, 'c'))
})

test('LayerTreeBuilder follows symlinks on the way to an entry inside the layer only', () => {
  assert.deepEqual(listing(treeOf('b/', symlink('a', 'b'), 'a/c')), ['a symlink -> b', 'b folder', 'b/c file'])
  assert.deepEqual(listing(treeOf(symlink('a', '/../../etc'), 'a/passwd')), [
    'a symlink -> /../../etc',
    'etc folder implicit',
    'etc/passwd file',
  ])
  assert.deepEqual(listing(treeOf(symlink('x/a', '../../..'), 'x/a/c')), [
    'c file',
    'x folder implicit',
    'x/a symlink -> ../../..',
  ])
  assert.deepEqual(listing(treeOf('d/f', symlink('l', 'd'), link('g', 'l/f'), 'l/.wh.z')), [
    'd folder implicit',
    'd/f file',
    'd/z whiteout',
    'g file',
    'l symlink -> d',
  ])
  // the last component is never followed
  assert.deepEqual(listing(treeOf('b/', symlink('a', 'b'), { name: 'a', kind: 'folder' }, 'a/c')), [
    'a folder opaque',
    'a/c file',
    'b folder',
  ])
})

test('LayerTreeBuilder refuses what leads out of the layer or makes no sense', () => {
  const long = Array.from({ length: 41 }, (_, i) => symlink(`l${i}`, `l${i + 1}`))
  const cases: readonly (readonly [string, readonly (Short | string)[]])[] = [
    ['..', ['../a']],
    ['.. inside', ['a/../b']],
    ['.. as the name', ['a/..']],
    ['NUL', ['a\0b']],
    ['component beyond 255 bytes', ['n'.repeat(256)]],
    ['folder beyond 255 bytes', [`${'n'.repeat(256)}/a`]],
    ['name beyond 255 bytes of UTF-8', ['ü'.repeat(128)]],
    ['root that is a file', ['.']],
    ['root that is a link', [link('/', 'a')]],
    ['bare whiteout', ['a/.wh.']],
    ['whiteout of .', ['a/.wh..']],
    ['whiteout of ..', ['a/.wh...']],
    ['something in a whiteout', ['.wh.a/b']],
    ['file on the way', ['a', 'a/b']],
    ['symlink to a file on the way', ['a', symlink('l', 'a'), 'l/b']],
    ['symlinks in a circle', [symlink('a', 'b'), symlink('b', 'a'), 'a/c']],
    ['too many symlinks', [...long, 'l0/x']],
    ['hard link to a folder', ['a/', link('b', 'a')]],
    ['hard link to the root', [link('b', '/')]],
    ['hard link out', ['a', link('b', '../a')]],
    ['hard link to a whiteout', ['.wh.a', link('b', 'a')]],
    ['empty symlink', [symlink('a', '')]],
    ['long symlink', [symlink('a', 'x'.repeat(4096))]],
    ['too deep', [`${'d/'.repeat(1030)}f`]],
    ['device number', [{ name: 'a', kind: 'block', device: { major: 4096, minor: 0 } }]],
    ['xattr beyond 64 KiB', [{ name: 'a', xattrs: { 'user.a': Buffer.alloc(0x1_0000) } }]],
  ]
  for (const [name, entries] of cases)
    assert.throws(
      () => treeOf(...entries),
      (error) => error instanceof GantryError && error.code === 'LAYER_INVALID',
      name,
    )
})

test('LayerTreeBuilder stops when symlinks make too much work', () => {
  const builder = new LayerTreeBuilder()
  const deep = 'd/'.repeat(800)
  builder.add(entryOf({ name: `${deep}f` }), 0)
  for (let i = 0; i < 10; i++) builder.add(entryOf(symlink(`l${i}`, `${deep}${'../'.repeat(800)}l${i + 1}`)), 0)
  builder.add(entryOf({ name: 'l10', kind: 'folder' }), 0)
  const many = (): void => {
    for (let i = 0; i < 10_000; i++) builder.add(entryOf({ name: `l0/${i}/x` }), 0)
  }
  assert.throws(many, (error) => error instanceof GantryError && error.code === 'LAYER_INVALID')
})

test('LayerTreeBuilder drops xattrs that overlayfs would obey and that no Linux has', () => {
  const xattrs = {
    'user.a': Buffer.from('1'),
    'trusted.overlay.opaque': Buffer.from('y'),
    'trusted.gantry.link': Buffer.from('x'),
    'com.apple.a': Buffer.from('1'),
  }
  assert.deepEqual(findNode(treeOf({ name: 'a', xattrs }), 'a')?.rare?.xattrs, { 'user.a': Buffer.from('1') })
  assert.equal(
    findNode(treeOf({ name: 'd', kind: 'folder', xattrs: { 'trusted.overlay.opaque': Buffer.from('y') } }), 'd')?.opaque,
    false,
  )
})

test('LayerTreeBuilder keeps names as bytes and sorts by them', () => {
  const raw = Buffer.from([0xff])
  const tree = treeOf('z', 'ü', { name: '\ufffd', rawName: raw }, '語')
  assert.deepEqual(
    [...walkTree(tree)].slice(1).map(({ path }) => Buffer.from(path, 'latin1').toString('hex')),
    ['7a', 'c3bc', 'e8aa9e', 'ff'],
  )
  assert.equal(findNode(tree, bytesAsText('', raw))?.kind, 'file')
})

test('LayerTreeBuilder says where the parts of a sparse file are', () => {
  const sparse = [
    { offset: 512, length: 512 },
    { offset: 4096, length: 10 },
  ]
  const node = findNode(treeOf('a', { name: 's', size: 8192, sparse }), 's')
  assert.deepEqual(node?.rare?.extents, [
    { offset: 512, length: 512, position: 1024 },
    { offset: 4096, length: 10, position: 1536 },
  ])
})

test('LayerTreeBuilder throws nothing but GantryErrors when names are hostile', () => {
  const name = fc
    .array(fc.constantFrom('a', 'b', '..', '.', '', '.wh.a', '.wh.', '.wh..wh..opq', '.wh..wh.plnk', 'x\0'), { maxLength: 4 })
    .map((parts) => parts.join('/'))
  const entry = fc.record({
    name,
    linkName: name,
    kind: fc.constantFrom<TarEntry['kind']>('file', 'folder', 'symlink', 'hardlink', 'character'),
  })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), (entries) => {
      const builder = new LayerTreeBuilder()
      for (const one of entries) {
        try {
          builder.add(entryOf(one), 0)
        } catch (error) {
          assert.ok(error instanceof GantryError, String(error))
        }
      }
      for (const { path } of walkTree(builder.finish()))
        assert.ok(!path.split('/').some((part) => part === '..' || part.startsWith('.wh.')), path)
    }),
    { numRuns: 3000, seed: 4 },
  )
})
