import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collect } from '../../lib/bytes.ts'
import { readTar } from '../../lib/tar/reader.ts'
import { writeTar } from '../../lib/tar/writer.ts'
import { testTree, type TestEntry } from '../test-tree.ts'
import type { MemoryTree } from '../tree/memory-tree.ts'
import { parseChmod } from './chmod.ts'
import { copyInto, type CopyOptions } from './copy-into.ts'
import { LayerDraft } from './layer-draft.ts'
import { selectSources } from './select-sources.ts'

type Files = Readonly<Record<string, TestEntry>>

/** The layer that a COPY makes, one line for each entry. */
const copied = async (
  target: Files,
  sources: MemoryTree,
  patterns: readonly string[],
  options: Partial<CopyOptions> & { readonly destination: string },
): Promise<readonly string[]> => {
  const draft = new LayerDraft(testTree(target))
  for (const pattern of patterns)
    for (const source of await selectSources(sources, pattern))
      await copyInto(draft, sources, source, { exclude: [], ...options })
  return await listing(draft)
}

export const listing = async (draft: LayerDraft, latest?: number): Promise<readonly string[]> => {
  const lines: string[] = []
  for await (const entry of readTar(writeTar(draft.tar(latest)))) {
    const text = (await collect(entry.body, 1000)).toString()
    const link = entry.linkName === undefined ? '' : ` ${entry.kind === 'hardlink' ? '=' : '->'} ${entry.linkName}`
    const mode = entry.mode.toString(8)
    lines.push(
      `${mode} ${entry.uid}:${entry.gid} ${entry.name}${entry.kind === 'folder' ? '/' : ''}${link}${text === '' ? '' : ` "${text}"`}`,
    )
  }
  return lines
}

const context = (): MemoryTree =>
  testTree({
    a: 'A',
    b: { text: 'B', mode: 0o755 },
    'dir/one': '1',
    'dir/two': { text: '2', mode: 0o600 },
    'dir/sub': { kind: 'folder', mode: 0o700 },
    'dir/sub/three': '3',
    'dir/link': '-> one',
    tolink: '-> dir',
    tofile: '-> dir/two',
    'x[1]': 'bracket',
  })

test('copyInto() writes a file to the destination, or into it if it is a folder (93)', async () => {
  assert.deepEqual(await copied({}, context(), ['a'], { destination: '/d' }), ['644 0:0 d "A"'])
  assert.deepEqual(await copied({}, context(), ['a'], { destination: '/d/' }), ['755 0:0 d/', '644 0:0 d/a "A"'])
  assert.deepEqual(await copied({}, context(), ['a'], { destination: '/d/.' }), ['755 0:0 d/', '644 0:0 d/a "A"'])
  assert.deepEqual(await copied({ d: 'folder' }, context(), ['a'], { destination: '/d' }), ['755 0:0 d/', '644 0:0 d/a "A"'])
  assert.deepEqual(await copied({ d: 'old' }, context(), ['b'], { destination: '/d' }), ['755 0:0 d "B"'])
  assert.deepEqual(await copied({}, context(), ['a'], { destination: '/' }), ['644 0:0 a "A"'])
})

test('copyInto() takes leading slashes and dots of a source for nothing (93)', async () => {
  for (const source of ['/a', '../../a', './dir/../a', 'a/', '//a'])
    assert.deepEqual(await copied({}, context(), [source], { destination: '/d' }), ['644 0:0 d "A"'])
})

test('copyInto() copies the contents of a folder (94)', async () => {
  const contents = [
    '777 0:0 n/link -> one',
    '644 0:0 n/one "1"',
    '700 0:0 n/sub/',
    '644 0:0 n/sub/three "3"',
    '600 0:0 n/two "2"',
  ]
  for (const [source, destination] of [
    ['dir', '/n'],
    ['dir/', '/n/'],
    ['dir/.', '/n'],
    ['tolink', '/n'],
  ] as const)
    assert.deepEqual(await copied({}, context(), [source], { destination }), ['755 0:0 n/', ...contents])
})

test('copyInto() leaves the attributes of a destination folder, and changes those of folders below (94)', async () => {
  const target: Files = { n: { kind: 'folder', mode: 0o711, uid: 7, gid: 8 }, 'n/sub': { kind: 'folder', mode: 0o777, uid: 7 } }
  const lines = await copied(target, context(), ['dir'], { destination: '/n' })
  assert.deepEqual([lines[0], lines[3]], ['711 7:8 n/', '700 0:0 n/sub/'])
})

test('copyInto() carries the attributes of lower folders on the way into the layer', async () => {
  const target: Files = { usr: { kind: 'folder', mode: 0o751, uid: 3 }, 'usr/local': { kind: 'folder', mode: 0o2775, gid: 50 } }
  assert.deepEqual(await copied(target, context(), ['a'], { destination: '/usr/local/bin/a' }), [
    '751 3:0 usr/',
    '2775 0:50 usr/local/',
    '755 0:0 usr/local/bin/',
    '644 0:0 usr/local/bin/a "A"',
  ])
})

