import type { UpperEntry } from '../../layers/upper-walk.ts'
import { humanSize } from '../../lib/human-size.ts'
import type { Tree, TreeEntry } from '../tree/tree.ts'

/** A file that a step left, as far as it is needed to tell whether only its metadata is new. */
type Candidate = Pick<TreeEntry, 'path' | 'mode' | 'uid' | 'gid' | 'size' | 'mtime'>

/** Fewer bytes are not worth a word. */
const least = 1_000_000

/**
 * Notices files of lower layers that a RUN step has copied up only to change their owner or mode: they are in the image twice then.
 * A file counts as the same if its size and the nanosecond of its time are, which chown(2) and chmod(2) leave alone.
 */
export class MetadataCopies {
  readonly #candidates = new Map<string, Candidate>()
  readonly #before: bigint

  /** Files that are newer than `start` were written by the step itself. */
  constructor(start: Date) {
    this.#before = BigInt(start.getTime()) * 1_000_000n
  }

  /** Takes each entry of the step's upper folder. */
  add({ path, stat }: UpperEntry): void {
    if (!stat.isFile() || stat.mtimeNs >= this.#before || stat.size === 0n) return
    // a hard link is the same file
    this.#candidates.set(`${stat.dev}:${stat.ino}`, {
      path,
      mode: Number(stat.mode) & 0o7777,
      uid: Number(stat.uid),
      gid: Number(stat.gid),
      size: Number(stat.size),
      mtime: { seconds: Number(stat.mtimeNs / 1_000_000_000n), nanoseconds: Number(stat.mtimeNs % 1_000_000_000n) },
    })
  }

  /** What there is to say, with what the step began with. */
  async message(base: Tree, line: number): Promise<string | undefined> {
    const copies: { readonly now: Candidate; readonly before: TreeEntry }[] = []
    let bytes = 0
    for (const now of this.#candidates.values()) {
      const before = await base.stat(now.path)
      if (before === undefined || !onlyMetadata(now, before)) continue
      copies.push({ now, before })
      bytes += now.size
    }
    if (bytes < least) return undefined
    const owners = new Set(copies.filter(({ now, before }) => ownerOf(now) !== ownerOf(before)).map(({ now }) => ownerOf(now)))
    const modes = new Set(copies.filter(({ now, before }) => now.mode !== before.mode).map(({ now }) => modeOf(now)))
    const what = [...(owners.size > 0 ? ['owner'] : []), ...(modes.size > 0 ? ['mode'] : [])].join(' and ')
    const flags = [...flagOf('--chown', owners), ...flagOf('--chmod', modes)].join(' ')
    const count = `${copies.length} ${copies.length === 1 ? 'file' : 'files'}`
    return `RUN in line ${line} copies ${count} (${humanSize(bytes)}) of the layers below, to change nothing but their ${what}: ${flags} of the COPY that brings them takes no room`
  }
}

const onlyMetadata = (now: Candidate, before: TreeEntry): boolean =>
  before.kind === 'file' &&
  before.size === now.size &&
  before.mtime.seconds === now.mtime.seconds &&
  before.mtime.nanoseconds === now.mtime.nanoseconds &&
  (ownerOf(now) !== ownerOf(before) || now.mode !== before.mode)

const ownerOf = ({ uid, gid }: Pick<Candidate, 'uid' | 'gid'>): string => `${uid}:${gid}`
const modeOf = ({ mode }: Candidate): string => mode.toString(8).padStart(3, '0')

/** With its value where all files have the same. */
const flagOf = (flag: string, values: ReadonlySet<string>): readonly string[] => {
  const [value] = values
  if (value === undefined) return []
  return [values.size === 1 ? `${flag}=${value}` : flag]
}
