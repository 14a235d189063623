import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { test } from 'node:test'
import { file, folder, hardLink, symlink, tarOf, type LayerFixture } from '../layers/erofs/test-layers.ts'
import { noMounting } from '../layers/erofs/test-mounts.ts'
import { collect, streamOf, type ByteStream } from '../lib/bytes.ts'
import { compress } from '../lib/compression.ts'
import { isGantryError } from '../lib/errors.ts'
import { encodeTarHeader } from '../lib/tar/encode.ts'
import {
  assertTidy,
  diffIdOf,
  openFixture,
  seenPaths,
  type LayerStoreFixture,
  type LayerStoreSuite,
} from './layer-store-fixture.ts'
import { chunksOf, randomBytes } from './random-image.ts'

const limit = 256 << 20

/** Bad input ends in an error and leaves nothing, and nothing in a tar reaches what is outside of the layer. */
export const testLayerSafety = (suite: LayerStoreSuite): void => {
  testDamage(suite)
  testHostile(suite)
}

const testDamage = (suite: LayerStoreSuite): void => {
  const tar = (): Promise<Buffer> => tarOf([folder('d'), file('d/f', randomBytes(1, 500_000)), file('g', 'text')])

  test('add() leaves nothing when the digest is another', async () => {
    await using fixture = await openFixture(suite)
    const expected = diffIdOf(Buffer.from('something else'))
    await assert.rejects(fixture.store.add(expected, streamOf(await tar())), { kind: 'data_loss', code: 'DIFF_ID_MISMATCH' })
    await assertTidy(fixture, [])
    // the worker is good for the next one
    await fixture.store.add(diffIdOf(await tar()), streamOf(await tar()))
  })

  test('add() leaves nothing when the compressed bytes are cut off or go on', async () => {
    await using fixture = await openFixture(suite)
    const plain = await tar()
    for (const compression of ['gzip', 'zstd'] as const) {
      const packed = await collect(compress(streamOf(plain), compression), limit)
      const wrong: readonly (readonly [Buffer, string])[] = [
        [packed.subarray(0, -1), 'COMPRESSION_TRUNCATED'],
        [packed.subarray(0, packed.length >> 1), 'COMPRESSION_TRUNCATED'],
        [packed.subarray(0, 0), 'COMPRESSION_TRUNCATED'],
        [Buffer.concat([packed, Buffer.from('more')]), 'COMPRESSION_INVALID'],
        [Buffer.concat([packed, Buffer.alloc(600)]), 'COMPRESSION_INVALID'],
        [plain, 'COMPRESSION_INVALID'],
      ]
      for (const [bytes, code] of wrong)
        await assert.rejects(fixture.store.add(diffIdOf(plain), chunksOf(bytes, 30_000), { compression }), {
          kind: 'data_loss',
          code,
        })
    }
    await assertTidy(fixture, [])
  })

  test('add() leaves nothing when the tar is cut off', async () => {
    await using fixture = await openFixture(suite)
    const plain = await tar()
    for (const length of [100, 600, 100_000, plain.length - 1600])
      await assert.rejects(fixture.store.create(streamOf(plain.subarray(0, length))), {
        kind: 'invalid_argument',
        code: 'TAR_TRUNCATED',
      })
    await assertTidy(fixture, [])
  })

  test('add() keeps bytes behind the end of the tar, since its digest has them', async () => {
    await using fixture = await openFixture(suite)
    const longer = Buffer.concat([await tar(), Buffer.alloc(10_000), Buffer.from('more')])
    const { diffId } = await fixture.store.create(streamOf(longer))
    await using layer = await fixture.store.open(diffId)
    assert.ok((await collect(layer.tar(), limit)).equals(longer))
  })

  test('add() leaves nothing when the source fails or is aborted', async () => {
    await using fixture = await openFixture(suite)
    const plain = await tar()
    const failure = new Error('the network is down')
    async function* failing(): ByteStream {
      yield plain.subarray(0, 100_000)
      throw failure
    }
    await assert.rejects(fixture.store.add(diffIdOf(plain), failing()), failure)
    const controller = new AbortController()
    async function* endless(): ByteStream {
      yield encodeTarHeader({
        name: 'f',
        kind: 'file',
        mode: 0,
        uid: 0,
        gid: 0,
        size: 1e9,
        mtime: { seconds: 0, nanoseconds: 0 },
      })
      for (let i = 0; ; i++) {
        if (i === 50) controller.abort()
        yield Buffer.alloc(65_536)
      }
    }
    const { signal } = controller
    await assert.rejects(fixture.store.create(endless(), { signal }), { kind: 'canceled' })
    await assert.rejects(fixture.store.create(streamOf(plain), { signal }), { kind: 'canceled' })
    await assertTidy(fixture, [])
  })

  test('add() stops at a tar that is larger than it may be', async () => {
    await using fixture = await openFixture(suite)
    const bomb = await collect(compress(streamOf(await tarOf([file('zeros', Buffer.alloc(50_000_000))])), 'gzip'), limit)
    assert.ok(bomb.length < 100_000)
    const adding = fixture.reopen({ maxTarSize: 20_000_000 }).add(diffIdOf(bomb), streamOf(bomb), { compression: 'gzip' })
    await assert.rejects(adding, { kind: 'resource_exhausted', code: 'LAYER_TOO_LARGE' })
    await assertTidy(fixture, [])
  })
}

