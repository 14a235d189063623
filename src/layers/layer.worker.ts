import { GantryError, messageOf, systemCode } from '../lib/errors.ts'
import { isDiskFull, fullReason } from '../lib/system-error.ts'
import { serveJobs } from '../lib/worker.ts'
import { ingest, type IngestJob } from './ingest.ts'
import type { MergeJob } from './merge-index.ts'
import type { UnpackJob } from './unpack.ts'
import type { VerifyJob } from './verify-layer.ts'

/** The jobs of a layer store's workers. Taking in a layer is what has to start fast: the rest is loaded when it is asked for. */
export type LayerJob = IngestJob | MergeJob | UnpackJob | VerifyJob

const run = async (job: LayerJob): Promise<unknown> => {
  switch (job.kind) {
    case 'ingest':
      return await ingest(job)
    case 'merge':
      return (await import('./merge-index.ts')).mergeIndexes(job)
    case 'unpack':
      return (await import('./unpack.ts')).unpackLayer(job)
    case 'verify':
      return (await import('./verify-layer.ts')).verifyLayer(job)
  }
}

/** What the system says, in words. */
const explain = (error: unknown, job: LayerJob): unknown => {
  const code = systemCode(error)
  if (error instanceof GantryError || code === undefined) return error
  const full = isDiskFull(error)
  const verb = { ingest: 'add', merge: 'index', unpack: 'unpack', verify: 'verify' }[job.kind]
  const reason = full ? fullReason(job.folder) : messageOf(error)
  return new GantryError(
    full ? 'resource_exhausted' : 'failed_precondition',
    full ? 'DISK_FULL' : 'LAYER_NOT_WRITTEN',
    `Cannot ${verb} a layer: ${reason}`,
    { cause: error, ...(full && { hint: 'make room there, and try again: the blobs that have arrived are kept' }) },
  )
}

serveJobs(async (job: LayerJob) => {
  try {
    return await run(job)
  } catch (error) {
    throw explain(error, job)
  }
})
