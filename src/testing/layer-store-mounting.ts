import assert from 'node:assert/strict'
import { ftruncateSync, linkSync, mkdirSync, openSync, closeSync, symlinkSync, writeFileSync, writeSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { file, folder, hardLink, symlink, tarOf } from '../layers/erofs/test-layers.ts'
import { inside, listing, noMounting } from '../layers/erofs/test-mounts.ts'
import { streamOf } from '../lib/bytes.ts'
import { nativeFiles } from '../lib/native-files.ts'
import type { DiffId } from '../oci/digest.ts'
import {
  addAll,
  assertTidy,
  mountsOf,
  openFixture,
  seen,
  seenPaths,
  type LayerStoreFixture,
  type LayerStoreSuite,
} from './layer-store-fixture.ts'

const skip = noMounting()

const extracted = async (fixture: LayerStoreFixture, tar: Buffer): Promise<string[]> => {
  const path = await fixture.space()
  const args = [
    '--xattrs',
    '--xattrs-include=*',
    '--acls',
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

/** What mounting layers shows, and that it takes writes. */
export const testLayerMounting = (suite: LayerStoreSuite): void => {
  testContents(suite)
  testStacks(suite)
  testWriting(suite)
}

const testContents = (suite: LayerStoreSuite): void => {
  for (const format of ['v7', 'ustar', 'oldgnu', 'gnu', 'pax'] as const) {
    test(`what GNU tar packed as ${format} is mounted as GNU tar unpacks it`, { skip }, async () => {
      await using fixture = await openFixture(suite)
      const source = await fixture.space()
      fill(source, format)
      const extra = format === 'pax' ? ['--xattrs', '--xattrs-include=*', '-S'] : format.includes('gnu') ? ['-S'] : []
      const tar = inside([], 'tar', [`--format=${format}`, ...extra, '-C', source, '-cf', '-', '.'])
      const { diffId } = await fixture.store.create(streamOf(tar))
      assert.deepEqual(await seen(fixture, [diffId]), await extracted(fixture, tar))
    })
  }

  test('owners, modes, times, devices, links and xattrs are mounted as they are', { skip }, async () => {
    await using fixture = await openFixture(suite)
    const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex')
    const tar = await tarOf([
      folder('.', { mode: 0o751, uid: 7, mtime: { seconds: 1_600_000_000, nanoseconds: 1 } }),
      folder('closed', { mode: 0o000, uid: 12, gid: 34 }),
      file('closed/f', 'closed', { mode: 0o000 }),
      folder('sticky', { mode: 0o3777, xattrs: { 'user.a': Buffer.alloc(2000, 'v'), 'trusted.t': Buffer.from('\0\n') } }),
      file('setuid', 'body', { mode: 0o6755, uid: 70_000, gid: 3_000_000_000 }),
      file('capability', 'body', { uid: 5, xattrs: { 'security.capability': capability } }),
      file('negative', 'x', { mtime: { seconds: -100, nanoseconds: 999_999_999 } }),
      file('late', 'x', { mtime: { seconds: 2 ** 33, nanoseconds: 123_456_789 } }),
      ...[0, 1, 511, 512, 513, 4096, 1_100_000].map((size) => file(`size-${size}`, Buffer.alloc(size, `${size}`))),
      { ...symlink('symlink', 'to nowhere'), uid: 9, mtime: { seconds: 5, nanoseconds: 6 } },
      hardLink('a-link', 'size-513'),
      hardLink('closed/link', 'a-link'),
      hardLink('z-link', 'symlink'),
      { name: 'character', kind: 'character', device: { major: 5, minor: 1 }, mode: 0o620 },
      { name: 'block', kind: 'block', device: { major: 259, minor: 300 }, mode: 0o660 },
      { name: 'fifo', kind: 'fifo', mode: 0o666 },
      { name: 'raw-\ufffd', rawName: Buffer.from('7261772dfffe', 'hex'), body: 'raw' },
      file('ünïcödé-語', 'x'),
    ])
    const [id] = (await addAll(fixture.store, [tar])) as [DiffId]
    assert.deepEqual(await seen(fixture, [id]), await extracted(fixture, tar))
  })
}

/** A tree with all that GNU tar has ways to say. */
const fill = (source: string, format: string): void => {
  const long = format === 'v7' || format === 'ustar' ? 'n'.repeat(90) : 'n'.repeat(200)
  mkdirSync(join(source, 'd', long), { recursive: true })
  writeFileSync(join(source, 'd', long, 'f'), 'text', { mode: 0o640 })
  writeFileSync(join(source, 'd', Buffer.from([0xe9]).toString('latin1')), 'name')
  linkSync(join(source, 'd', long, 'f'), join(source, 'hard'))
  symlinkSync(long, join(source, 'd/symlink'))
  writeFileSync(join(source, 'attributes'), 'x')
  nativeFiles().setXattr(join(source, 'attributes'), 'user.name', Buffer.from('value'))
  const fd = openSync(join(source, 'sparse'), 'w')
  ftruncateSync(fd, 3_000_000)
  for (const at of [0, 65_536, 2_000_000 - (2_000_000 % 4096)]) writeSync(fd, Buffer.alloc(5000, 's'), 0, 5000, at)
  closeSync(fd)
}

const testStacks = (suite: LayerStoreSuite): void => {
  test('layers are put over each other with their whiteouts and opaque folders', { skip }, async () => {
    await using fixture = await openFixture(suite)
    const ids = await addAll(fixture.store, [
      await tarOf([
        folder('a', { uid: 1 }),
        file('a/keep', 'base'),
        file('a/gone'),
        folder('b'),
        file('b/hidden'),
        folder('c'),
        file('c/f'),
        file('t'),
      ]),
      await tarOf([
        folder('a', { uid: 2 }),
        file('a/.wh.gone'),
        folder('b'),
        file('b/.wh..wh..opq'),
        file('b/new'),
        file('.wh.c'),
        folder('t'),
        file('t/in'),
      ]),
      await tarOf([folder('a', { uid: 2 }), file('a/gone', 'again'), folder('c'), file('c/other'), file('.wh.t')]),
    ])
    const paths = ['a', 'a/gone', 'a/keep', 'b', 'b/new', 'c', 'c/other']
    assert.deepEqual(await seenPaths(fixture, ids), paths)
    assert.deepEqual(await seenPaths(fixture, ids.slice(0, 2)), ['a', 'a/keep', 'b', 'b/new', 't', 't/in'])
    const { mounts, target } = await mountsOf(fixture, ids, { writable: true })
    assert.equal(inside(mounts, 'cat', [join(target, 'a/gone'), join(target, 'a/keep')]).toString(), 'againbase')
    // after a merged index, or whatever the store makes ahead, it is the same
    await fixture.store.prepare(ids)
    assert.deepEqual(await seenPaths(fixture, ids), paths)
  })

  test('what a layer only mentions is as the layers below it have it', { skip }, async () => {
    await using fixture = await openFixture(suite)
    const ids = await addAll(fixture.store, [
      await tarOf([
        folder('opt', { mode: 0o750, uid: 7, xattrs: { 'user.a': Buffer.from('1') } }),
        file('opt/below', 'below', { uid: 8 }),
      ]),
      await tarOf([file('opt/app', 'app'), hardLink('opt/link', 'opt/below'), file('new/f')]),
      await tarOf([file('opt/third', 'third')]),
    ])
    for (const stack of [ids, [ids[0], ids[2]] as DiffId[]]) {
      const { mounts, target } = await mountsOf(fixture, stack)
      assert.equal(inside(mounts, 'stat', ['-c', '%a %u', join(target, 'opt')]).toString(), '750 7\n')
    }
    const { mounts, target } = await mountsOf(fixture, ids)
    assert.equal(inside(mounts, 'cat', [join(target, 'opt/link')]).toString(), 'below')
    assert.equal(inside(mounts, 'stat', ['-c', '%a %u', join(target, 'new')]).toString(), '755 0\n')
    assert.equal(inside(mounts, 'stat', ['-c', '%u', join(target, 'opt/link')]).toString(), '8\n')
  })

  test('whiteouts that hide nothing here, and opaque roots, are seen as what they are', { skip }, async () => {
    await using fixture = await openFixture(suite)
    const [base, useless, opaque, top] = (await addAll(fixture.store, [
      await tarOf([folder('a'), file('a/f'), file('g')]),
      await tarOf([folder('b'), file('b/.wh.x'), folder('a'), file('a/.wh.f'), file('a/y')]),
      await tarOf([file('.wh..wh..opq'), folder('a'), file('a/z')]),
      await tarOf([folder('a'), file('a/top')]),
    ])) as [DiffId, DiffId, DiffId, DiffId]
    assert.deepEqual(await seenPaths(fixture, [base, useless]), ['a', 'a/y', 'b', 'g'])
    assert.deepEqual(await seenPaths(fixture, [useless]), ['a', 'a/y', 'b'])
    assert.deepEqual(await seenPaths(fixture, [base, opaque]), ['a', 'a/z'])
    assert.deepEqual(await seenPaths(fixture, [base, useless, opaque, top]), ['a', 'a/top', 'a/z'])
    const { mounts, target } = await mountsOf(fixture, [useless], { writable: true })
    assert.equal(inside(mounts, 'ls', ['-A', join(target, 'b')]).toString(), '')
  })

  test('an image may have any number of layers', { skip }, async () => {
    await using fixture = await openFixture(suite)
    const tars = Array.from({ length: 60 }, (_, i) =>
      tarOf([folder('d'), file(`d/f${i}`, `${i}`), file('d/last', `${i}`), ...(i > 0 ? [file(`d/.wh.f${i - 1}`)] : [])]),
    )
    const ids = await addAll(fixture.store, await Promise.all(tars))
    for (const count of [60, 9, 20]) {
      assert.deepEqual(await seenPaths(fixture, ids.slice(0, count)), ['d', `d/f${count - 1}`, 'd/last'])
      const { mounts, target } = await mountsOf(fixture, ids.slice(0, count), { writable: true })
      assert.equal(inside(mounts, 'cat', [join(target, 'd/last')]).toString(), `${count - 1}`)
    }
    await assertTidy(fixture, ids)
  })

  test('an image without layers is an empty folder', { skip }, async () => {
    await using fixture = await openFixture(suite)
    await fixture.store.prepare([])
    assert.deepEqual(await seenPaths(fixture, []), [])
    const { mounts, target, upper } = await mountsOf(fixture, [], { writable: true })
    inside(mounts, 'touch', [join(target, 'f')])
    assert.deepEqual(await readdir(upper), ['f'])
  })
}

const testWriting = (suite: LayerStoreSuite): void => {
  test('only the upper folder is written to', { skip }, async () => {
    await using fixture = await openFixture(suite)
    const ids = await addAll(fixture.store, [
      await tarOf([folder('d', { mode: 0o711 }), file('d/f', 'base'), file('d/g'), folder('e'), file('e/h')]),
      await tarOf([folder('d', { mode: 0o711 }), file('d/i', 'second')]),
    ])
    const before = await seen(fixture, ids)
    const { mounts, target, upper } = await mountsOf(fixture, ids, { writable: true })
    const script =
      'cd "$1" && echo more >> d/f && rm d/g d/i && rm -r e && mkdir e && echo new > e/n && mv d/f d/moved && chmod 700 d'
    inside(mounts, 'sh', ['-c', script, 'sh', target])
    assert.equal(await readFile(join(upper, 'd/moved'), 'utf8'), 'basemore\n')
    assert.deepEqual((await readdir(upper)).sort(), ['d', 'e'])
    assert.deepEqual(await seen(fixture, ids), before)
    // mounted once more, the changes are there
    const again = await mountsOf(fixture, ids, { writable: true })
    const mount = again.mounts.at(-1)
    assert.equal(mount?.kind, 'overlay')
  })

  test('a read-only stack refuses writes', { skip }, async () => {
    await using fixture = await openFixture(suite)
    const ids = await addAll(fixture.store, [await tarOf([file('f')]), await tarOf([file('g')])])
    for (const stack of [ids, ids.slice(1)]) {
      const { mounts, target } = await mountsOf(fixture, stack)
      const output = inside(mounts, 'sh', ['-c', 'echo x 2>&1 > "$1/g" || true', 'sh', target]).toString()
      assert.equal(inside(mounts, 'cat', [join(target, 'g')]).toString(), '', output)
    }
  })
}
