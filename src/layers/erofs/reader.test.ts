import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../../lib/errors.ts'
import type { TarEntry } from '../../lib/tar/entry.ts'
import { LayerTreeBuilder } from '../tree/layer-tree-builder.ts'
import { walkTree, type LayerTree } from '../tree/layer-tree.ts'
import { encodeErofs } from './encode.ts'
import { ErofsReader } from './reader.ts'
import { file, folder, hardLink, symlink, tarOf, treeOfTar, type LayerFixture } from './test-layers.ts'
import { treeOf } from './tree-of.ts'

const deviceBytes = 2 ** 40

const encode = (tree: LayerTree): Buffer =>
  Buffer.concat([
    ...encodeErofs(tree, { devices: Array.from({ length: tree.devices }, () => ({ bytes: deviceBytes, tag: 'tag' })) }),
  ])

const readerOf = async (...entries: readonly LayerFixture[]): Promise<ErofsReader> =>
  ErofsReader.of(encode(treeOfTar(await tarOf(entries))))

/** All that a tree says, in one comparable value. */
const plain = (tree: LayerTree): unknown => {
  const numbers = new Map<unknown, number>()
  return [...walkTree(tree)].map(({ path, node }) => {
    const number = numbers.get(node) ?? numbers.size
    numbers.set(node, number)
    const { children: _children, rare, ...rest } = node
    const xattrs = Object.entries(rare?.xattrs ?? {})
      .map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`)
      .sort()
    return { path, number, ...rest, rare: { ...rare, xattrs } }
  })
}

const counts = ({ root: _root, ...rest }: LayerTree): unknown => rest

test('ErofsReader finds every path and nothing else', async () => {
  const names = Array.from({ length: 3000 }, (_, i) => `d/name-${i}`)
  const reader = await readerOf(
    ...names.map((name) => file(name, 'x')),
    file('!before-dots'),
    file('-'),
    file('a/b/c'),
    symlink('s', 'a/b'),
  )
  for (const name of [...names, '!before-dots', '-', 'a', 'a/b', 'a/b/c', 's']) assert.equal(reader.entry(name)?.path, name)
  for (const name of ['d/name', 'd/name-3000', 'd/zzz', 'd/.', 'd/..', '.', '..', 'x', 'a/b/c/d', 's/c', 'a//b'])
    assert.equal(reader.entry(name), undefined, name)
  assert.equal(reader.entry('')?.kind, 'folder')
  assert.deepEqual(
    [...reader.list('d')].map((entry) => entry.path),
    names.toSorted(),
  )
  assert.deepEqual(
    [...reader.list('')].map((entry) => entry.path),
    ['!before-dots', '-', 'a', 'd', 's'],
  )
  assert.deepEqual([...reader.list('s')], [])
})

test('ErofsReader says of an entry all that the tar says', async () => {
  const xattrs = {
    'user.a': Buffer.from('1'),
    'security.capability': Buffer.from([1, 2]),
    'system.posix_acl_access': Buffer.from([3]),
    'user.big': Buffer.alloc(5000, 7),
  }
  const reader = await readerOf(
    file('f', 'body', {
      mode: 0o4755,
      uid: 70_000,
      gid: 4_000_000_000,
      mtime: { seconds: -5, nanoseconds: 999_999_999 },
      xattrs,
    }),
    symlink('short', 'f'),
    symlink('long', 'x/'.repeat(1000)),
    { name: 'block', kind: 'block', device: { major: 259, minor: 70_000 } },
    { name: 'fifo', kind: 'fifo' },
    file('d/.wh.gone'),
    file('d/.wh..wh..opq'),
    hardLink('lower', 'not/here'),
    { name: '\ufffd', rawName: Buffer.from([0xff]) },
  )
  const entry = reader.entry('f')!
  assert.deepEqual(
    {
      ...entry,
      inode: 0,
      xattrs: Object.fromEntries(Object.entries(entry.xattrs!).map(([name, value]) => [name, Buffer.from(value)])),
    },
    {
      path: 'f',
      kind: 'file',
      mode: 0o4755,
      uid: 70_000,
      gid: 4_000_000_000,
      size: 4,
      mtime: { seconds: -5, nanoseconds: 999_999_999 },
      xattrs,
      inode: 0,
      links: 1,
    },
  )
  assert.deepEqual(
    ['short', 'long'].map((name) => reader.entry(name)?.target),
    ['f', 'x/'.repeat(1000)],
  )
  assert.deepEqual([reader.entry('block')?.device, reader.entry('fifo')?.kind], [{ major: 259, minor: 70_000 }, 'fifo'])
  assert.deepEqual(
    [reader.entry('d')?.opaque, reader.entry('d')?.implicit, reader.entry('d')?.xattrs, reader.entry('d/gone')?.kind],
    [true, true, undefined, 'whiteout'],
  )
  assert.equal(reader.entry('lower')?.lowerLink, 'not/here')
  assert.deepEqual(reader.entry(Buffer.from([0xff]))?.rawPath, Buffer.from([0xff]))
})

test('ErofsReader streams all entries in order and names the first name of a hard link', async () => {
  const reader = await readerOf(file('b', 'x'), hardLink('a/z', 'b'), hardLink('c', 'b'), folder('a'))
  assert.deepEqual(
    [...reader.entries()].map((entry) => [entry.path, entry.hardLink, entry.links]),
    [
      ['', undefined, 3],
      ['a', undefined, 2],
      ['a/z', undefined, 3],
      ['b', 'a/z', 3],
      ['c', 'a/z', 3],
    ],
  )
})

test('ErofsReader says where the bytes of a file are', () => {
  const builder = new LayerTreeBuilder()
  const entry: TarEntry = {
    name: 'f',
    kind: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 5 * 2 ** 30,
    mtime: { seconds: 0, nanoseconds: 0 },
  }
  builder.add(entry, 6 * 2 ** 30)
  builder.add({ ...entry, name: 'empty', size: 0 }, 512)
  builder.add(
    {
      ...entry,
      name: 's',
      size: 20_000,
      sparse: [
        { offset: 4096, length: 8192 },
        { offset: 16_384, length: 3616 },
      ],
    },
    1024,
  )
  builder.add({ ...entry, name: 'hole', size: 2 ** 40, sparse: [] }, 512)
  const tree = builder.finish()
  const reader = ErofsReader.of(encode(tree))
  const parts = (path: string): unknown => reader.parts(reader.entry(path)!.inode)
  assert.deepEqual(parts('f'), [{ length: 5 * 2 ** 30, device: 0, position: 6 * 2 ** 30 }])
  assert.deepEqual(parts('empty'), [])
  assert.deepEqual(parts('s'), [
    { length: 4096, position: 0 },
    { length: 8192, device: 0, position: 1024 },
    { length: 4096, position: 0 },
    { length: 3616, device: 0, position: 9216 },
  ])
  assert.deepEqual(parts('hole'), [{ length: 2 ** 40, position: 0 }])
  assert.deepEqual(plain(treeOf(reader)), plain(tree))
})

test('encodeErofs() refuses sparse files that chunks cannot say', () => {
  for (const sparse of [[{ offset: 100, length: 512 }], [{ offset: 512, length: 2 ** 33 - 1024 }]]) {
    const builder = new LayerTreeBuilder()
    builder.add(
      { name: 's', kind: 'file', mode: 0, uid: 0, gid: 0, size: 2 ** 33, mtime: { seconds: 0, nanoseconds: 0 }, sparse },
      512,
    )
    assert.throws(
      () => encode(builder.finish()),
      (error) => error instanceof GantryError && error.code === 'LAYER_SPARSE',
    )
  }
})

test('encodeErofs() refuses more than 2 TiB', () => {
  const tree = new LayerTreeBuilder().finish()
  assert.throws(
    () => encodeErofs(tree, { devices: [{ bytes: 2 ** 41 }] }),
    (error) => error instanceof GantryError && error.code === 'EROFS_TOO_LARGE',
  )
})

test('encodeErofs() makes the same bytes whatever the order of the tar', async () => {
  const entries = [folder('a'), symlink('a/s', 't'), file('b'), folder('c')]
  const [one, other] = await Promise.all([tarOf(entries), tarOf(entries.toReversed())])
  assert.deepEqual(encode(treeOfTar(one)), encode(treeOfTar(other)))
})

test('treeOf() gives back the tree that an index was made of', () => {
  const part = fc.oneof(
    fc.constantFrom('a', 'b', 'c', '!', '..x', '.x', '-'),
    fc.string({ unit: fc.constantFrom('n', 'ü', '\u0001'), minLength: 1, maxLength: 100 }),
  )
  const name = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  const entry = fc.record({
    name,
    kind: fc.constantFrom<TarEntry['kind']>('file', 'folder', 'folder', 'symlink', 'hardlink', 'block', 'character', 'fifo'),
    whiteout: fc.integer({ min: 0, max: 9 }),
    mode: fc.nat(0o7777),
    uid: fc.nat(0xffff_ffff),
    seconds: fc.integer({ min: -(2 ** 45), max: 2 ** 45 }),
    size: fc.nat(2 ** 31),
    linkName: fc.oneof(
      name,
      fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1200 }).map((text) => text.replaceAll('\0', 'x')),
    ),
    minor: fc.nat(0xfffff),
    xattrs: fc.option(
      fc.dictionary(
        fc.constantFrom('user.a', 'security.b', 'trusted.c', 'system.posix_acl_default'),
        fc.uint8Array({ maxLength: 700 }),
        { minKeys: 1 },
      ),
      { nil: undefined, freq: 3 },
    ),
  })
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), (entries) => {
      const builder = new LayerTreeBuilder()
      for (const [index, { whiteout, seconds, minor, xattrs, linkName, size, ...one }] of entries.entries()) {
        const slash = one.name.lastIndexOf('/') + 1
        const prefix = whiteout === 0 ? '.wh.' : ''
        const link = one.kind === 'symlink' || one.kind === 'hardlink'
        const entry: TarEntry = {
          ...one,
          name:
            whiteout === 1
              ? `${one.name.slice(0, slash)}.wh..wh..opq`
              : one.name.slice(0, slash) + prefix + one.name.slice(slash),
          gid: 0,
          size: one.kind === 'file' ? size : 0,
          mtime: { seconds, nanoseconds: 5 },
          device: { major: 7, minor },
          ...(link ? { linkName } : {}),
          ...(xattrs === undefined ? {} : { xattrs }),
        }
        try {
          builder.add(entry, index * 512)
        } catch (error) {
          assert.ok(error instanceof GantryError, String(error))
        }
      }
      const tree = builder.finish()
      const again = treeOf(ErofsReader.of(encode(tree)))
      assert.deepEqual(plain(again), plain(tree))
      assert.deepEqual(counts(again), counts(tree))
    }),
    { numRuns: 300, seed: 6 },
  )
})

const consume = (reader: ErofsReader): void => {
  for (const entry of reader.entries()) {
    reader.parts(entry.inode)
    reader.entry(entry.rawPath ?? entry.path)
  }
  treeOf(reader)
}

test('ErofsReader throws data_loss and never hangs when the index is damaged', async () => {
  const names = Array.from({ length: 60 }, (_, i) => file(`d/e/name-${i}`, 'x'))
  const tree = treeOfTar(
    await tarOf([
      ...names,
      folder('d/f', { xattrs: { 'user.a': Buffer.alloc(600, 1) } }),
      symlink('s', 'x'.repeat(700)),
      file('b'),
      hardLink('c', 'b'),
      symlink('l', 'b'),
    ]),
  )
  const good = encode(tree)
  consume(ErofsReader.of(good))
  const safe = (bytes: Buffer): void => {
    try {
      consume(ErofsReader.of(bytes))
    } catch (error) {
      assert.ok(error instanceof GantryError && error.kind === 'data_loss', String((error as Error).stack))
    }
  }
  const mutation = fc.record({
    at: fc.integer({ min: 1024, max: good.length - 1 }),
    to: fc.oneof(fc.constantFrom(0, 1, 255), fc.nat(255)),
  })
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 6 }), (changes) => {
      const bytes = Buffer.from(good)
      for (const { at, to } of changes) bytes[at] = to
      safe(bytes)
    }),
    { numRuns: 800, seed: 7 },
  )
  for (let length = 0; length < good.length; length += 333) safe(good.subarray(0, length))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (random) => safe(Buffer.from(random))),
    { numRuns: 100, seed: 8 },
  )
})

test('ErofsReader refuses folders that lead in a circle', async () => {
  const image = encode(treeOfTar(await tarOf([folder('a'), folder('a/b'), file('a/b/c')])))
  const reader = ErofsReader.of(image)
  const [root, a] = [reader.entry('')!.inode, reader.entry('a')!.inode]
  // the dirent of b in a: make it lead to the root
  const from = Buffer.alloc(8)
  from.writeUInt32LE(reader.entry('a/b')!.inode)
  const at = image.indexOf(from, a * 32 + 64)
  image.writeUInt32LE(root, at)
  assert.throws(
    () => [...ErofsReader.of(image).entries()],
    (error) => error instanceof GantryError && error.code === 'EROFS_DAMAGED',
  )
})

test('ErofsReader.open() reads a file page by page like the bytes in memory', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'gantry-erofs-')), 'index')
  try {
    const image = encode(treeOfTar(await tarOf(Array.from({ length: 5000 }, (_, i) => file(`folder-${i % 50}/name-${i}`)))))
    assert.ok(image.length > 300_000)
    writeFileSync(path, image)
    using reader = ErofsReader.open(path)
    assert.deepEqual([...reader.entries()], [...ErofsReader.of(image).entries()])
    assert.deepEqual(reader.devices, ['tag'])
    assert.equal(reader.entry('folder-7/name-57')?.kind, 'file')
    assert.throws(() => ErofsReader.open(`${path}.none`))
  } finally {
    rmSync(join(path, '..'), { recursive: true })
  }
})
