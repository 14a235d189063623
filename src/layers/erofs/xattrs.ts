import { xattrHeaderBytes } from './format.ts'

/** Prefixes that EROFS has a number for; nothing else can be stored. */
const prefixes: readonly (readonly [prefix: string, index: number])[] = [
  ['user.', 1],
  ['system.posix_acl_access', 2],
  ['system.posix_acl_default', 3],
  ['trusted.', 4],
  ['security.', 6],
]

/** The bytes of an inode's inline xattrs: a header and the entries, sorted by name. The names have prefixes that EROFS knows. */
export const encodeXattrs = (xattrs: Readonly<Record<string, Uint8Array>>): Buffer => {
  const parts: Buffer[] = [Buffer.alloc(xattrHeaderBytes)]
  for (const name of Object.keys(xattrs).sort()) {
    const value = xattrs[name] ?? new Uint8Array()
    const [prefix, index] = prefixes.find(([prefix]) => name.startsWith(prefix)) ?? ['', 0]
    const rest = Buffer.from(name.slice(prefix.length))
    const entry = Buffer.alloc(align4(4 + rest.length + value.length))
    entry.writeUInt8(rest.length, 0)
    entry.writeUInt8(index, 1)
    entry.writeUInt16LE(value.length, 2)
    rest.copy(entry, 4)
    entry.set(value, 4 + rest.length)
    parts.push(entry)
  }
  return Buffer.concat(parts)
}

/** What an inode says of the length of its xattrs: 0 for none, else the words after the header, and one. */
export const xattrCount = (bytes: number): number => (bytes === 0 ? 0 : (bytes - xattrHeaderBytes) / 4 + 1)

/** Bytes of the xattrs of an inode that says `count`. */
export const xattrBytes = (count: number): number => (count === 0 ? 0 : xattrHeaderBytes + (count - 1) * 4)

/** Reads what `encodeXattrs` writes; undefined if it is damaged. */
export const decodeXattrs = (bytes: Buffer): Record<string, Uint8Array> | undefined => {
  const found: Record<string, Uint8Array> = Object.create(null) as Record<string, Uint8Array>
  for (let at = xattrHeaderBytes; at + 4 <= bytes.length;) {
    const nameEnd = at + 4 + bytes.readUInt8(at)
    const end = nameEnd + bytes.readUInt16LE(at + 2)
    const prefix = prefixes.find(([, index]) => index === bytes.readUInt8(at + 1))
    if (prefix === undefined || end > bytes.length) return undefined
    found[prefix[0] + bytes.toString('utf8', at + 4, nameEnd)] = Uint8Array.from(bytes.subarray(nameEnd, end))
    at = align4(end)
  }
  return found
}

const align4 = (size: number): number => (size + 3) & ~3
