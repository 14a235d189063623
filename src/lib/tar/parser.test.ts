import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../errors.ts'
import { encodeTarHeader, tarEnd } from './encode.ts'
import { tarPadding, type TarEntry } from './entry.ts'
import { headerSum } from './numbers.ts'
import { TarParser } from './parser.ts'
import { encodePaxRecord } from './pax.ts'

interface Parsed {
  readonly entries: (TarEntry & { readonly at: number; readonly body: string })[]
  readonly ended: boolean
}

const parse = (bytes: Uint8Array, chunkSize = bytes.length || 1): Parsed => {
  const entries: Parsed['entries'] = []
  const parser = new TarParser({
    entry: (entry, at) => void entries.push({ ...entry, at, body: '' }),
    body: (piece) => {
      const last = entries.pop()!
      entries.push({ ...last, body: last.body + Buffer.from(piece).toString('latin1') })
    },
  })
  for (let at = 0; at < bytes.length; at += chunkSize) parser.feed(bytes.subarray(at, at + chunkSize))
  parser.finish()
  return { entries, ended: parser.ended }
}

const base: TarEntry = { name: 'file', kind: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { seconds: 0, nanoseconds: 0 } }
const padded = (text: string | Uint8Array): Buffer =>
  Buffer.concat([Buffer.from(text as string), Buffer.alloc(tarPadding(text.length))])

/** A header whose fields are set as they come, with a right checksum. */
const header = (fields: { readonly [at: number]: string | Uint8Array }, magic = 'ustar\x0000'): Buffer => {
  const block = Buffer.alloc(512)
  block.write('0000644\0', 100)
  block.write(magic, 257, 'latin1')
  for (const [at, value] of Object.entries(fields)) Buffer.from(value as string).copy(block, Number(at))
  block.write(headerSum(block, 0).toString(8).padStart(6, '0') + '\0 ', 148)
  return block
}

const pax = (records: readonly (readonly [string, string | Uint8Array])[], type = 'x'): Buffer => {
  const body = Buffer.concat(records.map(([key, value]) => encodePaxRecord(key, value)))
  return Buffer.concat([header({ 0: 'pax', 124: body.length.toString(8), 156: type }), padded(body)])
}

const archive = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat([...parts, tarEnd])
const one = (...parts: readonly Uint8Array[]): Parsed['entries'][number] => parse(archive(...parts)).entries[0]!
const code = (expected: string) => (error: unknown) => error instanceof GantryError && error.code === expected

test('TarParser gives the same entries for every size of chunks', () => {
  const file = { ...base, name: 'a'.repeat(300), size: 700, xattrs: { 'user.x': Buffer.from('\0\n=') } }
  const bytes = archive(encodeTarHeader(file), padded('x'.repeat(700)), encodeTarHeader({ ...base, name: 'b' }))
  const whole = parse(bytes)
  assert.equal(whole.entries[0]?.body.length, 700)
  assert.equal(bytes.toString('latin1', whole.entries[0]?.at, (whole.entries[0]?.at ?? 0) + 700), 'x'.repeat(700))
  for (const size of [1, 7, 100, 511, 512, 513, 1025]) assert.deepEqual(parse(bytes, size), whole)
})

test('TarParser knows the end of the archive when trailing data follows', () => {
  const parsed = parse(archive(encodeTarHeader(base), tarEnd, Buffer.from('anything')))
  assert.equal(parsed.entries.length, 1)
  assert.equal(parsed.ended, true)
})

test('TarParser accepts an archive without closing blocks when it ends between entries', () => {
  assert.equal(parse(encodeTarHeader(base)).entries.length, 1)
  assert.equal(parse(Buffer.concat([encodeTarHeader(base), Buffer.alloc(512)])).entries.length, 1)
  assert.deepEqual(parse(Buffer.alloc(0)), { entries: [], ended: false })
})

test('TarParser says TAR_TRUNCATED when the archive ends within an entry', () => {
  const bytes = Buffer.concat([
    encodeTarHeader({ ...base, name: 'n'.repeat(200), size: 600, mtime: { seconds: 1, nanoseconds: 5 } }),
    padded('x'.repeat(600)),
  ])
  // zeros after the last body may be missing
  assert.equal(parse(bytes.subarray(0, bytes.length - tarPadding(600))).entries.length, 1)
  for (let end = 1; end < bytes.length - tarPadding(600); end += 101) {
    assert.throws(() => parse(bytes.subarray(0, end)), code('TAR_TRUNCATED'), `cut at ${end}`)
  }
})

