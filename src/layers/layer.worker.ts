import { serveJobs } from '../lib/worker.ts'
import { ingest, type IngestJob } from './ingest.ts'
import type { MergeJob } from './merge-index.ts'

/** The jobs of a layer store's workers. Taking in a layer is what has to start fast: the rest is loaded when it is asked for. */
export type LayerJob = IngestJob | MergeJob

serveJobs(async (job: LayerJob) => {
  switch (job.kind) {
    case 'ingest':
      return await ingest(job)
    case 'merge':
      return (await import('./merge-index.ts')).mergeIndexes(job)
  }
})
