import { messageOf } from '../lib/errors.ts'
import { createRegistryServer } from '../registry/server.ts'
import { openFilesystemStorage } from '../registry/filesystem/storage.ts'

export interface HubOptions {
  /** Where its data lies. */
  readonly folder: string
  readonly host: string
  readonly port: number
  /** Told of requests that ended in a status of 500 or more, for the operator. */
  readonly onFailure?: (message: string) => void
}

export interface Hub {
  /** `http://host:port` that it listens on. */
  readonly url: string
  /** Takes no new requests and resolves when those under way are done. */
  close(): Promise<void>
}

/** Starts a hub: a registry on the file system. */
export const serveHub = async (options: HubOptions): Promise<Hub> => {
  const storage = await openFilesystemStorage({ folder: options.folder })
  const server = await createRegistryServer({
    storage,
    listen: { host: options.host, port: options.port },
    onEvent: (event) => {
      if (event.kind === 'failed') options.onFailure?.(`${event.method} ${event.path}: ${messageOf(event.error)}`)
    },
  })
  return {
    url: server.address.url,
    close: async () => {
      await server.close()
      await storage[Symbol.asyncDispose]()
    },
  }
}