test('TarParser reads numbers in base-256, negative times and padded octal', () => {
  const big = Buffer.alloc(12)
  big[0] = 0x80
  big.writeUIntBE(2 ** 40, 6, 6)
  const parser = new TarParser({ entry: (entry) => assert.equal(entry.size, 2 ** 40) })
  parser.feed(header({ 0: 'big', 124: big, 156: '0' }, 'ustar  \0'))
  const minus = Buffer.alloc(12, 0xff)
  assert.equal(one(header({ 0: 'old', 136: minus, 156: '0' }, 'ustar  \0')).mtime.seconds, -1)
  assert.equal(one(header({ 0: 'spaces', 108: '  17 \0', 124: '          0 ', 156: '0' })).uid, 0o17)
  const nobody = Buffer.alloc(8, 0xff)
  nobody[7] = 0xfe
  assert.equal(one(header({ 0: 'nobody', 108: nobody, 156: '0' })).uid, 0xffff_fffe)
  const huge = Buffer.alloc(12, 0xff)
  huge[0] = 0x80
  assert.throws(() => one(header({ 0: 'huge', 124: huge, 156: '0' })), code('TAR_INVALID'))
})

test('TarParser accepts checksums that were summed signed', () => {
  const block = header({ 0: Buffer.from([0xc3, 0xa4]), 156: '0' })
  let sum = 8 * 0x20
  for (const [i, byte] of block.entries()) if (i < 148 || i >= 156) sum += byte > 127 ? byte - 256 : byte
  block.write(sum.toString(8).padStart(6, '0') + '\0 ', 148)
  assert.equal(one(block).name, 'ä')
  block[148]!++
  assert.throws(() => one(block), code('TAR_INVALID'))
})

test('TarParser reads the prefix when the magic says that there is one', () => {
  assert.equal(one(header({ 0: 'b', 156: '0', 345: 'a' })).name, 'a/b')
  assert.equal(one(header({ 0: 'b', 156: '0', 345: 'a' }, '\0'.repeat(8))).name, 'b')
  // GNU has times there; old Go wrote a prefix there all the same
  assert.equal(one(header({ 0: 'b', 156: '0', 345: '00000000001\x0000000000002\0' }, 'ustar  \0')).name, 'b')
  assert.equal(one(header({ 0: 'b', 156: '0', 345: 'a/very/long/prefix' }, 'ustar  \0')).name, 'a/very/long/prefix/b')
})

test('TarParser ignores the size of what has no body', () => {
  for (const type of ['1', '2', '3', '4', '5', '6']) {
    const parsed = parse(archive(header({ 0: 'x', 124: '1000', 156: type, 157: 'to' }), encodeTarHeader(base)))
    assert.deepEqual([parsed.entries[0]?.size, parsed.entries[1]?.name], [0, 'file'], type)
  }
})

test('TarParser maps the type flags of old and foreign writers', () => {
  assert.equal(one(header({ 0: 'x/', 156: '\0' })).kind, 'folder')
  assert.equal(one(header({ 0: 'x', 156: '\0' })).kind, 'file')
  assert.equal(one(header({ 0: 'x', 156: '7' })).kind, 'file')
  const dumped = parse(archive(header({ 0: 'x/', 124: '5', 156: 'D' }), padded('Yfile'), header({ 0: 'y', 156: '0' })))
  assert.deepEqual(
    dumped.entries.map((entry) => [entry.name, entry.kind, entry.body]),
    [
      ['x', 'folder', ''],
      ['y', 'file', ''],
    ],
  )
  assert.equal(parse(archive(header({ 0: 'label', 156: 'V' }), header({ 0: 'y', 156: '0' }))).entries.length, 1)
  assert.throws(() => one(header({ 0: 'x', 156: 'M' })), code('TAR_INVALID'))
})

test('TarParser applies PAX records to the next entry only', () => {
  const first = one(
    pax([
      ['path', 'long/ü'],
      ['linkpath', 'target'],
      ['uid', '3000000'],
      ['gid', '4'],
      ['uname', 'me'],
      ['gname', 'us'],
      ['mtime', '-1.5'],
      ['SCHILY.xattr.user.a', Buffer.from([0, 10, 61, 255])],
      ['SCHILY.xattr.user.empty', ''],
      ['comment', 'ignored'],
    ]),
    header({ 0: 'short', 156: '2', 157: 'x' }),
    header({ 0: 'next', 156: '0' }),
  )
  assert.deepEqual(
    { ...first, xattrs: { ...first.xattrs } },
    {
      name: 'long/ü',
      kind: 'symlink',
      mode: 0o644,
      uid: 3_000_000,
      gid: 4,
      size: 0,
      mtime: { seconds: -2, nanoseconds: 500_000_000 },
      linkName: 'target',
      userName: 'me',
      groupName: 'us',
      xattrs: { 'user.a': new Uint8Array([0, 10, 61, 255]), 'user.empty': new Uint8Array() },
      at: first.at,
      body: '',
    },
  )
  const next = parse(archive(pax([['path', 'a']]), header({ 0: 'b', 156: '0' }), header({ 0: 'c', 156: '0' })))
  assert.deepEqual(
    next.entries.map((entry) => entry.name),
    ['a', 'c'],
  )
})

