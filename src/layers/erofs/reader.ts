import type { LayerEntry } from '../interfaces.ts'
import { bytesAsText, textFromBytes } from '../tree/byte-text.ts'
import { depthLimit } from '../tree/layer-tree.ts'
import {
  blockBits,
  blockBytes,
  decodeDevice,
  deviceSlotBytes,
  implicitXattr,
  incompatChunkedFile,
  incompatDeviceTable,
  layoutChunks,
  linkXattr,
  magic,
  noBlock,
  opaqueXattr,
  superblockAt,
  direntBytes,
} from './format.ts'
import { readFolderBlock, type Dirent } from './folder-data.ts'
import { blockCount, readBlock, readChunks, readInode, readXattrs, type Inode } from './inode.ts'
import { accessBytes, accessFile, damaged, type RandomAccess } from './random-access.ts'

/** A path of an index. Names with the same `inode` are one file. */
export interface ErofsEntry extends LayerEntry {
  readonly inode: number
  /** Names that lead to it, in the whole index. */
  readonly links: number
}

/** A step of a walk through an index: an inode under one of its names. */
export interface Step {
  /** One character per byte; '' for the root. */
  readonly name: string
  /** Number of folders that it is in. */
  readonly depth: number
  readonly inode: Inode
}

/** A part of a file: `length` bytes at byte `position` of a device, or zeros where there is no device. */
export interface FilePart {
  readonly length: number
  /** Number of the device in the order of mounting, from 0. */
  readonly device?: number
  readonly position: number
}

interface Device {
  readonly tag: string
  readonly firstBlock: number
  readonly blocks: number
}

/**
 * Reads an index that `encodeErofs` made, without mounting it. Nothing of it is trusted: `data_loss` (EROFS_DAMAGED) for whatever
 * makes no sense, and no image makes it run for ever. Reading is synchronous, since an index is small and in the page cache.
 */
export class ErofsReader implements Disposable {
  readonly #source: RandomAccess
  readonly #root: number
  readonly #devices: readonly Device[]

