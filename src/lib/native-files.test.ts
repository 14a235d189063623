import assert from 'node:assert/strict'
import { closeSync, lstatSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { nativeFiles } from './native-files.ts'

const skip = process.platform === 'linux' && process.getuid?.() === 0 ? false : 'devices and trusted xattrs need root on Linux'
const folder = mkdtempSync(join(tmpdir(), 'gantry-native-'))
after(() => rmSync(folder, { recursive: true, force: true }))

test('nativeFiles() makes devices', { skip }, () => {
  const path = join(folder, 'device')
  nativeFiles().mknod(path, 0o060640, 300, 70_000)
  const stat = lstatSync(path)
  assert.deepEqual([stat.isBlockDevice(), stat.rdev], [true, 0x1111_2c70])
  assert.throws(() => nativeFiles().mknod(path, 0o060640, 1, 1), { code: 'EEXIST' })
})

test('nativeFiles() sets times to the nanosecond, also before 1970, and not through symlinks', { skip }, () => {
  const path = Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff])])
  const link = join(folder, 'symlink')
  writeFileSync(path, '')
  symlinkSync(path, link)
  for (const [time, expected] of [
    [{ seconds: -5, nanoseconds: 123_456_789 }, -4_876_543_211n],
    [{ seconds: 2 ** 33, nanoseconds: 1 }, 8_589_934_592_000_000_001n],
  ] as const) {
    for (const one of [path, link]) {
      nativeFiles().setTime(one, time)
      assert.equal(lstatSync(one, { bigint: true }).mtimeNs, expected)
    }
  }
})

test('nativeFiles() sets and reads xattrs of any length', { skip }, () => {
  const path = join(folder, 'attributes')
  writeFileSync(path, '')
  assert.deepEqual({ ...nativeFiles().xattrs(path) }, {})
  const xattrs = { 'trusted.t': Buffer.from('\0\n'), 'user.empty': Buffer.alloc(0), 'user.long': Buffer.alloc(3900, 'x') }
  for (const [name, value] of Object.entries(xattrs)) nativeFiles().setXattr(path, name, value)
  assert.deepEqual({ ...nativeFiles().xattrs(path) }, xattrs)
  assert.deepEqual({ ...nativeFiles().xattrs('/proc/self/status') }, {})
  assert.throws(() => nativeFiles().xattrs(join(folder, 'nothing')), { code: 'ENOENT' })
})

test('nativeFiles() syncs a file system', { skip }, () => {
  const fd = openSync(folder, 'r')
  nativeFiles().syncFileSystem(fd)
  closeSync(fd)
  assert.throws(() => nativeFiles().syncFileSystem(9999), { code: 'EBADF' })
})