test('TarParser takes owners and times of a global header, but neither names nor sizes', () => {
  const global = pax(
    [
      ['uid', '7'],
      ['mtime', '9.25'],
      ['path', 'all'],
      ['size', '512'],
    ],
    'g',
  )
  const parsed = parse(archive(global, header({ 0: 'a', 156: '0' }), pax([['uid', '']]), header({ 0: 'b', 108: '12', 156: '0' })))
  assert.deepEqual(
    parsed.entries.map(({ name, uid, mtime, size }) => [name, uid, mtime.seconds, mtime.nanoseconds, size]),
    [
      ['a', 7, 9, 250_000_000, 0],
      ['b', 0o12, 9, 250_000_000, 0],
    ],
  )
})

test('TarParser reads GNU long names and links', () => {
  const long = (type: string, text: string): Buffer =>
    Buffer.concat([
      header({ 0: '././@LongLink', 124: (text.length + 1).toString(8), 156: type }, 'ustar  \0'),
      padded(`${text}\0`),
    ])
  const entry = one(long('L', 'n'.repeat(600)), long('K', 'k'.repeat(700)), header({ 0: 'n', 156: '2', 157: 'k' }, 'ustar  \0'))
  assert.deepEqual([entry.name, entry.linkName], ['n'.repeat(600), 'k'.repeat(700)])
})

test('TarParser keeps the bytes of names that are not UTF-8', () => {
  const entry = one(header({ 0: Buffer.from([0x61, 0xff, 0x2f]), 156: '5' }))
  assert.deepEqual([entry.name, Buffer.from(entry.rawName!)], ['a\ufffd', Buffer.from([0x61, 0xff])])
})

test('TarParser never gives xattrs a prototype', () => {
  const entry = one(pax([['SCHILY.xattr.__proto__', 'x']]), header({ 0: 'a', 156: '0' }))
  assert.equal(Object.getPrototypeOf(entry.xattrs), null)
})

const octal = (value: number): string => value.toString(8).padStart(11, '0') + '\0'

test('TarParser reads the maps of sparse files in all four formats', () => {
  const map = [
    { offset: 512, length: 512 },
    { offset: 2048, length: 10 },
  ]
  const body = padded('d'.repeat(522))
  const expected = { size: 4096, sparse: map, body: 'd'.repeat(522) }
  const old = header(
    { 0: 's', 124: octal(522), 156: 'S', 386: octal(512) + octal(512) + octal(2048) + octal(10), 483: octal(4096) },
    'ustar  \0',
  )
  const more = Buffer.alloc(512)
  more.write(octal(2048) + octal(10) + octal(4096) + octal(0))
  const extended = header(
    { 0: 's', 124: octal(522), 156: 'S', 386: octal(512) + octal(512), 482: '\x01', 483: octal(4096) },
    'ustar  \0',
  )
  const main = header({ 0: 's', 124: octal(522), 156: '0' })
  const v00 = pax([
    ['GNU.sparse.size', '4096'],
    ['GNU.sparse.numblocks', '2'],
    ['GNU.sparse.offset', '512'],
    ['GNU.sparse.numbytes', '512'],
    ['GNU.sparse.offset', '2048'],
    ['GNU.sparse.numbytes', '10'],
  ])
  const v01 = pax([
    ['GNU.sparse.size', '4096'],
    ['GNU.sparse.name', 's'],
    ['GNU.sparse.map', '512,512,2048,10,4096,0'],
  ])
  const v10 = pax([
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', 's'],
    ['GNU.sparse.realsize', '4096'],
  ])
  const inBody = [header({ 0: 'GNUSparseFile.0/s', 124: octal(522 + 512), 156: '0' }), padded('2\n512\n512\n2048\n10\n')]
  const cases = { old: [old], extended: [extended, more], v00: [v00, main], v01: [v01, main], v10: [v10, ...inBody] }
  for (const [name, parts] of Object.entries(cases)) {
    const entry = one(...parts, body)
    assert.deepEqual({ size: entry.size, sparse: entry.sparse, body: entry.body }, expected, name)
    assert.equal(entry.name, 's', name)
  }
})

