import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { collect, streamOf } from '../lib/bytes.ts'
import { inMountNamespace } from '../lib/mount-namespace.ts'
import { nativeFiles } from '../lib/native-files.ts'
import type { TarEntry } from '../lib/tar/entry.ts'
import { TarParser } from '../lib/tar/parser.ts'
import { readTar } from '../lib/tar/reader.ts'
import { addAll, mountsOf, openFixture } from '../testing/layer-store-fixture.ts'
import { changesOf } from './changes.ts'
import { diffUpper, type DiffOptions } from './diff.ts'
import { file, folder, tarOf } from './erofs/test-layers.ts'
import { inside, listing, noMounting } from './erofs/test-mounts.ts'
import { createFolderLayerStore, createTarLayerStore } from './layer-store.ts'
import { openStack } from './stack.ts'
import { textFromBytes } from './tree/byte-text.ts'

const skip = noMounting()
const suites = [
  { name: 'createTarLayerStore', module: '', open: createTarLayerStore },
  { name: 'createFolderLayerStore', module: '', open: createFolderLayerStore },
]
const [suite] = suites as [(typeof suites)[number]]

const diff = (upper: string, options?: DiffOptions): Promise<Buffer> => collect(diffUpper(upper, options), 1 << 28)

const entriesOf = (tar: Buffer): TarEntry[] => {
  const entries: TarEntry[] = []
  const parser = new TarParser({ entry: (entry) => entries.push(entry) })
  parser.feed(tar)
  parser.finish()
  return entries
}

const namesOf = (tar: Buffer): string[] => entriesOf(tar).map((entry) => entry.name)

for (const suite of suites) {
  test(`diffUpper() is the layer that shows what a container saw, over ${suite.name}()`, { skip }, async () => {
    await using fixture = await openFixture(suite)
    const base = await addAll(fixture.store, [
      await tarOf([
        folder('d', { mode: 0o750, uid: 3 }),
        file('d/f', 'base'),
        file('d/g', 'g'),
        folder('gone'),
        file('gone/x'),
        folder('again'),
        file('again/old'),
        folder('turned'),
        file('turned/in'),
        file('file', 'file'),
        folder('deep/er', { mode: 0o700 }),
        file('deep/er/f', 'deep'),
      ]),
      await tarOf([folder('moved'), file('moved/one', '1'), file('capable', 'x', { xattrs: { 'user.a': Buffer.from('1') } })]),
    ])
    const { mounts, target, upper } = await mountsOf(fixture, base, { writable: true })
    const script = `cd "$1"; umask 022
      echo more >> d/f; rm d/g; rm -r gone; rm -r again; mkdir again; echo new > again/new; rm -r turned; ln -s d turned
      rm file; mkdir file; echo in > file/in; mv moved elsewhere; chown 12:34 deep/er/f; touch -d @5.000000007 deep/er
      echo a > l1; ln l1 l2; ln l1 d/l3; mkfifo pipe; mknod zero c 1 5; chmod 4711 l1
      printf x > "$(printf 'raw-\\377')"; mkdir empty; ln -s "$(printf '%0300d' 0)" long; truncate -s 300000 sparse`
    const before = inside(mounts, 'bash', ['-ec', `${script}; tar -C "$1" --sort=name -cf - . | wc -c`, 'bash', target])
    assert.ok(Number(before) > 10_000)
    inMountNamespace(mounts, [], () => nativeFiles().setXattr(join(target, 'capable'), 'user.b', Buffer.from('2')))
    const seen = listing(mounts, target)
    const tar = await diff(upper)
    const { diffId } = await fixture.store.create(streamOf(tar))
    const after = await mountsOf(fixture, [...base, diffId])
    // the folder itself is no part of a layer
    assert.deepEqual(listing(after.mounts, after.target).slice(1), seen.slice(1))
    assert.ok((await diff(upper)).equals(tar))
    const names = namesOf(tar)
    assert.deepEqual(names.slice(0, 3), ['.wh.gone', '.wh.moved', 'again'])
    assert.deepEqual(
      names.filter((name) => name.includes('.wh.')),
      ['.wh.gone', '.wh.moved', 'again/.wh..wh..opq', 'd/.wh.g', 'file/.wh..wh..opq'],
    )
    assert.equal(entriesOf(tar).filter((entry) => entry.kind === 'hardlink').length, 2)
    for (const entry of entriesOf(tar)) for (const name of Object.keys(entry.xattrs ?? {})) assert.match(name, /^user\.[ab]$/)
  })
}