  private constructor(source: RandomAccess) {
    this.#source = source
    const block = source.read(superblockAt, 128)
    if (block.readUInt32LE(0) !== magic || block.readUInt8(12) !== blockBits) throw damaged('it is none')
    if ((block.readUInt32LE(80) & ~(incompatChunkedFile | incompatDeviceTable)) !== 0 || block.readUInt32LE(40) !== 0)
      throw damaged('it has features that are not known')
    this.#root = block.readUInt16LE(14)
    const table = source.read(block.readUInt16LE(88) * deviceSlotBytes, block.readUInt16LE(86) * deviceSlotBytes)
    this.#devices = Array.from({ length: table.length / deviceSlotBytes }, (_, index) => {
      const at = index * deviceSlotBytes
      const tag = table.toString('latin1', at, at + 64).replace(/\0.*$/s, '')
      return { tag, blocks: table.readUInt32LE(at + 64), firstBlock: table.readUInt32LE(at + 68) }
    })
    if (readInode(source, this.#root).kind !== 'folder') throw damaged('its root is not a folder')
  }

  /** Opens an index file; must be disposed of. */
  static open(path: string): ErofsReader {
    const source = accessFile(path)
    try {
      return new ErofsReader(source)
    } catch (error) {
      source.close()
      throw error
    }
  }

  /** Reads an index in memory. */
  static of(bytes: Uint8Array): ErofsReader {
    return new ErofsReader(accessBytes(bytes))
  }

  [Symbol.dispose](): void {
    this.#source.close()
  }

  /** The tags of the extra devices, in the order of mounting. */
  get devices(): readonly string[] {
    return this.#devices.map((device) => device.tag)
  }

  /** What is at a clean path, as text or as bytes; no symlink is followed. Costs a few block reads for each part of the path. */
  entry(path: string | Uint8Array): ErofsEntry | undefined {
    const bytes = typeof path === 'string' ? bytesAsText(path) : bytesAsText('', path)
    const inode = this.#find(bytes)
    return inode === undefined ? undefined : this.#describe(bytes, inode)
  }

  /** What is directly in a folder, in the order of the names' bytes; nothing if it is none. */
  *list(path: string | Uint8Array): Generator<ErofsEntry, void, undefined> {
    const bytes = typeof path === 'string' ? bytesAsText(path) : bytesAsText('', path)
    const folder = this.#find(bytes)
    if (folder?.kind !== 'folder') return
    for (const { name, inode } of this.dirents(folder)) yield this.#describe(join(bytes, name), readInode(this.#source, inode))
  }

  /** All paths, the root first, folders before what is in them, names in byte order. Further names of a file have `hardLink`. */
  *entries(): Generator<ErofsEntry, void, undefined> {
    const firstNames = new Map<number, string>()
    // the paths of the folders that the current one is in
    const folders: string[] = []
    for (const { name, depth, inode } of this.walk()) {
      const path = depth < 2 ? name : `${folders[depth - 1]}/${name}`
      folders[depth] = path
      const entry = this.#describe(path, inode)
      const first = firstNames.get(inode.inode)
      if (first !== undefined) yield { ...entry, hardLink: first }
      else yield entry
      if (inode.links > 1 && inode.kind !== 'folder' && first === undefined) firstNames.set(inode.inode, entry.path)
    }
  }

  /** All inodes under all their names, in the order of `entries`. */
  *walk(): Generator<Step, void, undefined> {
    // what makes sense has each folder once, and each name has its own place in the image
    const seen = new Set<number>()
    let names = this.#source.size / direntBytes
    const pending: { readonly dirent: Dirent; readonly depth: number }[] = [
      { dirent: { name: '', inode: this.#root, type: 2 }, depth: 0 },
    ]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { dirent, depth } = next
      const inode = readInode(this.#source, dirent.inode)
      yield { name: dirent.name, depth, inode }
      if (inode.kind !== 'folder') continue
      if (seen.has(inode.inode)) throw damaged('a folder is in two places')
      if (depth > depthLimit) throw damaged('its folders are too deep')
      seen.add(inode.inode)
      const children = [...this.dirents(inode)]
      names -= children.length
      if (names < 0) throw damaged('it has too many names')
      // the last one pushed comes first
      for (let i = children.length - 1; i >= 0; i--) pending.push({ dirent: children[i] as Dirent, depth: depth + 1 })
    }
  }

  /** The names in a folder, in byte order, without '.' and '..'. */
  *dirents(folder: Inode): Generator<Dirent, void, undefined> {
    let last = ''
    for (let index = 0; index < blockCount(folder); index++) {
      for (const dirent of this.#block(folder, index)) {
        if (dirent.name <= last) throw damaged(`the names in folder ${folder.inode} are not sorted`)
        last = dirent.name
        if (last !== '.' && last !== '..') yield dirent
      }
    }
  }

  /** Where the bytes of a file are, in order; zeros have no device. */
  parts(inode: number | Inode): readonly FilePart[] {
    const file = typeof inode === 'number' ? readInode(this.#source, inode) : inode
    if (file.kind !== 'file' || file.size === 0) return []
    if (file.layout !== layoutChunks) return [{ length: file.size, ...this.#locate(file.data, file.size) }]
    const chunks = readChunks(this.#source, file)
    const parts: FilePart[] = []
    for (const [index, block] of chunks.blocks.entries()) {
      const length = Math.min(chunks.bytes, file.size - index * chunks.bytes)
      const part: Omit<FilePart, 'length'> = block === noBlock ? { position: 0 } : this.#locate(block, length)
      const last = parts.at(-1)
      const adjoins = last?.device === undefined ? part.position : last.position + last.length
      if (last !== undefined && last.device === part.device && adjoins === part.position)
        parts[parts.length - 1] = { ...last, length: last.length + length }
      else parts.push({ length, ...part })
    }
    return parts
  }

  xattrs(inode: Inode): Readonly<Record<string, Uint8Array>> | undefined {
    return readXattrs(this.#source, inode)
  }

  /** A symlink's target, one character per byte. */
  target(inode: Inode): string {
    if (inode.size > 4095) throw damaged('a symlink is too long')
    let target = ''
    for (let index = 0; index < blockCount(inode); index++) target += readBlock(this.#source, inode, index).toString('latin1')
    return target
  }

  #locate(block: number, length: number): { readonly device: number; readonly position: number } {
    for (const [device, { firstBlock, blocks }] of this.#devices.entries()) {
      if (block < firstBlock || block >= firstBlock + blocks) continue
      if (block + Math.ceil(length / blockBytes) > firstBlock + blocks) break
      return { device, position: (block - firstBlock) * blockBytes }
    }
    throw damaged('a file is in none of the devices')
  }

  #block(folder: Inode, index: number): readonly Dirent[] {
    const dirents = readFolderBlock(readBlock(this.#source, folder, index))
    if (dirents === undefined) throw damaged(`folder ${folder.inode} makes no sense`)
    return dirents
  }

  #find(path: string): Inode | undefined {
    let inode = readInode(this.#source, this.#root)
    if (path === '') return inode
    for (const name of path.split('/')) {
      const number = inode.kind === 'folder' ? this.#lookUp(inode, name) : undefined
      if (number === undefined) return undefined
      inode = readInode(this.#source, number)
    }
    return inode
  }

  #lookUp(folder: Inode, name: string): number | undefined {
    if (name === '.' || name === '..') return undefined
    // the last block whose first name is not behind the one that is looked for
    let low = 0
    let high = blockCount(folder) - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      const first = this.#block(folder, middle)[0]?.name ?? ''
      if (first <= name) low = middle
      else high = middle - 1
    }
    if (folder.size === 0) return undefined
    return this.#block(folder, low).find((dirent) => dirent.name === name)?.inode
  }

  #describe(path: string, inode: Inode): ErofsEntry {
    const { text, raw } = textFromBytes(path)
    const xattrs: Record<string, Uint8Array> = { ...readXattrs(this.#source, inode) }
    const opaque = xattrs[opaqueXattr] !== undefined
    const implicit = xattrs[implicitXattr] !== undefined
    const link = xattrs[linkXattr]
    for (const mark of [opaqueXattr, implicitXattr, linkXattr]) delete xattrs[mark]
    const target = inode.kind === 'symlink' ? textFromBytes(this.target(inode)) : undefined
    const device = decodeDevice(inode.data)
    const isDevice = inode.kind === 'character' || inode.kind === 'block'
    return {
      path: text,
      ...(raw === undefined ? {} : { rawPath: raw }),
      kind: inode.kind === 'character' && inode.data === 0 ? 'whiteout' : inode.kind,
      mode: inode.mode,
      uid: inode.uid,
      gid: inode.gid,
      size: inode.kind === 'file' ? inode.size : 0,
      mtime: { seconds: inode.seconds, nanoseconds: inode.nanoseconds },
      ...(target === undefined ? {} : { target: target.text }),
      ...(target?.raw === undefined ? {} : { rawTarget: target.raw }),
      ...(link === undefined ? {} : { lowerLink: Buffer.from(link).toString() }),
      ...(isDevice && inode.data !== 0 ? { device } : {}),
      ...(Object.keys(xattrs).length === 0 ? {} : { xattrs }),
      ...(opaque ? { opaque } : {}),
      ...(implicit ? { implicit } : {}),
      inode: inode.inode,
      links: inode.links,
    }
  }
}

const join = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`)
