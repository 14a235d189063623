import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { extract, pack } from 'tar-stream'
import { collect, streamOf, type ByteStream } from '../bytes.ts'
import { GantryError } from '../errors.ts'
import type { TarEntry } from './entry.ts'
import { readTar } from './reader.ts'
import { writeTar, type TarInput } from './writer.ts'

const gnuTar = spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU') ? false : 'GNU tar is not installed'

const base: TarEntry = { name: 'file', kind: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { seconds: 0, nanoseconds: 0 } }
const bytesOf = (stream: ByteStream): Promise<Buffer> => collect(stream, 64 * 1024 * 1024)

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'gantry-tar-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

const readAll = async (stream: ByteStream): Promise<Map<string, TarEntry & { bytes: Buffer }>> => {
  const found = new Map<string, TarEntry & { bytes: Buffer }>()
  for await (const { body, ...entry } of readTar(stream)) found.set(entry.name, { ...entry, bytes: await bytesOf(body) })
  return found
}

const inputs = (): TarInput[] => [
  { ...base, name: 'd', kind: 'folder', mode: 0o1755 },
  { ...base, name: 'd/ü', size: 1000, body: streamOf(Buffer.alloc(400, 1), Buffer.alloc(600, 2)) },
  {
    ...base,
    name: `d/${'long/'.repeat(60)}x`,
    size: 512,
    body: streamOf(Buffer.alloc(512, 3)),
    mtime: { seconds: 5, nanoseconds: 25_000_000 },
  },
  { ...base, name: 'link', kind: 'symlink', linkName: 't'.repeat(150), userName: 'root', groupName: 'root' },
  { ...base, name: 'hard', kind: 'hardlink', linkName: 'd/ü', xattrs: { 'user.a': Buffer.from('\0b') } },
]

test('readTar() skips bodies that are not read, and refuses a body that is gone', async () => {
  const names: string[] = []
  let first: ByteStream | undefined
  for await (const entry of readTar(writeTar(inputs()))) {
    names.push(entry.name)
    if (entry.name === 'd/ü') first = entry.body
  }
  assert.equal(names.length, 5)
  await assert.rejects(bytesOf(first!), (error) => error instanceof GantryError && error.code === 'TAR_BODY_GONE')
})

test('readTar() closes the stream when its reader leaves early', async () => {
  let closed = false
  async function* source(): ByteStream {
    try {
      yield* writeTar(inputs())
    } finally {
      closed = true
    }
  }
  for await (const _entry of readTar(source())) break
  assert.equal(closed, true)
})

test('writeTar() refuses a body that is longer or shorter than its entry says', async () => {
  for (const length of [0, 9, 11]) {
    const input: TarInput = { ...base, size: 10, body: streamOf(Buffer.alloc(length)) }
    await assert.rejects(bytesOf(writeTar([input])), (error) => error instanceof GantryError && error.code === 'TAR_BODY_SIZE')
  }
  await assert.rejects(bytesOf(writeTar([{ ...base, size: 10 }])), GantryError)
})

test('writeTar() is read by tar-stream', async () => {
  const unpack = extract()
  const found: string[] = []
  unpack.on('entry', (header, stream, next) => {
    found.push(`${header.type} ${header.name} ${header.size} ${header.mode?.toString(8)} ${header.linkname ?? ''}`)
    stream.on('end', next)
    stream.resume()
  })
  const done = new Promise<void>((resolve, reject) => unpack.on('finish', () => resolve()).on('error', reject))
  Readable.from(writeTar(inputs())).pipe(unpack)
  await done
  assert.deepEqual(found, [
    'directory d/ 0 1755 ',
    'file d/ü 1000 644 ',
    `file d/${'long/'.repeat(60)}x 512 644 `,
    `symlink link 0 644 ${'t'.repeat(150)}`,
    'link hard 0 644 d/ü',
  ])
})

