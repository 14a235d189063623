import type { Abortable } from '../lib/bytes.ts'
import { listen, type HttpServer, type ListenOptions } from '../lib/http/server.ts'
import type { RegistryOptions } from './exchange.ts'
import { registryRequestHandler } from './request-handler.ts'

export interface RegistryServerOptions extends RegistryOptions, Abortable {
  readonly listen: ListenOptions
}

/**
 * A registry that listens (distribution-spec 1.1), over a storage that the caller closes after it. Closing takes no more requests
 * and lets those under way, uploads among them, finish; an abort of the signal closes it likewise.
 */
export const createRegistryServer = async (options: RegistryServerOptions): Promise<HttpServer> => {
  const server = await listen(registryRequestHandler(options), options.listen)
  const close = (): void => void server.close()
  if (options.signal?.aborted === true) close()
  options.signal?.addEventListener('abort', close, { once: true })
  return server
}