test('changesOf() tells what docker diff tells', { skip }, async () => {
  await using fixture = await openFixture(suite)
  const ids = await addAll(fixture.store, [
    await tarOf([folder('d'), file('d/f'), file('d/g'), folder('e'), file('e/old'), file('t')]),
  ])
  const { mounts, target, upper } = await mountsOf(fixture, ids, { writable: true })
  inside(mounts, 'sh', [
    '-ec',
    'cd "$1"; echo x > d/f; rm d/g; rm -r e; mkdir e; touch e/old n; rm t; mkdir t; touch t/x',
    'sh',
    target,
  ])
  await using stack = openStack(await Promise.all(ids.map((id) => fixture.store.open(id))))
  const changes = (await Array.fromAsync(changesOf(upper, stack))).map(({ kind, path }) => `${kind} ${path}`)
  assert.deepEqual(changes, [
    'changed d',
    'deleted d/g',
    'changed d/f',
    'changed e',
    'added e/old',
    'added n',
    'changed t',
    'added t/x',
  ])
})

test('diffUpper() writes a tar that GNU tar unpacks to the same', { skip }, async () => {
  await using fixture = await openFixture(suite)
  const upper = await fixture.space()
  mkdirSync(join(upper, 'd'))
  writeFileSync(join(upper, 'd/f'), Buffer.alloc(700_000, 'f'))
  writeFileSync(join(upper, 'd/empty'), '')
  linkSync(join(upper, 'd/f'), join(upper, 'a-link'))
  symlinkSync('nowhere', join(upper, 'symlink'))
  symlinkSync('x', join(upper, 'linked'))
  spawnSync('ln', ['-P', join(upper, 'linked'), join(upper, 'linked-too')])
  nativeFiles().setTime(join(upper, 'd/empty'), { seconds: -7, nanoseconds: 5 })
  nativeFiles().mknod(join(upper, 'device'), 0o060640, 259, 70_000)
  chmodSync(join(upper, 'd'), 0o1777)
  const target = await fixture.space()
  inside([], 'tar', ['--same-permissions', '--delay-directory-restore', '-C', target, '-xf', '-'], await diff(upper))
  assert.deepEqual(listing([], target).slice(1), listing([], upper).slice(1))
})

test('diffUpper() leaves out sockets and what is excluded, and clamps times', { skip }, async () => {
  await using fixture = await openFixture(suite)
  const upper = await fixture.space()
  for (const name of ['keep', 'proc', 'proc/sub']) mkdirSync(join(upper, name))
  for (const name of ['keep/new', 'keep/old', 'keep/proc', 'proc/sub/f']) writeFileSync(join(upper, name), '')
  utimesSync(join(upper, 'keep/old'), 1000, 1000)
  symlinkSync('x', join(upper, 'keep/symlink'))
  lutimesSync(join(upper, 'keep/symlink'), 9e9, 9e9)
  const server = createServer().listen(join(upper, 'keep/socket'))
  await new Promise((resolve) => server.once('listening', resolve))
  const entries = entriesOf(await diff(upper, { exclude: ['proc'], clampTime: 2000 }))
  const now = entriesOf(await diff(upper, { exclude: ['proc'], clampTime: 9.5e9, clampFrom: 1001 }))
  server.close()
  assert.deepEqual(
    now.map(({ name, mtime }) => `${name} ${mtime.seconds}`),
    ['keep 9500000000', 'keep/new 9500000000', 'keep/old 1000', 'keep/proc 9500000000', 'keep/symlink 9500000000'],
  )
  assert.deepEqual(
    entries.map(({ name, mtime }) => `${name} ${mtime.seconds}`),
    ['keep 2000', 'keep/new 2000', 'keep/old 1000', 'keep/proc 2000', 'keep/symlink 2000'],
  )
  assert.equal((await diff(await fixture.space())).length, 1024)
})

