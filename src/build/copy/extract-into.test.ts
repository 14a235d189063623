import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { collect, streamOf } from '../../lib/bytes.ts'
import { readTar } from '../../lib/tar/reader.ts'
import { writeTar, type TarInput } from '../../lib/tar/writer.ts'
import { testTree, type TestEntry } from '../test-tree.ts'
import { extractInto, type ExtractOptions } from './extract-into.ts'
import { LayerDraft } from './layer-draft.ts'
import { isArchive, spoolArchive } from './spool-archive.ts'

let folder = ''
let count = 0
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'gantry-extract-'))))
after(() => rm(folder, { recursive: true, force: true }))

const base = { mode: 0o644, uid: 1, gid: 2, size: 0, mtime: { seconds: 10, nanoseconds: 0 } }
const file = (name: string, text: string, rest: Partial<TarInput> = {}): TarInput => ({
  ...base,
  kind: 'file',
  name,
  size: Buffer.byteLength(text),
  body: streamOf(Buffer.from(text)),
  ...rest,
})
const dir = (name: string, mode = 0o755): TarInput => ({ ...base, kind: 'folder', name, mode })
const link = (name: string, linkName: string, kind: 'symlink' | 'hardlink' = 'symlink'): TarInput => ({
  ...base,
  kind,
  name,
  mode: kind === 'symlink' ? 0o777 : 0o644,
  linkName,
})
const tarOf = async (...entries: readonly TarInput[]): Promise<Buffer> => await collect(writeTar(entries), 1 << 24)

const extracted = async (
  tar: Uint8Array,
  target: Readonly<Record<string, TestEntry>> = {},
  options: Partial<ExtractOptions> = {},
): Promise<readonly string[]> => {
  const entries = await spoolArchive(streamOf(tar), join(folder, `spool-${count++}`))
  const draft = new LayerDraft(testTree(target))
  await extractInto(draft, entries, { destination: '/', time: { seconds: 99, nanoseconds: 0 }, ...options })
  const lines: string[] = []
  for await (const entry of readTar(writeTar(draft.tar()))) {
    const text = (await collect(entry.body, 1000)).toString()
    const target = entry.linkName === undefined ? '' : ` ${entry.kind === 'hardlink' ? '=' : '->'} ${entry.linkName}`
    lines.push(
      `${entry.mode.toString(8)} ${entry.uid}:${entry.gid} ${entry.name}${entry.kind === 'folder' ? '/' : ''}${target}${text === '' ? '' : ` "${text}"`}`,
    )
  }
  return lines
}

test('extractInto() keeps modes and owners of the archive (99)', async () => {
  const tar = await tarOf(
    dir('./'),
    dir('./d', 0o700),
    file('./d/f', 'x', { mode: 0o4711, uid: 7 }),
    link('l', 'd/f'),
    file('z', ''),
  )
  assert.deepEqual(await extracted(tar), ['700 1:2 d/', '4711 7:2 d/f "x"', '777 1:2 l -> d/f', '644 1:2 z'])
  assert.deepEqual(await extracted(tar, {}, { destination: '/opt/x/', owner: { uid: 9, gid: 8 } }), [
    '755 9:8 opt/',
    '755 9:8 opt/x/',
    '700 9:8 opt/x/d/',
    '4711 9:8 opt/x/d/f "x"',
    '777 9:8 opt/x/l -> d/f',
    '644 9:8 opt/x/z',
  ])
})

test('extractInto() makes folders that the archive does not have', async () => {
  assert.deepEqual(await extracted(await tarOf(file('a/b/c', 'x'))), ['755 0:0 a/', '755 0:0 a/b/', '644 1:2 a/b/c "x"'])
})

