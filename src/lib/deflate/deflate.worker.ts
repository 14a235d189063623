import { serveJobs } from '../worker.ts'
import { Deflater, pieceOf } from './deflater.ts'
import type { DeflateJob } from './gzip.ts'

/** Deflates pieces, with the tables of the last one as long as the level is the same. */
const createWork = (): ((job: DeflateJob) => number) => {
  let last: { readonly level: number; readonly deflater: Deflater } | undefined
  return ({ memory, from, end, level }) => {
    if (last?.level !== level) last = { level, deflater: new Deflater(level) }
    return last.deflater.deflate(pieceOf(memory), from, end)
  }
}

serveJobs(createWork())
