import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { addAll, mountsOf, openFixture, seenPaths } from '../testing/layer-store-fixture.ts'
import { file, tarOf } from './erofs/test-layers.ts'
import { inside, noMounting } from './erofs/test-mounts.ts'
import { createTarLayerStore } from './layer-store.ts'
import { openLayerStore } from './open.ts'
import { canMountErofs } from './probe.ts'

const suite = { name: 'createTarLayerStore', module: '', open: createTarLayerStore }
const skip = noMounting()

/** Runs a program as an ordinary user who is root in a user namespace of his own, or says why that cannot be done. */
const asUser = (
  program: string,
  args: readonly string[],
  namespace: readonly string[] = ['unshare', '--user', '--map-root-user', '--mount'],
): string => {
  const [command = '', ...rest] = [...namespace, process.execPath, '--input-type=module-typescript', '-e', program, ...args]
  const result = spawnSync(command, rest, { encoding: 'utf8', uid: 65_534, gid: 65_534, cwd: '/', env: { HOME: '/' } })
  assert.equal(result.status, 0, result.stderr)
  return result.stdout
}

const noUsers = (): string | false => {
  if (process.getuid?.() !== 0) return 'changing the user needs root'
  const options = { uid: 65_534, gid: 65_534, cwd: '/' }
  if (spawnSync(process.execPath, ['--version'], options).status !== 0) return 'other users may not run this Node.js'
  return spawnSync('unshare', ['--user', '--map-root-user', '--mount', 'true'], options).status === 0
    ? false
    : 'user namespaces are not allowed'
}

test('canMountErofs() leaves nothing behind', { skip }, async () => {
  await using fixture = await openFixture(suite)
  const root = await fixture.space()
  assert.equal(await canMountErofs(root), undefined)
  assert.deepEqual(await readdir(join(root, 'layers/tmp')), [])
})

const noLoops = (): string | false => {
  if (skip !== false) return skip
  if (spawnSync('stat', ['-f', '-c', '%T', '/dev/shm'], { encoding: 'utf8' }).stdout.trim() !== 'tmpfs')
    return '/dev/shm is no tmpfs'
  return spawnSync('losetup', ['--find']).status === 0 ? false : 'there are no loop devices'
}

test('layers in a tmpfs are mounted by loop devices', { skip: noLoops() }, async () => {
  const root = await mkdtemp('/dev/shm/gantry-layers-')
  try {
    await using fixture = await openFixture(suite)
    assert.equal(await canMountErofs(root), undefined)
    const store = await openLayerStore({ root, driver: 'erofs' })
    const ids = await addAll(store, [await tarOf([file('f', 'one')]), await tarOf([file('g', 'two')])])
    const { mounts, target } = await mountsOf(fixture, ids, { store, writable: true })
    assert.equal(inside(mounts, 'cat', [join(target, 'f'), join(target, 'g')]).toString(), 'onetwo')
    assert.equal(spawnSync('losetup', ['--list', '--noheadings'], { encoding: 'utf8' }).stdout.includes(root), false)
  } finally {
    await rm(root, { recursive: true })
  }
})

test('openLayerStore() takes EROFS where it can, and the driver that is asked for', { skip }, async () => {
  await using fixture = await openFixture(suite)
  const root = await fixture.space()
  const ids = await addAll(await openLayerStore({ root }), [await tarOf([file('f')])])
  for (const [driver, kind] of [
    [undefined, 'erofs'],
    ['erofs', 'erofs'],
    ['folder', 'overlay'],
  ] as const) {
    const store = await openLayerStore({ root, ...(driver === undefined ? {} : { driver }) })
    const { mounts } = await mountsOf(fixture, ids, { store })
    assert.deepEqual(
      mounts.map((mount) => mount.kind),
      [kind],
    )
  }
  // what either made of a layer goes with it
  const store = await openLayerStore({ root })
  const whiteout = await addAll(store, [await tarOf([file('.wh.x')])])
  await store.prepare(whiteout)
  await (await openLayerStore({ root, driver: 'folder' })).prepare(whiteout)
  const made = async (): Promise<number[]> =>
    await Promise.all(['merged', 'unpacked'].map(async (name) => (await readdir(join(root, 'layers', name))).length))
  assert.deepEqual(await made(), [1, 2])
  await store.remove(whiteout[0] as (typeof whiteout)[number])
  assert.deepEqual(await made(), [0, 1])
})