test('extractInto() confines names and links to the destination', async () => {
  const hostile = await tarOf(
    file('../../etc/passwd', 'evil'),
    file('/abs', 'evil'),
    link('out', '../../../..'),
    file('out/escaped', 'evil'),
    link('root', '/'),
    file('root/through', 'evil'),
    file('a/../../b', 'evil'),
  )
  for (const line of await extracted(hostile, {}, { destination: '/jail' })) assert.match(line, /^\S+ \S+ jail\//)
  const viaImage = await extracted(
    await tarOf(file('lib/x', 'X')),
    { 'jail/lib': '-> /usr/lib', 'usr/lib/y': '' },
    { destination: '/jail' },
  )
  assert.deepEqual(viaImage.at(-1), '644 1:2 jail/usr/lib/x "X"')
})

test('extractInto() replaces what is in the way', async () => {
  const target: Readonly<Record<string, TestEntry>> = { 'd/old': 'old', f: 'old', l: '-> f' }
  assert.deepEqual(await extracted(await tarOf(file('d', 'now a file'), dir('f'), file('l', 'now a file')), target), [
    '644 1:2 d "now a file"',
    '755 1:2 f/',
    '644 1:2 l "now a file"',
  ])
  const back = await extracted(await tarOf(file('d', 'x'), dir('d'), file('d/new', 'n')), target)
  assert.deepEqual(back, ['755 1:2 d/', '600 0:0 d/.wh..wh..opq', '644 1:2 d/new "n"'])
})

test('extractInto() takes the last of several entries of one name', async () => {
  assert.deepEqual(await extracted(await tarOf(file('a', '1'), file('./a', '2'))), ['644 1:2 a "2"'])
})

test('extractInto() keeps hard links within the archive', async () => {
  const tar = await tarOf(file('a', 'x'), link('d/b', './a', 'hardlink'), link('c', 'd/b', 'hardlink'))
  assert.deepEqual(await extracted(tar, {}, { destination: '/n' }), [
    '755 0:0 n/',
    '644 1:2 n/a "x"',
    '755 0:0 n/d/',
    '644 1:2 n/c = n/a',
    '644 1:2 n/d/b = n/a',
  ])
  await assert.rejects(extracted(await tarOf(link('b', '/etc/shadow', 'hardlink'))), { code: 'ARCHIVE_LINK' })
})

test('extractInto() keeps names that are not UTF-8', async () => {
  const draft = new LayerDraft(testTree({}))
  const raw = Buffer.from([0x61, 0xff])
  const entries = await spoolArchive(streamOf(await tarOf({ ...file('a\u{fffd}', 'x'), rawName: raw })), join(folder, 'raw'))
  await extractInto(draft, entries, { destination: '/', time: { seconds: 0, nanoseconds: 0 } })
  assert.deepEqual(Buffer.from([...draft.tar()][0]?.rawName ?? []), raw)
})

test('extractInto() refuses whiteouts', async () => {
  await assert.rejects(extracted(await tarOf(file('.wh.etc', ''))), { code: 'WHITEOUT_NAME' })
})

test('isArchive() goes by content, not by name (99)', async () => {
  const tar = await tarOf(file('a', 'x'))
  const path = join(folder, 'plain.tar')
  await writeFile(path, tar)
  const packed = {
    gzip: gzipSync(tar),
    zstd: zstdCompressSync(tar),
    bzip2: execFileSync('bzip2', ['-c', path]),
    xz: execFileSync('xz', ['-c', path]),
    none: tar,
  }
  for (const [name, bytes] of Object.entries(packed)) {
    assert.ok(await isArchive(streamOf(bytes)), name)
    assert.deepEqual(await extracted(bytes), ['644 1:2 a "x"'], name)
  }
  for (const bytes of [
    gzipSync('no tar'),
    Buffer.from('no tar'),
    Buffer.alloc(0),
    Buffer.alloc(2000, 'x'),
    Buffer.alloc(10240),
    tar.subarray(0, 300),
  ])
    assert.equal(await isArchive(streamOf(bytes)), false)
})

test('spoolArchive() keeps the bytes of files in one new file', async () => {
  const path = join(folder, 'kept')
  const entries = await spoolArchive(streamOf(await tarOf(file('a', 'one'), file('b', ''), file('c', 'three'))), path)
  assert.equal(await readFile(path, 'utf8'), 'onethree')
  assert.deepEqual(await Promise.all(entries.map(async ({ body }) => (await collect(body!.open(), 10)).toString())), [
    'one',
    '',
    'three',
  ])
  await assert.rejects(spoolArchive(streamOf(Buffer.from('no tar'.repeat(200))), join(folder, 'bad')), { code: 'TAR_INVALID' })
})
