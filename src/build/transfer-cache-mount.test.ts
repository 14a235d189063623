import assert from 'node:assert/strict'
import { chmod, link, lstat, mkdir, mkdtemp, readFile, readdir, rm, symlink, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { collect, streamOf } from '../lib/bytes.ts'
import { writeTar } from '../lib/tar/writer.ts'
import { holdCacheMount, listCacheMounts, parseCacheMountFacts } from './cache-mounts.ts'
import { exportCacheMount, importCacheMount } from './transfer-cache-mount.ts'

const skip = process.platform === 'linux' && process.getuid?.() === 0 ? false : 'needs root on Linux'

const inFolder = async (
  work: (folder: string, options: Parameters<typeof importCacheMount>[3]) => Promise<void>,
): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-cache-mounts-'))
  let count = 0
  const scratch = async (): Promise<string> => {
    const path = join(folder, `scratch-${count++}`)
    await mkdir(path)
    return path
  }
  try {
    await work(folder, { now: () => new Date(), scratch })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

test('a cache mount goes from one root to another, whole', { skip }, async () => {
  await inFolder(async (folder, options) => {
    const [from, to] = [join(folder, 'from'), join(folder, 'to')]
    const facts = { id: '/root/.npm', attributes: { mode: 0o700, uid: 5, gid: 6 } }
    {
      await using held = await holdCacheMount(from, { ...facts, sharing: 'shared' }, options)
      await mkdir(join(held.folder, 'd'))
      await writeFile(join(held.folder, 'd/file'), 'content')
      await chmod(join(held.folder, 'd/file'), 0o4755)
      await link(join(held.folder, 'd/file'), join(held.folder, 'hard'))
      await symlink('../../outside', join(held.folder, 'soft'))
      await utimes(join(held.folder, 'd'), 1000, 1000)
      const [mount] = await listCacheMounts(from)
      assert.equal(await exportCacheMount(from, mount!.key), undefined, 'a step has it')
    }
    const [mount] = await listCacheMounts(from)
    const tar = await collect((await exportCacheMount(from, mount!.key))!, 1 << 20)
    assert.ok(await importCacheMount(to, mount!.facts, streamOf(tar), options))
    assert.equal(await importCacheMount(to, mount!.facts, streamOf(tar), options), false, 'it is there already')
    const [copy] = await listCacheMounts(to)
    assert.deepEqual([copy!.key, copy!.facts], [mount!.key, facts])
    assert.deepEqual(await collect((await exportCacheMount(to, copy!.key))!, 1 << 20), tar)
    const stats = await lstat(copy!.folder)
    assert.deepEqual([stats.mode & 0o7777, stats.uid, stats.gid], [0o700, 5, 6])
    assert.equal(await exportCacheMount(to, '../x'), undefined)
  })
})

test('a hostile tar stays within its cache mount', { skip }, async () => {
  await inFolder(async (folder, options) => {
    const victim = join(folder, 'victim')
    await mkdir(victim)
    const base = { mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { seconds: 0, nanoseconds: 0 } }
    const file = { ...base, kind: 'file', size: 1, body: streamOf(Buffer.from('x')) } as const
    const tar = writeTar([
      { ...file, name: '../../escaped' },
      { ...base, name: 'out', kind: 'symlink', linkName: victim },
      { ...file, name: 'out/file', body: streamOf(Buffer.from('x')) },
      { ...base, name: 'dev', kind: 'block', device: { major: 8, minor: 0 } },
      { ...file, name: '/etc/passwd', body: streamOf(Buffer.from('x')) },
    ])
    await importCacheMount(join(folder, 'to'), { id: 'x' }, tar, options)
    assert.deepEqual(await readdir(victim), [])
    const [mount] = await listCacheMounts(join(folder, 'to'))
    assert.equal(await readFile(join(mount!.folder, 'escaped'), 'utf8'), 'x')
    assert.equal(await readFile(join(mount!.folder, 'etc/passwd'), 'utf8'), 'x')
    await assert.rejects(lstat(join(mount!.folder, 'dev')), { code: 'ENOENT' })
    await assert.rejects(importCacheMount(join(folder, 'to'), { id: 'y' }, streamOf(Buffer.alloc(1024, 7)), options), {
      kind: 'invalid_argument',
    })
    assert.equal((await listCacheMounts(join(folder, 'to'))).length, 1)
  })
})

test('parseCacheMountFacts() takes nothing but facts', () => {
  for (const good of [{ id: '' }, { id: 'a', seed: 's' }, { id: 'a', attributes: { mode: 0, uid: 1, gid: 2 } }])
    assert.deepEqual(parseCacheMountFacts({ ...good, more: 1 }), good)
  for (const bad of [
    null,
    1,
    'x',
    [],
    {},
    { id: 1 },
    { id: 'a', seed: 1 },
    { id: 'a', attributes: null },
    { id: 'a', attributes: { mode: -1, uid: 0, gid: 0 } },
  ])
    assert.equal(parseCacheMountFacts(bad), undefined)
})