const program = (name: string): string => `
  import { createHash } from 'node:crypto'
  import { readdirSync, lstatSync, readFileSync, writeFileSync, rmSync, mkdirSync } from 'node:fs'
  import { collect, streamOf } from '${new URL('../lib/bytes.ts', import.meta.url).href}'
  import { inMountNamespace } from '${new URL('../lib/mount-namespace.ts', import.meta.url).href}'
  import { canMountErofs } from '${new URL('./probe.ts', import.meta.url).href}'
  import { openLayerStore } from '${new URL('./open.ts', import.meta.url).href}'
  import { diffUpper } from '${new URL('./diff.ts', import.meta.url).href}'
  import { file, folder, hardLink, symlink, tarOf } from '${new URL('./erofs/test-layers.ts', import.meta.url).href}'
  const [root] = process.argv.slice(1)
  const place = (name) => (mkdirSync(root + '/' + name), root + '/' + name)
  const base = [folder('closed', { mode: 0o000, uid: 12 }), file('closed/f', 'inside', { mode: 0o000, uid: 12, gid: 34 }),
    folder('d'), file('d/gone'), file('setuid', 'x', { mode: 0o4755 }), hardLink('link', 'setuid'), symlink('symlink', 'd'),
    { name: 'device', kind: 'block', device: { major: 8, minor: 0 } }, folder('o'), file('o/hidden'),
    file('attributes', 'x', { xattrs: { 'trusted.a': Buffer.from('1'), 'user.b': Buffer.from('2') } })]
  const top = [folder('d'), file('d/.wh.gone'), folder('o'), file('o/.wh..wh..opq'), file('o/new')]
  const tars = [await tarOf(base), await tarOf(top)]
  const store = await openLayerStore({ root })
  const ids = []
  for (const tar of tars) ids.push((await store.create(streamOf(tar))).diffId)
  const facts = { reason: await canMountErofs(root), same: (await collect((await store.open(ids[0])).tar(), 1e8)).equals(tars[0]) }
  facts.owner = (await (await store.open(ids[0])).entry('closed/f')).uid
  ${name}
  for (const id of ids) await store.remove(id)
  facts.left = readdirSync(root + '/layers', { recursive: true }).filter((name) => name.length > 20)
  console.log(JSON.stringify(facts))`

test('an ordinary user mounts folders in a user namespace', { skip: noUsers() }, async () => {
  await using fixture = await openFixture(suite)
  const root = await fixture.space()
  for (const path of [join(root, '..'), root]) await chmod(path, 0o777)
  const output = asUser(
    program(`
      const target = place('target')
      const upper = { upper: place('upper'), work: place('work') }
      const mounts = await store.mounts(ids, { target, scratch: place('scratch'), upper })
      facts.seen = inMountNamespace(mounts, [], () => {
        const seen = readdirSync(target, { recursive: true }).sort()
        seen.push(readFileSync(target + '/closed/f', 'utf8'), (lstatSync(target + '/setuid').mode & 0o7777).toString(8))
        rmSync(target + '/o', { recursive: true })
        mkdirSync(target + '/o')
        writeFileSync(target + '/o/again', '')
        rmSync(target + '/link')
        return seen
      })
      facts.mount = mounts.map((mount) => [mount.kind, mount.userXattr])
      const { TarParser } = await import('${new URL('../lib/tar/parser.ts', import.meta.url).href}')
      const names = []
      const parser = new TarParser({ entry: ({ name }) => names.push(name) })
      for await (const chunk of diffUpper(upper.upper, { userXattr: true })) parser.feed(chunk)
      facts.diff = names`),
    [root],
  )
  assert.deepEqual(JSON.parse(output), {
    reason: 'this is a user namespace',
    same: true,
    owner: 12,
    seen: ['attributes', 'closed', 'closed/f', 'd', 'link', 'o', 'o/new', 'setuid', 'symlink', 'inside', '4755'],
    mount: [['overlay', true]],
    diff: ['.wh.link', 'o', 'o/.wh..wh..opq', 'o/again'],
    left: [],
  })
})

test('an ordinary user reads and removes layers without any right', { skip: noUsers() }, async () => {
  await using fixture = await openFixture(suite)
  const root = await fixture.space()
  for (const path of [join(root, '..'), root]) await chmod(path, 0o777)
  const output = asUser(program('await store.prepare(ids)'), [root], [])
  assert.deepEqual(JSON.parse(output), { reason: 'mounting needs root on Linux', same: true, owner: 12, left: [] })
})

test("a store is its owner's alone", async () => {
  await using fixture = await openFixture(suite)
  await addAll(fixture.store, [await tarOf([file('f')])])
  assert.equal((await stat(fixture.folder)).mode & 0o777, 0o700)
})

test('a store is swept of what killed processes left', async () => {
  await using fixture = await openFixture(suite)
  await mkdir(join(fixture.folder, 'tmp/left/d'), { recursive: true })
  const ids = await addAll(fixture.store, [await tarOf([file('f')])])
  assert.deepEqual(await readdir(join(fixture.folder, 'tmp')), [])
  if (skip === false) assert.deepEqual(await seenPaths(fixture, ids), ['f'])
})
