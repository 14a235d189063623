import { stat } from 'node:fs/promises'
import type { ByteStream } from '../lib/bytes.ts'
import { readFileStream } from '../content/file-stream.ts'
import { ErofsReader, type FilePart } from './erofs/reader.ts'
import type { LayerEntry, LayerReader } from './interfaces.ts'

const zeros = new Uint8Array(64 * 1024)

/** Opens a layer by its index and its tar. */
export const openIndexedLayer = (index: string, tar: string): LayerReader => {
  const reader = ErofsReader.open(index)
  return {
    async *entries() {
      yield* reader.entries()
    },
    entry: async (path) => reader.entry(path),
    async *list(path) {
      yield* reader.list(path)
    },
    read: (entry, range = { start: 0 }) => readParts(tar, partsOf(reader, entry), range.start, range.end ?? Infinity),
    async *tar() {
      yield* readFileStream(tar, 0, (await stat(tar)).size)
    },
    [Symbol.asyncDispose]: async () => reader[Symbol.dispose](),
  }
}

const partsOf = (reader: ErofsReader, entry: LayerEntry): readonly FilePart[] => {
  const found = reader.entry(entry.rawPath ?? entry.path)
  return found === undefined ? [] : reader.parts(found.inode)
}

/** What of the file lies between `start` and `end`. */
async function* readParts(tar: string, parts: readonly FilePart[], start: number, end: number): ByteStream {
  let at = 0
  for (const part of parts) {
    const from = Math.max(start - at, 0)
    const to = Math.min(end - at, part.length)
    at += part.length
    if (from >= to) continue
    if (part.device !== undefined) yield* readFileStream(tar, part.position + from, part.position + to)
    else for (let rest = to - from; rest > 0; rest -= zeros.length) yield zeros.subarray(0, Math.min(rest, zeros.length))
  }
}
