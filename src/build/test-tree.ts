import { streamOf } from '../lib/bytes.ts'
import { MemoryTree, type MemoryEntry } from './tree/memory-tree.ts'
import type { TreeEntry } from './tree/tree.ts'

/** What a tree for tests holds at a path: a file's text, `-> target`, or `folder`; or some of an entry's fields. */
export type TestEntry = string | (Partial<TreeEntry> & { readonly text?: string })

/** A tree in memory from a short description. Files are 0644, folders 0755, all at second 1000. */
export const testTree = (entries: Readonly<Record<string, TestEntry>>): MemoryTree =>
  new MemoryTree(Object.entries(entries).map(([path, entry]) => testEntry(path, entry)))

const testEntry = (path: string, given: TestEntry): MemoryEntry => {
  const base = { path, uid: 0, gid: 0, size: 0, mtime: { seconds: 1000, nanoseconds: 0 } }
  const text = typeof given === 'string' ? given : (given.text ?? '')
  if (text.startsWith('-> ')) return { ...base, kind: 'symlink', mode: 0o777, target: text.slice(3), ...fieldsOf(given) }
  if (text === 'folder' || (typeof given !== 'string' && given.kind === 'folder'))
    return { ...base, kind: 'folder', mode: 0o755, ...fieldsOf(given) }
  const bytes = Buffer.from(text)
  return { ...base, kind: 'file', mode: 0o644, size: bytes.length, open: () => streamOf(bytes), ...fieldsOf(given) }
}

const fieldsOf = (given: TestEntry): Partial<TreeEntry> => {
  if (typeof given === 'string') return {}
  const { text: _text, ...fields } = given
  return fields
}
