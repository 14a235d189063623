import { createRegistryServer } from '../registry/server.ts'
import { openFilesystemStorage } from '../registry/filesystem/storage.ts'

export interface HubOptions {
  /** Where its data lies. */
  readonly folder: string
  readonly host: string
  readonly port: number
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
  const server = await createRegistryServer({ storage, listen: { host: options.host, port: options.port } })
  return {
    url: server.address.url,
    close: async () => {
      await server.close()
      await storage[Symbol.asyncDispose]()
    },
  }
}