test('copyInto() follows links at the source, keeps links inside, and follows links at the destination (96)', async () => {
  assert.deepEqual(await copied({}, context(), ['tofile'], { destination: '/d/' }), ['755 0:0 d/', '600 0:0 d/tofile "2"'])
  const target: Files = {
    'real/x': '',
    var: '-> /real',
    'h/rel': '-> ../real',
    'h/file': '-> ../real/x',
    away: '-> ../../../real',
  }
  assert.deepEqual(await copied(target, context(), ['a'], { destination: '/var/' }), ['755 0:0 real/', '644 0:0 real/a "A"'])
  assert.deepEqual(await copied(target, context(), ['a'], { destination: '/var' }), ['755 0:0 real/', '644 0:0 real/a "A"'])
  assert.deepEqual(await copied(target, context(), ['a'], { destination: '/h/rel/new/c' }), [
    '755 0:0 real/',
    '755 0:0 real/new/',
    '644 0:0 real/new/c "A"',
  ])
  assert.deepEqual(await copied(target, context(), ['a'], { destination: '/h/file' }), ['755 0:0 real/', '644 0:0 real/x "A"'])
  assert.deepEqual(await copied(target, context(), ['a'], { destination: '/away/c' }), ['755 0:0 real/', '644 0:0 real/c "A"'])
})

test('copyInto() cannot be led out by links in the source', async () => {
  const tree = testTree({ up: '-> ../../../../etc', 'sub/abs': '-> /secret', secret: 'mine' })
  await assert.rejects(copied({}, tree, ['up/passwd'], { destination: '/d' }), { code: 'SOURCE_NOT_FOUND' })
  assert.deepEqual(await copied({}, tree, ['sub/abs'], { destination: '/d' }), ['644 0:0 d "mine"'])
})

test('selectSources() expands wildcards within one part of a path (95)', async () => {
  const names = async (pattern: string): Promise<readonly string[]> =>
    (await selectSources(context(), pattern)).map((one) => one.entry.path)
  assert.deepEqual(await names('?'), ['a', 'b'])
  assert.deepEqual(await names('dir/*'), ['dir/one', 'dir/one', 'dir/sub', 'dir/two'])
  assert.deepEqual(await names('*/t*'), ['dir/two'])
  assert.deepEqual(await names('d*/sub/[s-u]*'), ['dir/sub/three'])
  assert.deepEqual(await names('x[[]1]'), ['x[1]'])
  assert.deepEqual(await names('x[1]'), [])
  assert.deepEqual(await names('none*'), [])
  assert.deepEqual(await names('**/three'), [])
  await assert.rejects(selectSources(context(), 'none'), /failed to calculate checksum: "\/none": not found/)
  await assert.rejects(selectSources(context(), 'none/*'), { code: 'SOURCE_NOT_FOUND' })
  await assert.rejects(selectSources(context(), 'a/*'), { code: 'SOURCE_NOT_FOUND' })
  await assert.rejects(selectSources(context(), 'a[-]'), { code: 'PATTERN_INVALID' })
})

test('copyInto() gives owner and mode, also to folders that it makes (98)', async () => {
  const owner = { uid: 5, gid: 6 }
  assert.deepEqual(await copied({}, context(), ['dir'], { destination: '/m/n/', owner, chmod: parseChmod('u=rwX,go=rX') }), [
    '755 5:6 m/',
    '755 5:6 m/n/',
    '777 5:6 m/n/link -> one',
    '644 5:6 m/n/one "1"',
    '755 5:6 m/n/sub/',
    '644 5:6 m/n/sub/three "3"',
    '644 5:6 m/n/two "2"',
  ])
  assert.deepEqual(await copied({}, context(), ['a'], { destination: '/m/x', chmod: parseChmod('4750') }), [
    '755 0:0 m/',
    '4750 0:0 m/x "A"',
  ])
})

test('copyInto() keeps what another stage says of owners and extended attributes', async () => {
  const tree = testTree({ f: { text: 'F', uid: 12, gid: 13, xattrs: { 'security.capability': Buffer.from('cap') } } })
  const draft = new LayerDraft(testTree({}))
  for (const source of await selectSources(tree, 'f')) await copyInto(draft, tree, source, { destination: '/f', exclude: [] })
  const [entry] = draft.tar()
  assert.deepEqual(
    [entry?.uid, entry?.gid, Buffer.from(entry?.xattrs?.['security.capability'] ?? []).toString()],
    [12, 13, 'cap'],
  )
})

test('copyInto() leaves out what is excluded', async () => {
  const lines = await copied({}, context(), ['dir'], { destination: '/n', exclude: ['t*', 'sub', '!sub/three'] })
  assert.deepEqual(lines, [
    '755 0:0 n/',
    '777 0:0 n/link -> one',
    '644 0:0 n/one "1"',
    '700 0:0 n/sub/',
    '644 0:0 n/sub/three "3"',
  ])
})