test('diffUpper() moves the time in compiled Python files with that of their source', { skip }, async () => {
  await using fixture = await openFixture(suite)
  const upper = await fixture.space()
  const compiled = (flags: number, time: number, magic = '\r\n'): Buffer => {
    const header = Buffer.alloc(16)
    header.write(`\xa7\x0d${magic}`, 'latin1')
    header.writeUInt32LE(flags, 4)
    header.writeUInt32LE(time, 8)
    return Buffer.concat([header, Buffer.alloc(300_000, 7)])
  }
  const files: Readonly<Record<string, Buffer>> = {
    'later.pyc': compiled(0, 5000),
    'earlier.pyc': compiled(0, 1000),
    'hash.pyc': compiled(1, 5000),
    'other.pyc': compiled(0, 5000, 'xx'),
    'text.txt': compiled(0, 5000),
    'short.pyc': Buffer.from('abc'),
  }
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(upper, name), bytes)
  const written: Record<string, Buffer> = {}
  for await (const { name, body } of readTar(streamOf(await diff(upper, { clampTime: 2000 }))))
    written[name] = await collect(body, 1 << 20)
  assert.deepEqual(written, { ...files, 'later.pyc': compiled(0, 2000) })
  for await (const { name, body } of readTar(streamOf(await diff(upper))))
    assert.deepEqual(await collect(body, 1 << 20), files[name])
})

test('diffUpper() refuses what a layer cannot say', { skip }, async () => {
  await using fixture = await openFixture(suite)
  const [upper, other] = [await fixture.space(), await fixture.space()]
  writeFileSync(join(upper, '.wh.x'), '')
  await assert.rejects(diff(upper), { kind: 'failed_precondition', code: 'UPPER_FOLDER' })
  mkdirSync(join(other, 'd'))
  nativeFiles().setXattr(join(other, 'd'), 'trusted.overlay.redirect', Buffer.from('/x'))
  await assert.rejects(diff(other), { kind: 'failed_precondition', code: 'UPPER_FOLDER' })
})

test('diffUpper() refuses files that change while they are read', { skip }, async () => {
  for (const change of ['grow', 'shrink', 'rewrite'] as const) {
    await using fixture = await openFixture(suite)
    const upper = await fixture.space()
    const path = join(upper, 'f')
    writeFileSync(path, Buffer.alloc(2_000_000, 'x'))
    const tar = async (): Promise<void> => {
      let first = true
      for await (const _ of diffUpper(upper)) {
        if (first)
          writeFileSync(path, Buffer.alloc(change === 'grow' ? 10 : change === 'shrink' ? 1000 : 2_000_000), {
            flag: change === 'grow' ? 'a' : 'w',
          })
        first = false
      }
    }
    await assert.rejects(tar(), { kind: 'failed_precondition', code: 'FILE_CHANGED' })
  }
})

test('diffUpper() keeps names that are not UTF-8, in byte order', { skip }, async () => {
  await using fixture = await openFixture(suite)
  const upper = await fixture.space()
  const names = ['z', 'a', 'B', 'ä', '語'].map((name) => Buffer.from(name))
  names.push(Buffer.from([0xff]), Buffer.from([0xc3]))
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${upper}/`), name]), name)
  const seen: string[] = []
  for await (const entry of readTar(streamOf(await diff(upper)))) {
    const name = Buffer.from(entry.rawName ?? Buffer.from(entry.name))
    assert.ok((await collect(entry.body, 100)).equals(name))
    seen.push(name.toString('hex'))
  }
  assert.deepEqual(seen, names.map((name) => name.toString('hex')).sort())
  assert.equal(textFromBytes('a').text, 'a')
})