test('readTar() reads what tar-stream writes', async () => {
  const archive = pack()
  archive.entry({ name: 'n'.repeat(200), uid: 5, mtime: new Date(1500), pax: { 'SCHILY.xattr.user.a': 'b' } }, 'body')
  archive.entry({ name: 'l', type: 'symlink', linkname: 'x' })
  archive.finalize()
  const found = await readAll(Readable.from(archive))
  const first = found.get('n'.repeat(200))
  assert.deepEqual(
    [first?.uid, first?.bytes.toString(), Buffer.from(first?.xattrs?.['user.a'] ?? []).toString()],
    [5, 'body', 'b'],
  )
  assert.equal(found.get('l')?.linkName, 'x')
})

const makeTree = (): string => {
  const root = join(folder, 'tree')
  mkdirSync(join(root, 'd', 'p'.repeat(90)), { recursive: true })
  writeFileSync(join(root, 'd', 'p'.repeat(90), 'n'.repeat(90)), 'deep')
  writeFileSync(join(root, 'f'), Buffer.alloc(10_000, 7))
  utimesSync(join(root, 'f'), 1.25, 1.25)
  linkSync(join(root, 'f'), join(root, 'g'))
  symlinkSync('nowhere', join(root, 's'))
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x72, 0xff])]), 'raw')
  return root
}

test('readTar() reads what GNU tar writes in each of its formats', { skip: gnuTar }, async () => {
  const root = makeTree()
  for (const format of ['gnu', 'oldgnu', 'pax', 'ustar', 'v7']) {
    const names = Buffer.concat([Buffer.from(format === 'v7' ? 'f\0g\0s\0r' : 'd\0f\0g\0s\0r'), Buffer.from([0xff])])
    const bytes = execFileSync('tar', [`--format=${format}`, '-C', root, '-cf', '-', '--null', '-T', '-'], { input: names })
    const found = await readAll(streamOf(bytes))
    assert.equal(found.get('f')?.bytes.length, 10_000, format)
    assert.deepEqual([found.get('g')?.kind, found.get('g')?.linkName], ['hardlink', 'f'], format)
    assert.equal(found.get('s')?.linkName, 'nowhere', format)
    assert.deepEqual(Buffer.from(found.get('r\ufffd')?.rawName ?? []), Buffer.from([0x72, 0xff]), format)
    assert.deepEqual(found.get('f')?.mtime, { seconds: 1, nanoseconds: format === 'pax' ? 250_000_000 : 0 }, format)
    if (format !== 'v7') assert.equal(found.get(`d/${'p'.repeat(90)}/${'n'.repeat(90)}`)?.bytes.toString(), 'deep', format)
  }
})

test('readTar() gives the whole contents of sparse files as GNU tar writes them', { skip: gnuTar }, async () => {
  const path = join(folder, 'sparse')
  writeFileSync(path, 'start')
  truncateSync(path, 300_000)
  writeFileSync(path, 'end', { flag: 'a' })
  const contents = readFileSync(path)
  for (const format of [
    ['gnu'],
    ['oldgnu'],
    ['pax', '--sparse-version=0.0'],
    ['pax', '--sparse-version=0.1'],
    ['pax', '--sparse-version=1.0'],
  ]) {
    const bytes = execFileSync('tar', [
      `--format=${format[0]}`,
      ...format.slice(1),
      '-S',
      '--hole-detection=raw',
      '-C',
      folder,
      '-cf',
      '-',
      'sparse',
    ])
    assert.ok(bytes.length < 50_000)
    const found = await readAll(streamOf(bytes))
    assert.ok(found.get('sparse')?.bytes.equals(contents), format.join(' '))
  }
})

test('GNU tar reads what writeTar() writes', { skip: gnuTar }, async () => {
  const bytes = await bytesOf(writeTar(inputs()))
  const listing = execFileSync('tar', ['-tvf', '-', '--numeric-owner', '--utc'], {
    input: bytes,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  const lines = listing
    .trim()
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '))
  assert.deepEqual(lines, [
    'drwxr-xr-t 0/0 0 1970-01-01 00:00 d/',
    '-rw-r--r-- 0/0 1000 1970-01-01 00:00 d/ü',
    `-rw-r--r-- 0/0 512 1970-01-01 00:00 d/${'long/'.repeat(60)}x`,
    `lrw-r--r-- 0/0 0 1970-01-01 00:00 link -> ${'t'.repeat(150)}`,
    'hrw-r--r-- 0/0 0 1970-01-01 00:00 hard link to d/ü',
  ])
})