/** What becomes of a hostile tar: the paths that are seen, or the error of adding it or of mounting it. */
type Outcome = readonly string[] | { readonly code: string }

const testHostile = (suite: LayerStoreSuite): void => {
  const outside = '/tmp/gantry-outside'
  const cases: readonly (readonly [string, readonly LayerFixture[], Outcome])[] = [
    ['..', [file('../escaped', 'x')], { code: 'LAYER_INVALID' }],
    ['.. inside', [file('a/../../escaped', 'x')], { code: 'LAYER_INVALID' }],
    ['an absolute name', [file(`${outside}/f`, 'x')], ['tmp', 'tmp/gantry-outside', 'tmp/gantry-outside/f']],
    [
      'a symlink on the way',
      [symlink('l', outside), file('l/f', 'x')],
      ['l', 'tmp', 'tmp/gantry-outside', 'tmp/gantry-outside/f'],
    ],
    ['a symlink up on the way', [symlink('l', '../../../..'), file('l/f', 'x')], ['f', 'l']],
    [
      'a folder, then a symlink in its place',
      [folder('d'), symlink('d', outside), file('d/f')],
      ['d', 'tmp', 'tmp/gantry-outside', 'tmp/gantry-outside/f'],
    ],
    ['symlinks in a circle', [symlink('a', 'b'), symlink('b', 'a'), file('a/f')], { code: 'LAYER_INVALID' }],
    ['a hard link out', [hardLink('l', '../../etc/passwd')], { code: 'LAYER_INVALID' }],
    ['a hard link to nothing', [hardLink('l', '/etc/passwd')], { code: 'LAYER_LINK_BROKEN' }],
    ['a hard link through a symlink', [symlink('s', '/etc'), hardLink('l', 's/passwd')], { code: 'LAYER_LINK_BROKEN' }],
    ['a hard link to a folder', [folder('d'), hardLink('l', 'd')], { code: 'LAYER_INVALID' }],
    ['a file on the way', [file('a'), file('a/b')], { code: 'LAYER_INVALID' }],
    ['one path many times', [file('a', 'one'), folder('a'), file('a/b'), symlink('a', outside), file('a', 'last')], ['a']],
    ['a root that is a symlink', [symlink('.', outside), file('f')], { code: 'LAYER_INVALID' }],
    ['a whiteout of ..', [file('d/.wh...')], { code: 'LAYER_INVALID' }],
    ['a whiteout of nothing', [folder('d'), file('d/.wh.'), file('f')], { code: 'LAYER_INVALID' }],
    ['whiteouts that hide nothing', [folder('d'), file('d/.wh.x'), file('.wh.y'), file('d/.wh..wh..opq')], ['d']],
    [
      'devices',
      [
        { name: 'sda', kind: 'block', device: { major: 8, minor: 0 } },
        { name: 'p', kind: 'fifo' },
      ],
      ['p', 'sda'],
    ],
    ['a device number', [{ name: 'd', kind: 'block', device: { major: 70_000, minor: 0 } }], { code: 'LAYER_INVALID' }],
    ['a name too long', [file('n'.repeat(300))], { code: 'LAYER_INVALID' }],
    ['folders too deep', [file(`${'d/'.repeat(1500)}f`)], { code: 'LAYER_INVALID' }],
    [
      'xattrs of overlayfs',
      [folder('d', { xattrs: { 'trusted.overlay.redirect': Buffer.from('/etc'), 'user.overlay.opaque': Buffer.from('y') } })],
      ['d'],
    ],
    [
      'a long way down',
      [file(`${'dir/'.repeat(500)}f`)],
      Array.from({ length: 501 }, (_, i) => 'dir/'.repeat(i) + (i < 500 ? 'dir' : 'f')),
    ],
  ]
  const skip = noMounting()
  for (const [name, entries, outcome] of cases) {
    test(`a layer with ${name} reaches nothing outside of it`, { skip }, async () => {
      await using fixture = await openFixture(suite)
      await assertOutcome(fixture, await tarOf(entries), outcome)
      await assert.rejects(readdir(outside), { code: 'ENOENT' })
    })
  }

  test('headers that lie about sizes end in an error', async () => {
    await using fixture = await openFixture(suite)
    const header = (await tarOf([file('f', 'text')])).subarray(0, 512)
    for (const size of ['77777777777', '00000100000', '-0000000001']) {
      const lying = Buffer.from(header)
      lying.write(`${size}\0`, 124, 'latin1')
      lying.write('        ', 148, 'latin1')
      const sum = lying.reduce((sum, byte) => sum + byte, 0)
      lying.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
      await assert.rejects(fixture.store.create(streamOf(lying, Buffer.alloc(1024))), { kind: 'invalid_argument' })
    }
    await assertTidy(fixture, [])
  })

  test('random bytes end in an error or in a layer', async () => {
    await using fixture = await openFixture(suite)
    const good = await tarOf([
      folder('d'),
      file('d/f', 'text', { xattrs: { 'user.a': Buffer.from('1') } }),
      symlink('l', 'd'),
      hardLink('h', 'd/f'),
    ])
    for (let seed = 0; seed < 150; seed++) {
      const bytes = Buffer.from(good)
      const noise = randomBytes(seed, 64)
      for (let i = 0; i < 4; i++) bytes[noise.readUInt32LE(i * 8) % bytes.length] = noise[i * 8 + 4] as number
      await fixture.store.create(streamOf(bytes)).catch((error: unknown) => assert.ok(isGantryError(error), String(error)))
    }
  })

  test('many entries are taken without much memory', async () => {
    await using fixture = await openFixture(suite)
    const count = 10_000
    const names = Array.from({ length: count }, (_, i) => `folder-${i % 100}/name-${i}`)
    const { entries } = await fixture.store.create(streamOf(await tarOf(names.map((name) => file(name)))))
    assert.equal(entries, count + 100)
  })
}

const assertOutcome = async (fixture: LayerStoreFixture, tar: Buffer, outcome: Outcome): Promise<void> => {
  const seeing = async (): Promise<string[]> => {
    const { diffId } = await fixture.store.create(streamOf(tar))
    return await seenPaths(fixture, [diffId])
  }
  if ('code' in outcome) {
    await assert.rejects(seeing(), { name: 'GantryError', code: outcome.code })
    // what cannot be mounted alone may be fine over another layer
    await assertTidy(fixture, outcome.code === 'LAYER_LINK_BROKEN' ? [diffIdOf(tar)] : [])
  } else {
    assert.deepEqual(await seeing(), [...outcome].sort())
    await assertTidy(fixture, [diffIdOf(tar)])
  }
}
