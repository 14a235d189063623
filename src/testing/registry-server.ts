import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFilesystemStorage, type FilesystemStorage } from '../registry/filesystem/storage.ts'
import { createRegistryServer, type RegistryServerOptions } from '../registry/server.ts'

/** A registry in this process, on loopback, with its data in a temporary folder. Disposing removes all of it. */
export interface TestRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string
  /** `127.0.0.1:port` */
  readonly host: string
  readonly folder: string
  readonly storage: FilesystemStorage
  /** Ends the server gracefully and leaves the data. */
  close(): Promise<void>
}

export interface TestRegistryOptions extends Partial<Omit<RegistryServerOptions, 'storage' | 'listen'>> {
  /** Milliseconds, as of the server. */
  readonly idleTimeout?: number
}

export const startTestRegistry = async ({ idleTimeout, ...options }: TestRegistryOptions = {}): Promise<TestRegistry> => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-registry-'))
  const storage = await openFilesystemStorage({ folder: join(folder, 'data') })
  const server = await createRegistryServer({
    ...options,
    storage,
    listen: { host: '127.0.0.1', port: 0, ...(idleTimeout === undefined ? {} : { idleTimeout }) },
  })
  const { host, port, url } = server.address
  return {
    url,
    host: `${host}:${port}`,
    folder: join(folder, 'data'),
    storage,
    close: () => server.close(),
    [Symbol.asyncDispose]: async () => {
      await server.close({ signal: AbortSignal.timeout(1000) })
      await storage[Symbol.asyncDispose]()
      await rm(folder, { recursive: true })
    },
  }
}
