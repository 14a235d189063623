import { randomBytes, randomUUID } from 'node:crypto'
import { mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../lib/errors.ts'
import type { Digest, DigestAlgorithm } from '../../oci/digest.ts'
import type { RegistryPaths } from './paths.ts'
import { endOfParts, readParts, unknownUpload } from './upload-parts.ts'
import { FilesystemUpload, startRunning, type RunningUpload } from './upload.ts'

interface Session {
  readonly repository: string
  readonly algorithm: DigestAlgorithm
}

/** Uploads whose hash is remembered at once; the longest unused ones are hashed again at their end. */
const maxRunning = 10_000

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The uploads under way in the folder of a registry, each with its session in a file. */
export class Uploads {
  readonly #paths: RegistryPaths
  readonly #writer = randomBytes(8).toString('hex')
  #appending = 0
  readonly #running = new Map<string, RunningUpload>()
  readonly #publish: (repository: string, path: string, digest: Digest) => Promise<void>

  constructor(paths: RegistryPaths, publish: (repository: string, path: string, digest: Digest) => Promise<void>) {
    this.#paths = paths
    this.#publish = publish
  }

  async begin(repository: string, algorithm: DigestAlgorithm): Promise<FilesystemUpload> {
    const id = randomUUID()
    const folder = this.#paths.upload(id)
    await mkdir(folder)
    await writeFile(join(folder, 'session.json'), JSON.stringify({ repository, algorithm } satisfies Session))
    return this.#open(id, folder, 0, repository, algorithm)
  }

  async resume(repository: string, id: string): Promise<FilesystemUpload> {
    if (!uuid.test(id)) throw unknownUpload(id)
    const folder = this.#paths.upload(id)
    const session = await readSession(join(folder, 'session.json'))
    if (session?.repository !== repository) throw unknownUpload(id)
    return this.#open(id, folder, endOfParts(await readParts(folder, id)), repository, session.algorithm)
  }

  /** Removes the uploads that nobody has written to since `before` (milliseconds since 1970). */
  async expire(before: number): Promise<number> {
    let expired = 0
    for (const id of await readdir(this.#paths.uploads)) {
      if (this.#running.get(id)?.busy === true || (await lastChange(this.#paths.upload(id))) >= before) continue
      this.#running.delete(id)
      await rm(this.#paths.upload(id), { recursive: true, force: true })
      expired++
    }
    return expired
  }

  async #append<T>(append: (batchSize: number) => Promise<T>): Promise<T> {
    this.#appending++
    try {
      // large batches are faster; under many uploads memory has to stay flat
      return await append(this.#appending <= 32 ? 512 * 1024 : 64 * 1024)
    } finally {
      this.#appending--
    }
  }

  #open(id: string, folder: string, offset: number, repository: string, algorithm: DigestAlgorithm): FilesystemUpload {
    const running = this.#running.get(id) ?? startRunning(algorithm)
    // the order of the map is that of last use
    this.#running.delete(id)
    this.#running.set(id, running)
    for (const [old, { busy }] of this.#running) {
      if (this.#running.size <= maxRunning) break
      if (!busy) this.#running.delete(old)
    }
    return new FilesystemUpload(id, folder, offset, running, {
      writer: this.#writer,
      publish: (path, digest) => this.#publish(repository, path, digest),
      forget: (ended) => this.#running.delete(ended),
      appending: (append) => this.#append(append),
    })
  }
}

const readSession = async (path: string): Promise<Session | undefined> => {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Session
  } catch (error) {
    // a session whose file was never finished was never told to anyone
    if (systemCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

const lastChange = async (folder: string): Promise<number> => {
  try {
    const paths = [folder, ...(await readdir(folder)).map((name) => join(folder, name))]
    return Math.max(...(await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs))))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return Infinity // it has just ended
    throw error
  }
}
