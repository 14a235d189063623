import { closeSync, openSync, readSync } from 'node:fs'
import { systemCode } from '../lib/errors.ts'
import { serveJobs } from '../lib/worker.ts'
import { createDigester, type Digest, type DigestAlgorithm } from '../oci/digest.ts'

/** A file to be hashed. */
export interface DigestJob {
  readonly path: string
  readonly algorithm: DigestAlgorithm
}

const blockSize = 1 << 20
const block = Buffer.allocUnsafeSlow(blockSize)

/** The digest of a file's bytes; undefined if there is no such file. */
const digestFile = ({ path, algorithm }: DigestJob): Digest | undefined => {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const digester = createDigester(algorithm)
    for (let got = -1, at = 0; got !== 0; at += got) {
      got = readSync(file, block, 0, blockSize, at)
      digester.update(block.subarray(0, got))
    }
    return digester.digest()
  } finally {
    closeSync(file)
  }
}

serveJobs(digestFile)
