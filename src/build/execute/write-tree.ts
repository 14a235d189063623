import { createWriteStream } from 'node:fs'
import { link, lchown, mkdir, chmod, symlink } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Abortable } from '../../lib/bytes.ts'
import { nativeFiles } from '../../lib/native-files.ts'
import { nameOf, type Tree, type TreeEntry } from '../tree/tree.ts'

/**
 * Writes what is in a folder of a tree into an empty folder that nobody else sees yet, with owners, modes, times, xattrs and hard
 * links. What is neither file, folder nor link is left out.
 */
export const writeTree = async (tree: Tree, from: string, folder: string, options: Abortable = {}): Promise<void> => {
  const links = new Map<string, Buffer>()
  const writeFolder = async (path: string, to: string): Promise<void> => {
    for (const entry of await tree.list(path)) {
      const place = `${to}/${nameOf(entry.path)}`
      const file = Buffer.from(place, 'latin1')
      const first = entry.inode === undefined ? undefined : links.get(entry.inode)
      if (first !== undefined) await link(first, file)
      else if (await writeEntry(tree, entry, file, options)) {
        if (entry.inode !== undefined) links.set(entry.inode, file)
        if (entry.kind === 'folder') await writeFolder(entry.path, place)
        nativeFiles().setTime(file, entry.mtime)
      }
    }
  }
  await writeFolder(from, Buffer.from(folder).toString('latin1'))
}

const writeEntry = async (tree: Tree, entry: TreeEntry, file: Buffer, options: Abortable): Promise<boolean> => {
  switch (entry.kind) {
    case 'folder':
      await mkdir(file, { mode: 0o700 })
      break
    case 'file':
      await pipeline(Readable.from(tree.read(entry)), createWriteStream(file, { flags: 'wx', mode: 0o600 }), options)
      break
    case 'symlink':
      await symlink(Buffer.from(entry.target ?? '', 'latin1'), file)
      break
    case 'character':
    case 'block':
    case 'fifo':
      return false
  }
  await lchown(file, entry.uid, entry.gid)
  for (const [name, value] of Object.entries(entry.xattrs ?? {})) nativeFiles().setXattr(file, name, value)
  if (entry.kind !== 'symlink') await chmod(file, entry.mode)
  return true
}
