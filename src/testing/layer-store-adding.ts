import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { file, folder, hardLink, symlink, tarOf } from '../layers/erofs/test-layers.ts'
import type { LayerEntry, LayerReader } from '../layers/interfaces.ts'
import { collect, streamOf, type ByteStream } from '../lib/bytes.ts'
import { compress } from '../lib/compression.ts'
import type { DiffId } from '../oci/digest.ts'
import type { Compression } from '../oci/media-type.ts'
import { addAll, assertTidy, diffIdOf, leftovers, openFixture, type LayerStoreSuite } from './layer-store-fixture.ts'
import { chunksOf, randomBytes } from './random-image.ts'

const limit = 64 << 20

const packed = async (tar: Uint8Array, compression: Compression): Promise<Buffer> =>
  compression === 'none' ? Buffer.from(tar) : await collect(compress(streamOf(tar), compression), limit)

const entriesOf = async (reader: LayerReader): Promise<LayerEntry[]> => await Array.fromAsync(reader.entries())

const sample = (): Promise<Buffer> =>
  tarOf([
    folder('etc'),
    file('etc/passwd', 'root:x:0:0::/root:/bin/sh\n', { uid: 3, mode: 0o640 }),
    symlink('etc/link', 'passwd'),
    hardLink('hard', 'etc/passwd'),
    file('noise', randomBytes(1, 3_000_000)),
    file('zeros', Buffer.alloc(2_500_000)),
    file('etc/.wh.gone'),
  ])

