import { GantryError } from './errors.ts'
import { loadLibc } from './native.ts'

/** A path as text, or as bytes where it may not be UTF-8. */
export type NativePath = string | Uint8Array

/** What files on Linux have and Node.js does not know. No call follows a symlink at the end; errors as those of `native`, their code is the errno's name. */
export interface NativeFiles {
  /** Makes a device, or whatever else the type bits of `mode` say. */
  mknod(path: NativePath, mode: number, major: number, minor: number): void
  /** Sets the modification time, with nanoseconds, and the access time to the same. */
  setTime(path: NativePath, time: { readonly seconds: number; readonly nanoseconds: number }): void
  setXattr(path: NativePath, name: string, value: Uint8Array): void
  /** All xattrs that may be seen, by full name; empty where the file system has none. */
  xattrs(path: NativePath): Readonly<Record<string, Buffer>>
  /** Waits until all that the file system of the open file holds is on the disk. */
  syncFileSystem(fd: number): void
}

let loaded: NativeFiles | undefined

/** Loads koffi and libc on first use (about 15 ms). */
export const nativeFiles = (): NativeFiles => (loaded ??= load())

const atCurrentFolder = -100
const symlinkNoFollow = 0x100

/** glibc's dev_t. */
const deviceNumber = (major: number, minor: number): bigint => {
  const [high, low] = [BigInt(major), BigInt(minor)]
  return ((high & 0xffff_f000n) << 32n) | ((low & 0xffff_ff00n) << 12n) | ((high & 0xfffn) << 8n) | (low & 0xffn)
}

const load = (): NativeFiles => {
  const define = loadLibc()
  const utimensat = define('int utimensat(int, const void*, const void*, int)', 'set the times of a file')
  const lsetxattr = define('int lsetxattr(const void*, const char*, const void*, size_t, int)', 'set the xattr')
  const llistxattr = define('intptr_t llistxattr(const void*, void*, size_t)', 'list xattrs')
  const lgetxattr = define('intptr_t lgetxattr(const void*, const char*, void*, size_t)', 'read the xattr')
  const syncfs = define('int syncfs(int)', 'sync the file system')
  // glibc before 2.33 has no mknod that can be called by its name
  let mknod: ReturnType<typeof define> | undefined
  const times = Buffer.alloc(32)
  return {
    mknod: (path, mode, major, minor) => {
      mknod ??= define('int mknod(const void*, unsigned int, uint64_t)', 'make a device')
      mknod(terminated(path), mode, deviceNumber(major, minor))
    },
    setTime: (path, { seconds, nanoseconds }) => {
      for (const at of [0, 16]) {
        times.writeBigInt64LE(BigInt(seconds), at)
        times.writeBigInt64LE(BigInt(nanoseconds), at + 8)
      }
      utimensat(atCurrentFolder, terminated(path), times, symlinkNoFollow)
    },
    setXattr: (path, name, value) => void lsetxattr(terminated(path), name, value, value.length, 0),
    xattrs: (path) => {
      const file = terminated(path)
      const list = grow((buffer) => llistxattr(file, buffer, buffer.length))
      const found: Record<string, Buffer> = Object.create(null) as Record<string, Buffer>
      for (const name of list.toString('utf8').split('\0')) {
        const value = name === '' ? undefined : grow((buffer) => lgetxattr(file, name, buffer, buffer.length), 'ENODATA')
        if (value !== undefined) found[name] = value
      }
      return found
    },
    syncFileSystem: (fd) => void syncfs(fd),
  }
}

const scratch = Buffer.alloc(4096)

/** The bytes that a call fills a buffer with; in a larger buffer if they do not fit. */
function grow(call: (buffer: Buffer) => number): Buffer
function grow(call: (buffer: Buffer) => number, gone: string): Buffer | undefined
function grow(call: (buffer: Buffer) => number, gone?: string): Buffer | undefined {
  for (let buffer = scratch; ; buffer = Buffer.alloc(64 * 1024)) {
    try {
      return Buffer.from(buffer.subarray(0, call(buffer)))
    } catch (error) {
      const code = error instanceof GantryError ? error.code : ''
      if (code === 'ENOTSUP' || code === 'EOPNOTSUPP') return Buffer.alloc(0)
      if (gone !== undefined && code === gone) return undefined
      if (code !== 'ERANGE' || buffer !== scratch) throw error
    }
  }
}

const terminated = (path: NativePath): Buffer => {
  const bytes = typeof path === 'string' ? Buffer.from(path) : path
  const copy = Buffer.alloc(bytes.length + 1)
  copy.set(bytes)
  return copy
}