test('TarParser refuses what is malformed', () => {
  const x = (body: string): Buffer => Buffer.concat([header({ 0: 'p', 124: body.length.toString(8), 156: 'x' }), padded(body)])
  const file = header({ 0: 'a', 156: '0' })
  const cases: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['zero block between entries', [Buffer.alloc(512), file]],
    ['record without newline', [x('8 a=bcd '), file]],
    ['record longer than the header', [x('99 a=b\n'), file]],
    ['record of length 0', [x('0 a=b\n'), file]],
    ['record of negative length', [x('-5 a=b\n'), file]],
    ['record without keyword', [x('5 =b\n'), file]],
    ['record without equals sign', [x('5 ab\n'), file]],
    ['NUL in a path', [pax([['path', 'a\0b']]), file]],
    ['size that is no number', [pax([['size', '1e3']]), file]],
    ['negative size', [pax([['size', '-1']]), file]],
    ['size beyond 2^53', [pax([['size', '99999999999999999']]), file]],
    ['sizes that sum up beyond 2^53', [pax([['size', String(Number.MAX_SAFE_INTEGER)]]), file]],
    ['owner beyond 2^32', [pax([['uid', '4294967296']]), file]],
    ['time that is no number', [pax([['mtime', '1.2.3']]), file]],
    ['extended header without entry', [pax([['path', 'a']])]],
    ['octal with other digits', [header({ 0: 'a', 124: '0000009', 156: '0' })]],
    ['name beyond 4096 bytes', [pax([['path', 'ü'.repeat(2049)]]), file]],
    ['extended header beyond 1 MiB', [header({ 0: 'p', 124: octal(1024 * 1024 + 1), 156: 'x' })]],
    [
      'sparse parts that overlap',
      [
        pax([
          ['GNU.sparse.size', '9'],
          ['GNU.sparse.map', '0,512,4,1'],
        ]),
        file,
      ],
    ],
    [
      'sparse parts beyond the size',
      [
        pax([
          ['GNU.sparse.size', '9'],
          ['GNU.sparse.map', '9,1'],
        ]),
        file,
      ],
    ],
    [
      'sparse map without end',
      [
        pax([
          ['GNU.sparse.major', '1'],
          ['GNU.sparse.realsize', '9'],
        ]),
        header({ 0: 'a', 124: octal(512), 156: '0' }),
        padded('9\n'),
      ],
    ],
    ['sparse file without map', [header({ 0: 'a', 156: 'S' })]],
    ['sparse length without offset', [pax([['GNU.sparse.numbytes', '9']]), file]],
  ]
  for (const [name, parts] of cases) assert.throws(() => one(...parts), code('TAR_INVALID'), name)
})

test('TarParser throws nothing but GantryErrors when bytes are random or mutated', () => {
  const good = archive(
    encodeTarHeader({ ...base, name: 'ü'.repeat(80), size: 5, xattrs: { 'user.a': Buffer.from('b') } }),
    padded('12345'),
    encodeTarHeader({ ...base, name: 'l', kind: 'symlink', linkName: 'to' }),
    header({ 0: 's', 124: octal(512), 156: 'S', 386: octal(512) + octal(512), 482: '\x01', 483: octal(4096) }, 'ustar  \0'),
  )
  const safe = (bytes: Uint8Array, size: number): void => {
    try {
      parse(bytes, size)
    } catch (error) {
      assert.ok(error instanceof GantryError && error.kind === 'invalid_argument', String(error))
    }
  }
  const resum = (bytes: Buffer, at: number): void =>
    void bytes.write(headerSum(bytes, at).toString(8).padStart(6, '0') + '\0 ', at + 148)
  const mutation = fc.record({ at: fc.nat(good.length - 1), to: fc.nat(255) })
  fc.assert(
    fc.property(
      fc.array(mutation, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.nat(4),
      (changes, size, block) => {
        const bytes = Buffer.from(good)
        for (const { at, to } of changes) bytes[at] = to
        // right checksums let mutations reach what is behind them
        resum(bytes, Math.min(block * 512, bytes.length - 512))
        safe(bytes, size)
      },
    ),
    { numRuns: 1500, seed: 1 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 512, maxLength: 2048 }), fc.integer({ min: 1, max: 3000 }), (random, size) => {
      const bytes = Buffer.from(random)
      resum(bytes, 0)
      safe(bytes, size)
    }),
    { numRuns: 500, seed: 2 },
  )
})