/** Adding, reading and removing layers, by one and by many at once. */
export const testLayerAdding = (suite: LayerStoreSuite): void => {
  for (const compression of ['none', 'gzip', 'zstd'] as const) {
    test(`add() takes a layer compressed by "${compression}" and gives back its tar and files`, async () => {
      await using fixture = await openFixture(suite)
      const { store } = fixture
      const tar = await sample()
      const id = diffIdOf(tar)
      assert.equal(await store.has(id), false)
      const info = await store.add(id, chunksOf(await packed(tar, compression), 70_000), { compression })
      const facts = { diffId: id, tarSize: tar.length, contentSize: 5_500_026, entries: 7 }
      assert.partialDeepStrictEqual(info, facts)
      assert.partialDeepStrictEqual(await fixture.reopen().info(id), facts)
      assert.equal(await store.has(id), true)
      const path = await store.tarFile(id)
      assert.ok(path === undefined || (await readFile(path)).equals(tar))
      await using layer = await store.open(id)
      assert.ok((await collect(layer.tar(), limit)).equals(tar))
      const paths = (await entriesOf(layer)).map((entry) => `${entry.kind} ${entry.path}`)
      const expected = ['etc', 'etc/gone', 'etc/link', 'etc/passwd', 'hard', 'noise', 'zeros']
      assert.deepEqual(
        paths.map((path) => path.split(' ')[1]),
        ['', ...expected],
      )
      const passwd = await layer.entry('etc/passwd')
      assert.partialDeepStrictEqual(passwd, { kind: 'file', uid: 3, mode: 0o640, size: 26 })
      assert.equal((await collect(layer.read(passwd as LayerEntry), limit)).toString(), 'root:x:0:0::/root:/bin/sh\n')
      const noise = (await layer.entry('noise')) as LayerEntry
      const part = await collect(layer.read(noise, { start: 999_999, end: 2_000_001 }), limit)
      assert.ok(part.equals(randomBytes(1, 3_000_000).subarray(999_999, 2_000_001)))
      assert.equal((await collect(layer.read(noise, { start: 4_000_000 }), limit)).length, 0)
      await assertTidy(fixture, [id])
    })
  }

  test('create() finds out the diff ID, and takes the same tar twice', async () => {
    await using fixture = await openFixture(suite)
    const tar = await sample()
    const infos = await Promise.all([fixture.store.create(streamOf(tar)), fixture.reopen().create(streamOf(tar))])
    assert.deepEqual(
      infos.map((info) => info.diffId),
      [diffIdOf(tar), diffIdOf(tar)],
    )
    await assertTidy(fixture, [diffIdOf(tar)])
  })

  test('add() takes a layer of nothing, and one by sha512', async () => {
    await using fixture = await openFixture(suite)
    const tar = await tarOf([])
    const info = await fixture.store.create(streamOf(tar))
    assert.partialDeepStrictEqual(info, { tarSize: 1024, entries: 0, contentSize: 0 })
    const { digestOf } = await import('../oci/digest.ts')
    const long = digestOf(tar, 'sha512')
    await fixture.store.add(long, streamOf(tar))
    await assertTidy(fixture, [info.diffId, long])
  })

  test('add() lets go of the bytes of a layer that is there', async () => {
    await using fixture = await openFixture(suite)
    const tar = await sample()
    const [id] = (await addAll(fixture.store, [tar])) as [DiffId]
    const steps: string[] = []
    const bytes: ByteStream = {
      [Symbol.asyncIterator]: () => ({
        next: () => (steps.push('next'), Promise.resolve({ done: true, value: undefined })),
        return: () => (steps.push('return'), Promise.resolve({ done: true, value: undefined })),
      }),
    }
    await fixture.store.add(id, bytes, { compression: 'gzip' })
    assert.deepEqual(steps, ['return'])
  })

  test('add() does the work once when two want the same layer at once', async () => {
    await using fixture = await openFixture(suite)
    const tar = await sample()
    const read = [0, 0, 0]
    async function* counted(who: number): ByteStream {
      for await (const chunk of chunksOf(tar, 100_000)) {
        read[who] = (read[who] ?? 0) + chunk.length
        yield chunk
      }
    }
    const stores = [fixture.store, fixture.store, fixture.reopen()]
    await Promise.all(stores.map((store, who) => store.add(diffIdOf(tar), counted(who))))
    assert.equal(read.filter((bytes) => bytes > 0).length, 1, read.join(' '))
    await assertTidy(fixture, [diffIdOf(tar)])
  })

  test('add() takes many different layers at once', async () => {
    await using fixture = await openFixture(suite)
    const tars = await Promise.all(Array.from({ length: 12 }, (_, i) => tarOf([file(`f${i}`, randomBytes(i, 300_000))])))
    const ids = await Promise.all(tars.map(async (tar) => (await fixture.store.create(chunksOf(tar, 50_000))).diffId))
    assert.deepEqual(ids, tars.map(diffIdOf))
    await assertTidy(fixture, ids)
  })

  test('remove() takes a layer out of the store, for good', async () => {
    await using fixture = await openFixture(suite)
    const ids = await addAll(fixture.store, [await sample(), await tarOf([file('other')])])
    const [first, second] = ids as [DiffId, DiffId]
    await fixture.store.prepare(ids)
    assert.deepEqual([await fixture.store.remove(first), await fixture.store.remove(first)], [true, false])
    const { store } = fixture
    for (const use of [() => store.info(first), () => store.open(first), () => store.prepare([first])])
      await assert.rejects(use, { kind: 'not_found', code: 'LAYER_UNKNOWN' })
    assert.deepEqual([await fixture.store.has(first), await fixture.store.tarFile(first)], [false, undefined])
    await assertTidy(fixture, [second])
    await addAll(fixture.store, [await sample()])
    await assertTidy(fixture, [first, second])
  })

  test('add() in two processes at once does the work once', async () => {
    await using fixture = await openFixture(suite)
    const children = [0, 1].map(() => startAdding(suite, fixture.folder, 40))
    const read = await Promise.all(children.map(async (child) => Number(await collect(child.stdout, 1000, 'the output'))))
    assert.equal(read.filter((bytes) => bytes > 0).length, 1, read.join(' '))
    assert.equal((await Array.fromAsync(fixture.store.list())).length, 1)
  })

  test('add() of a process that was killed leaves nothing that is not taken away by the next', async () => {
    await using fixture = await openFixture(suite)
    const child = startAdding(suite, fixture.folder, 100_000)
    const exit = once(child, 'exit')
    while ((await leftovers(fixture)).length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await new Promise((resolve) => setTimeout(resolve, 30))
    child.kill('SIGKILL')
    await exit
    assert.equal((await leftovers(fixture)).length, 1)
    await assertNoLayers(fixture.store)
    const tar = await sample()
    await addAll(fixture.reopen(), [tar])
    await assertTidy(fixture, [diffIdOf(tar)])
  })
}

const assertNoLayers = async (store: { list(): AsyncIterable<DiffId> }): Promise<void> =>
  assert.deepEqual(await Array.fromAsync(store.list()), [])

/** A process that adds a layer of one file slowly, `pieces` of 64 KiB, and says how many bytes it read. */
const startAdding = (suite: LayerStoreSuite, folder: string, pieces: number) => {
  const program = `
    import { ${suite.name} as open } from '${suite.module}'
    import { createHash } from 'node:crypto'
    import { encodeTarHeader, tarEnd } from '${new URL('../lib/tar/encode.ts', import.meta.url).href}'
    const [folder, pieces] = [process.argv[1], Number(process.argv[2])]
    const header = encodeTarHeader({ name: 'f', kind: 'file', mode: 0o644, uid: 0, gid: 0, size: pieces * 65536, mtime: { seconds: 0, nanoseconds: 0 } })
    const piece = Buffer.alloc(65536, 'x')
    const parts = function* () { yield header; for (let i = 0; i < pieces; i++) yield piece; yield tarEnd }
    const hash = createHash('sha256')
    if (pieces < 1000) for (const part of parts()) hash.update(part)
    let read = 0
    const slow = async function* () { for (const part of parts()) { read += part.length; await new Promise((resolve) => setTimeout(resolve, 5)); yield part } }
    await open({ folder }).add('sha256:' + hash.digest('hex'), slow())
    console.log(read)`
  const args = ['--input-type=module-typescript', '-e', program, folder, String(pieces)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}