test('copyInto() takes only what is included, with the folders on the way', async () => {
  const lines = await copied({}, context(), ['.'], { destination: '/n', include: ['dir/*/three', 'a'] })
  assert.deepEqual(lines, [
    '755 0:0 n/',
    '644 0:0 n/a "A"',
    '755 0:0 n/dir/',
    '700 0:0 n/dir/sub/',
    '644 0:0 n/dir/sub/three "3"',
  ])
})

test('copyInto() keeps hard links, unless the first name has become something else', async () => {
  const tree = testTree({ 'd/a': { text: 'same', inode: '1' }, 'd/b': { text: 'same', inode: '1' }, other: 'other' })
  assert.deepEqual(await copied({}, tree, ['d'], { destination: '/n' }), [
    '755 0:0 n/',
    '644 0:0 n/a "same"',
    '644 0:0 n/b = n/a',
  ])
  const draft = new LayerDraft(testTree({}))
  for (const source of await selectSources(tree, 'd')) await copyInto(draft, tree, source, { destination: '/n', exclude: [] })
  for (const source of await selectSources(tree, 'other'))
    await copyInto(draft, tree, source, { destination: '/n/a', exclude: [] })
  assert.deepEqual(await listing(draft), ['755 0:0 n/', '644 0:0 n/a "other"', '644 0:0 n/b "same"'])
})

test('copyInto() refuses to put a file over a folder or a folder over a file', async () => {
  await assert.rejects(
    copied({ 'n/one/x': '' }, context(), ['dir'], { destination: '/n' }),
    /cannot replace to directory \/n\/one with file/,
  )
  await assert.rejects(copied({ n: 'file' }, context(), ['dir'], { destination: '/n' }), /cannot copy to non-directory: \/n/)
  await assert.rejects(
    copied({ 'n/sub': '-> /' }, context(), ['dir'], { destination: '/n' }),
    /cannot copy to non-directory: \/n\/sub/,
  )
  await assert.rejects(copied({ n: 'file' }, context(), ['a'], { destination: '/n/' }), { code: 'NOT_A_FOLDER' })
})

test('copyInto() refuses names that mean deletions in a layer', async () => {
  await assert.rejects(copied({}, testTree({ '.wh.etc': '' }), ['.wh.etc'], { destination: '/' }), { code: 'WHITEOUT_NAME' })
})

test('LayerDraft.digest() does not depend on times, but on everything else', async () => {
  const digest = async (tree: MemoryTree, destination = '/n'): Promise<string> => {
    const draft = new LayerDraft(testTree({}))
    for (const source of await selectSources(tree, 'f')) await copyInto(draft, tree, source, { destination, exclude: [] })
    return await draft.digest()
  }
  const first = await digest(testTree({ f: 'x' }))
  assert.equal(await digest(testTree({ f: { text: 'x', mtime: { seconds: 5, nanoseconds: 1 } } })), first)
  for (const other of [
    { text: 'y' },
    { text: 'x', mode: 0o600 },
    { text: 'x', uid: 1 },
    { text: 'x', xattrs: { 'user.a': Buffer.from('b') } },
  ])
    assert.notEqual(await digest(testTree({ f: other })), first)
  assert.notEqual(await digest(testTree({ f: 'x' }), '/m'), first)
})

test('LayerDraft.tar() clamps times that are later', async () => {
  const draft = new LayerDraft(testTree({}))
  const tree = testTree({ f: { text: 'x', mtime: { seconds: 5000, nanoseconds: 7 } } })
  for (const source of await selectSources(tree, 'f')) await copyInto(draft, tree, source, { destination: '/f', exclude: [] })
  assert.deepEqual([...draft.tar(6000)][0]?.mtime, { seconds: 5000, nanoseconds: 7 })
  assert.deepEqual([...draft.tar(4000)][0]?.mtime, { seconds: 4000, nanoseconds: 0 })
})

const modes: readonly (readonly [string, number, boolean, number])[] = [
  ['0', 0o777, false, 0],
  ['1777', 0o644, true, 0o1777],
  ['u+x', 0o644, false, 0o744],
  ['+x', 0o644, false, 0o755],
  ['a=r', 0o777, false, 0o444],
  ['go-rwx', 0o755, false, 0o700],
  ['u=rwX,go=rX', 0o600, false, 0o644],
  ['u=rwX,go=rX', 0o700, false, 0o755],
  ['u=rwX,go=rX', 0o600, true, 0o755],
  ['u+s,g+s', 0o755, false, 0o6755],
  ['+t', 0o755, true, 0o1755],
  ['g=u', 0o640, false, 0o660],
  ['u=rw,u+x', 0o444, false, 0o744],
  ['o=', 0o777, false, 0o770],
]
for (const [text, before, folder, expected] of modes)
  test(`parseChmod() makes ${expected.toString(8)} of ${before.toString(8)} with ${text}${folder ? ' for a folder' : ''}`, () => {
    assert.equal(parseChmod(text)(before, folder).toString(8), expected.toString(8))
  })

for (const text of ['', '8', '10000', '-1', 'x', 'u', 'u+q', 'u+x,', '0o755'])
  test(`parseChmod() refuses "${text}"`, () => {
    assert.throws(() => parseChmod(text), { code: 'CHMOD_INVALID' })
  })
