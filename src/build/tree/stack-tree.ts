import type { ByteStream } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import type { LayerStack, StackEntry } from '../../layers/stack.ts'
import { bytesAsText } from '../../layers/tree/byte-text.ts'
import { FileDigests } from './file-digests.ts'
import type { Tree, TreeEntry } from './tree.ts'

const root: TreeEntry = { path: '', kind: 'folder', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: { seconds: 0, nanoseconds: 0 } }

/** The layers of an image or a stage as a tree, read without being mounted. The stack is owned by whoever opened it. */
export class StackTree implements Tree {
  readonly #stack: LayerStack
  readonly #entries = new Map<string, StackEntry>()
  readonly #digests = new FileDigests((entry) => this.read(entry))

  constructor(stack: LayerStack) {
    this.#stack = stack
  }

  async stat(path: string): Promise<TreeEntry | undefined> {
    const entry = await this.#stack.lookup(Buffer.from(path, 'latin1'), { followLast: false })
    return entry === undefined ? (path === '' ? root : undefined) : this.#entry(entry)
  }

  async list(path: string): Promise<readonly TreeEntry[]> {
    const entries: TreeEntry[] = []
    for await (const entry of this.#stack.list(Buffer.from(path, 'latin1'))) entries.push(this.#entry(entry))
    return entries
  }

  read(entry: TreeEntry): ByteStream {
    const known = this.#entries.get(entry.path)
    if (known === undefined) throw new GantryError('internal', 'ENTRY_UNKNOWN', `Cannot read "/${entry.path}": it was not listed`)
    return this.#stack.read(known)
  }

  digest(entry: TreeEntry): Promise<string> | string {
    return this.#digests.of(entry)
  }

  #entry(entry: StackEntry): TreeEntry {
    const { path, rawPath, kind, mode, uid, gid, size, mtime, target, rawTarget, device, xattrs } = entry
    const own = bytesAsText(path, rawPath)
    this.#entries.set(own, entry)
    if (kind === 'whiteout') throw new GantryError('internal', 'WHITEOUT_SHOWN', `Cannot read "/${path}": it is a deletion`)
    return {
      path: own,
      kind,
      mode,
      uid,
      gid,
      size,
      mtime,
      ...(target === undefined ? {} : { target: bytesAsText(target, rawTarget) }),
      ...(device === undefined ? {} : { device }),
      ...(xattrs === undefined ? {} : { xattrs }),
      ...(kind === 'file' ? inodeOf(entry) : {}),
    }
  }
}

/** Names of one file are known within a layer, which is where a hard link can be. */
const inodeOf = ({ layer, source: { inode, links = 1 } }: StackEntry): Pick<TreeEntry, 'inode'> =>
  inode === undefined || links < 2 ? {} : { inode: `${layer}:${inode}` }
