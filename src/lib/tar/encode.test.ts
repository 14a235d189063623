import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../errors.ts'
import { encodeTarHeader, tarEnd } from './encode.ts'
import type { TarEntry, TarKind } from './entry.ts'
import { TarParser } from './parser.ts'

const base: TarEntry = { name: 'file', kind: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { seconds: 0, nanoseconds: 0 } }

const roundTrip = (entry: TarEntry): TarEntry => {
  const found: TarEntry[] = []
  const parser = new TarParser({ entry: (entry) => void found.push(entry) })
  parser.feed(encodeTarHeader(entry))
  assert.equal(found.length, 1)
  return found[0]!
}

test('encodeTarHeader() writes one ustar block when everything fits', () => {
  assert.equal(encodeTarHeader(base).length, 512)
  const long = `${'p'.repeat(155)}/${'n'.repeat(100)}`
  assert.equal(encodeTarHeader({ ...base, name: long }).length, 512)
  assert.equal(roundTrip({ ...base, name: long }).name, long)
  assert.equal(encodeTarHeader({ ...base, size: 8 ** 11 - 1, uid: 8 ** 7 - 1 }).length, 512)
  assert.ok(encodeTarHeader({ ...base, name: `${'p'.repeat(156)}/${'n'.repeat(100)}` }).length > 512)
})

test('encodeTarHeader() sorts the PAX records, so that the bytes are the same for the same entry', () => {
  const xattrs = { 'user.b': Buffer.from('2'), 'user.a': Buffer.from('1') }
  const entry = { ...base, name: 'ü', mtime: { seconds: -2, nanoseconds: 500_000_000 }, xattrs }
  const text = encodeTarHeader(entry).toString('utf8', 512, 1024)
  assert.equal(text.replaceAll('\0', ''), '25 SCHILY.xattr.user.a=1\n25 SCHILY.xattr.user.b=2\n14 mtime=-1.5\n11 path=ü\n')
  const swapped = { ...entry, xattrs: { 'user.a': xattrs['user.a'], 'user.b': xattrs['user.b'] } }
  assert.deepEqual(encodeTarHeader(entry), encodeTarHeader(swapped))
})

test('encodeTarHeader() refuses what no tar can hold', () => {
  const cases: readonly Partial<TarEntry>[] = [
    { name: '' },
    { name: 'a\0b' },
    { name: 'n'.repeat(4097) },
    { size: -1 },
    { size: 1.5 },
    { mode: 0o10000 },
    { uid: 2 ** 32 },
    { gid: -1 },
    { kind: 'folder', size: 1 },
    { kind: 'symlink' },
    { linkName: 'x' },
    { mtime: { seconds: 0, nanoseconds: 1e9 } },
    { mtime: { seconds: Number.NaN, nanoseconds: 0 } },
    { kind: 'block', device: { major: 0o10000000, minor: 0 } },
    { xattrs: { 'user.a=b': Buffer.alloc(0) } },
    { xattrs: { 'user.big': Buffer.alloc(1024 * 1024) } },
  ]
  for (const change of cases) {
    assert.throws(
      () => encodeTarHeader({ ...base, ...change }),
      (error) => error instanceof GantryError && error.code === 'TAR_ENTRY_INVALID',
      JSON.stringify(change).slice(0, 80),
    )
  }
})

test('encodeTarHeader() is read back as it was by TarParser', () => {
  const name = fc
    .string({ unit: fc.constantFrom('a', 'b', '/', 'ü', '語', '-', ' ', '\n', '='), minLength: 1, maxLength: 300 })
    .filter((text) => !text.endsWith('/'))
  const kind = fc.constantFrom<TarKind>('file', 'folder', 'symlink', 'hardlink', 'character', 'block', 'fifo')
  const time = fc.record({
    seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
    nanoseconds: fc.oneof(fc.constant(0), fc.nat(999_999_999)),
  })
  const raw = fc
    .uint8Array({ minLength: 1, maxLength: 200 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte))))
  const entry = fc
    .record({
      name,
      raw: fc.option(raw, { nil: undefined, freq: 3 }),
      kind,
      mode: fc.nat(0o7777),
      uid: fc.oneof(fc.nat(70_000), fc.nat(0xffff_ffff)),
      gid: fc.oneof(fc.nat(70_000), fc.nat(0xffff_ffff)),
      size: fc.oneof(fc.nat(), fc.nat(2 ** 50)),
      mtime: time,
      linkName: name,
      user: fc.constantFrom('', 'root', 'jürgen', 'u'.repeat(40)),
      device: fc.record({ major: fc.nat(4095), minor: fc.nat(0xfffff) }),
      xattrs: fc.dictionary(fc.constantFrom('user.a', 'security.capability'), fc.uint8Array({ maxLength: 50 }), {
        minKeys: 1,
        noNullPrototype: false,
      }),
      withXattrs: fc.boolean(),
    })
    .map((one): TarEntry => {
      const link = one.kind === 'symlink' || one.kind === 'hardlink'
      const bytes = one.raw === undefined || Buffer.from(one.raw.toString('utf8')).equals(one.raw) ? undefined : one.raw
      return {
        name: bytes?.toString('utf8') ?? one.name,
        ...(bytes === undefined ? {} : { rawName: bytes }),
        kind: one.kind,
        mode: one.mode,
        uid: one.uid,
        gid: one.gid,
        size: one.kind === 'file' ? one.size : 0,
        mtime: { ...one.mtime },
        ...(link ? { linkName: one.linkName } : {}),
        ...(one.kind === 'block' || one.kind === 'character' ? { device: { ...one.device } } : {}),
        ...(one.user === '' ? {} : { userName: one.user }),
        ...(one.withXattrs ? { xattrs: one.xattrs } : {}),
      }
    })
  const plain = (one: TarEntry): unknown => ({
    ...one,
    mtime: { ...one.mtime },
    ...(one.rawName === undefined ? {} : { rawName: Buffer.from(one.rawName) }),
    ...(one.xattrs === undefined
      ? {}
      : { xattrs: Object.fromEntries(Object.entries(one.xattrs).map(([key, value]) => [key, Buffer.from(value)])) }),
  })
  fc.assert(
    fc.property(entry, (one) => assert.deepEqual(plain(roundTrip(one)), plain(one))),
    { numRuns: 1000, seed: 3 },
  )
})

test('tarEnd is two blocks of zeros', () => {
  assert.deepEqual(tarEnd, Buffer.alloc(1024))
})
