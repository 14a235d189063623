/**
 * EROFS as gantry writes and reads it (Linux: Documentation/filesystems/erofs.rst, fs/erofs/erofs_fs.h): 512-byte blocks, so that a
 * file can point at its body inside a tar, which starts at a multiple of 512; extended inodes; little endian.
 *
 * byte 1024: the superblock (128 bytes) · 1152: one slot of 128 bytes per extra device · then inodes, each at a multiple of 32, which
 * divided by 32 is its number; an inode is 64 bytes, its xattrs, and then the end of its data if that is inline · then the blocks of
 * folders and symlinks that are too large for that. The blocks of the extra devices are numbered on from there.
 */
export const blockBits = 9
export const blockBytes = 512
export const superblockAt = 1024
export const magic = 0xe0f5e1e2
export const deviceSlotBytes = 128
export const deviceTableAt = 1152
export const inodeBytes = 64
/** Inodes stand at multiples of this. */
export const slotBytes = 32
export const direntBytes = 12
export const xattrHeaderBytes = 12

/** The times are those of modification. */
export const compatMtime = 2
export const incompatChunkedFile = 4
export const incompatDeviceTable = 8

/** Ways of an inode to its data. */
export const layoutPlain = 0
export const layoutInline = 2
export const layoutChunks = 4

/** A chunk that is a hole. */
export const noBlock = 0xffff_ffff

/** Type bits of a mode (S_IF…). */
export const modeTypes = {
  fifo: 0o010000,
  character: 0o020000,
  folder: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
} as const

/** File types in folders (EROFS_FT_…). */
export const direntTypes = { file: 1, folder: 2, character: 3, block: 4, fifo: 5, symlink: 7 } as const

export type InodeKind = keyof typeof modeTypes

/** Linux' dev_t in 32 bits, major up to 4095 and minor up to 2^20 - 1. */
export const encodeDevice = (major: number, minor: number): number =>
  ((minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)) >>> 0

export const decodeDevice = (device: number): { readonly major: number; readonly minor: number } => ({
  major: (device >>> 8) & 0xfff,
  minor: (device & 0xff) | ((device >>> 12) & 0xfff00),
})

/** The xattr that makes overlayfs see an opaque folder. */
export const opaqueXattr = 'trusted.overlay.opaque'
/** Marks a folder that the layer's tar does not have. */
export const implicitXattr = 'trusted.gantry.implicit'
/** Holds the path of a lower layer that a name is a hard link to. */
export const linkXattr = 'trusted.gantry.link'

/** Writes 64 bits; the value is an integer, negative ones in two's complement. */
export const setInt64 = (view: DataView, at: number, value: number): void => {
  view.setUint32(at, value, true)
  view.setInt32(at + 4, Math.floor(value / 0x1_0000_0000), true)
}

export const readInt64 = (bytes: Buffer, at: number): number => bytes.readInt32LE(at + 4) * 0x1_0000_0000 + bytes.readUInt32LE(at)
