import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, link, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { collect } from '../../lib/bytes.ts'
import { FolderTree } from './folder-tree.ts'
import type { Tree } from './tree.ts'

let root = ''
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'gantry-folder-tree-'))
  await mkdir(join(root, 'a/deep/er'), { recursive: true })
  await mkdir(join(root, 'node_modules/x'), { recursive: true })
  await writeFile(join(root, 'a/one'), 'one')
  await writeFile(join(root, 'a/deep/er/keep.md'), 'kept')
  await writeFile(join(root, 'node_modules/x/index.js'), 'x')
  await writeFile(join(root, 'big'), Buffer.alloc(3 * 1024 * 1024, 'b'))
  await chmod(join(root, 'a/one'), 0o4751)
  await utimes(join(root, 'a/one'), 1, 2.5)
  await symlink('/etc/passwd', join(root, 'out'))
  await link(join(root, 'a/one'), join(root, 'a/two'))
  await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x62])]), 'odd')
  execFileSync('mkfifo', [join(root, 'fifo')])
})
after(() => rm(root, { recursive: true, force: true }))

const walk = async (tree: Tree, path = ''): Promise<readonly string[]> => {
  const found: string[] = []
  for (const entry of await tree.list(path)) found.push(entry.path, ...(await walk(tree, entry.path)))
  return found
}

test('FolderTree lists everything in byte order without following links', async () => {
  assert.deepEqual(await walk(new FolderTree(root)), [
    'a',
    'a/deep',
    'a/deep/er',
    'a/deep/er/keep.md',
    'a/one',
    'a/two',
    'big',
    'fifo',
    'node_modules',
    'node_modules/x',
    'node_modules/x/index.js',
    'out',
    '\u{ff}b',
  ])
})

test('FolderTree says what a file is, but not whose (107)', async () => {
  const one = await new FolderTree(root).stat('a/one')
  assert.ok(one?.inode !== undefined)
  assert.deepEqual(
    { ...one, inode: undefined },
    {
      path: 'a/one',
      kind: 'file',
      mode: 0o4751,
      uid: 0,
      gid: 0,
      size: 3,
      mtime: { seconds: 2, nanoseconds: 500_000_000 },
      inode: undefined,
    },
  )
  assert.equal((await new FolderTree(root).stat('a/two'))?.inode, one.inode)
  assert.equal((await new FolderTree(root).stat('out'))?.target, '/etc/passwd')
  assert.equal(await new FolderTree(root).stat('missing'), undefined)
  assert.equal(await new FolderTree(root).stat('a/one/below'), undefined)
})

test('FolderTree leaves out what is ignored, and keeps folders of exceptions (103)', async () => {
  const tree = new FolderTree(root, { ignore: ['node_modules', 'a', '!**/*.md', 'big', 'out', 'fifo', '*b'] })
  assert.deepEqual(await walk(tree), ['a', 'a/deep', 'a/deep/er', 'a/deep/er/keep.md'])
  assert.equal(await tree.stat('a/one'), undefined)
  assert.deepEqual(await tree.list('node_modules'), [])
})

test('FolderTree reads small files, large files and names that are not UTF-8', async () => {
  const tree = new FolderTree(root)
  const read = async (path: string): Promise<Buffer> => await collect(tree.read((await tree.stat(path))!), 1 << 24)
  assert.equal((await read('a/one')).toString(), 'one')
  assert.equal((await read('big')).length, 3 * 1024 * 1024)
  assert.equal((await read('\u{ff}b')).toString(), 'odd')
  const digest = await tree.digest((await tree.stat('a/one'))!)
  assert.equal(digest, '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed')
})

test('FolderTree refuses to read what is no longer what it listed', async () => {
  const tree = new FolderTree(root)
  for (const change of [
    () => writeFile(join(root, 'volatile'), 'longer'),
    () => writeFile(join(root, 'volatile'), 'siz2'),
    () => rm(join(root, 'volatile')).then(() => symlink('/etc/passwd', join(root, 'volatile'))),
    () => rm(join(root, 'volatile')),
  ]) {
    await rm(join(root, 'volatile'), { force: true })
    await writeFile(join(root, 'volatile'), 'size')
    const fresh = new FolderTree(root)
    const entry = (await fresh.stat('volatile'))!
    await new Promise((resolve) => setTimeout(resolve, 20))
    await change()
    await assert.rejects(async () => await collect(fresh.read(entry), 100), { code: 'CONTEXT_CHANGED' })
  }
  assert.equal(await tree.stat('volatile'), undefined)
})
