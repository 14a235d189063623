import { readFileSync, type BigIntStats } from 'node:fs'
import { dirname } from 'node:path'
import { systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import { forgetOldest } from '../forget-oldest.ts'

/** What stat(2) says of a file, as far as it tells whether the file is still the same: numbers, the times last. */
export type FileState = `${bigint} ${bigint} ${bigint} ${bigint} ${bigint}`

export const fileState = ({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): FileState =>
  `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`

/** Nanoseconds: coarser than the time stamps of any file system. */
const granularity = 2_000_000_000n

/** Contexts whose files are known. */
const mostContexts = 50
/** Files of one context that are known; of more, only those that the last build asked for. */
const mostFiles = 200_000

const head = 'gantry file digests 2'
const isDigest = /^[0-9a-f]{64}$/

/** `DIGEST STATE\tPATH`: taken apart when it is asked for, as thousands are read each time. */
const lineOf = (digest: string, state: FileState, path: string): string => `${digest} ${state}\t${path}`

/**
 * The digests of a context's files from one build to the next, in one file that is replaced as a whole. A file is taken for the same
 * while all that stat(2) says of it is. As in git's index, what was read so soon after a change that a second one could bear the same
 * time is not kept.
 */
export class KnownDigests {
  readonly #path: string
  readonly #now: () => Date
  /** Lines by path. */
  readonly #known: Map<string, string>
  readonly #asked = new Set<string>()
  #changed = false

  private constructor(path: string, now: () => Date, known: Map<string, string>) {
    this.#path = path
    this.#now = now
    this.#known = known
  }

  static open(path: string, now: () => Date): KnownDigests {
    return new KnownDigests(path, now, parse(readText(path)))
  }

  /** The digest of a file in this state, in hex. */
  get(path: string, state: FileState): string | undefined {
    const line = this.#known.get(path)
    if (line === undefined || !line.startsWith(`${state}\t`, 65)) return undefined
    if (this.#known.size > mostFiles) this.#asked.add(path)
    const digest = line.slice(0, 64)
    return isDigest.test(digest) ? digest : undefined
  }

  /** The time by which files must have been left alone to be kept: to be asked for before a file is read. */
  settled(): bigint {
    return BigInt(this.#now().getTime()) * 1_000_000n - granularity
  }

  /** Keeps the digest of a file that was in this state before it was read and after it. */
  set(path: string, state: FileState, digest: string, settled: bigint): void {
    if (timesOf(state).some((time) => time > settled) || path.includes('\n')) {
      if (this.#known.delete(path)) this.#changed = true
      return
    }
    this.#known.set(path, lineOf(digest, state, path))
    this.#asked.add(path)
    this.#changed = true
  }

  /** Writes what is known, if it is not what was. */
  async save(): Promise<void> {
    if (!this.#changed) return
    this.#changed = false
    const all = [...this.#known]
    const kept = all.length > mostFiles ? all.filter(([path]) => this.#asked.has(path)) : all
    // paths have a character a byte
    await writeFileAtomic(
      this.#path,
      Buffer.from(`${head}\n${kept.map(([, line]) => `${line}\n`).join('')}`, 'latin1'),
      0o600,
      false,
    )
    await forgetOldest(dirname(this.#path), mostContexts)
  }
}

const timesOf = (state: FileState): readonly bigint[] => state.split(' ').slice(-2).map(BigInt)

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}

const parse = (text: string): Map<string, string> => {
  const known = new Map<string, string>()
  // a file that does not end with a line's end was cut
  if (!text.startsWith(`${head}\n`) || !text.endsWith('\n')) return known
  for (const line of text.slice(head.length + 1, -1).split('\n')) {
    const tab = line.indexOf('\t')
    if (tab < 65) return new Map()
    known.set(line.slice(tab + 1), line)
  }
  return known
}
