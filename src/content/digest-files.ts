import { WorkerPool } from '../lib/worker-pool.ts'
import { workerUrl } from '../lib/worker.ts'
import type { Digest } from '../oci/digest.ts'
import type { DigestJob } from './digest.worker.ts'

/** Hashes files, one a core at a time; undefined for one that is not there. */
export interface FileDigester extends AsyncDisposable {
  digest(job: DigestJob): Promise<Digest | undefined>
}

export const createFileDigester = (): FileDigester => {
  const workers = new WorkerPool(workerUrl(import.meta.url, './digest.worker.ts'))
  return {
    digest: async (job) => await workers.run(job),
    [Symbol.asyncDispose]: async () => await workers[Symbol.asyncDispose](),
  }
}
