import type { IncomingMessage, ServerResponse } from 'node:http'
import { GantryError } from '../lib/errors.ts'
import { requestBody, requestHeader, requestLength } from '../lib/http/server-request.ts'
import type { FileSender } from '../lib/http/server-send-file.ts'
import type { ByteStream } from '../lib/bytes.ts'
import type { RegistryAccess, Scope } from './access.ts'
import type { RegistryEvent } from './events.ts'
import type { BlobLocator, RegistryRepository, RegistryStorage } from './interfaces.ts'

/** What a registry is made of, beside where it listens. */
export interface RegistryOptions {
  readonly storage: RegistryStorage | (RegistryStorage & BlobLocator)
  /** Default: everybody may do everything. */
  readonly access?: RegistryAccess
  /** Called after the fact, in the course of the request: must be quick and not throw. */
  readonly onEvent?: (event: RegistryEvent) => void
  /** Takes indexes whose manifests are absent, as copies of some platforms are. Default: MANIFEST_BLOB_UNKNOWN. */
  readonly sparseIndexes?: boolean
  /** Bytes that every chunk of an upload but the last should have (OCI-Chunk-Min-Length); clients are told, not forced. */
  readonly chunkMinLength?: number
}

export type Registry = RegistryOptions & { readonly sender: FileSender }

/** A request on its way to its answer: what handlers get. */
export class Exchange {
  readonly registry: Registry
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly query: URLSearchParams
  #identity: unknown
  #scopes: readonly Scope[] = []

  constructor(registry: Registry, request: IncomingMessage, response: ServerResponse, query: URLSearchParams) {
    this.registry = registry
    this.request = request
    this.response = response
    this.query = query
  }

  /** The scopes asked for last, for the challenge of a 401. */
  get scopes(): readonly Scope[] {
    return this.#scopes
  }

  /** Throws `unauthenticated` or `permission_denied` unless the caller has all of the scopes. */
  async authorise(scopes: readonly Scope[]): Promise<void> {
    const { access } = this.registry
    if (access === undefined) return
    this.#scopes = scopes
    this.#identity = await access.identify(this.request)
    await access.authorise(this.#identity, scopes)
  }

  /** Whether a caller who has been let in may read a further repository too. */
  async mayPull(name: string): Promise<boolean> {
    try {
      await this.registry.access?.authorise(this.#identity, [{ kind: 'repository', name, actions: ['pull'] }])
      return true
    } catch (error) {
      if (error instanceof GantryError && (error.kind === 'unauthenticated' || error.kind === 'permission_denied')) return false
      throw error
    }
  }

  emit(event: RegistryEvent): void {
    this.registry.onEvent?.(event)
  }

  repository(name: string): RegistryRepository {
    return this.registry.storage.repository(name)
  }

  header(name: string): string | undefined {
    return requestHeader(this.request, name)
  }

  get bodyLength(): number | undefined {
    return requestLength(this.request)
  }

  get body(): ByteStream {
    return requestBody(this.request, this.response)
  }

  /** Sends the status and headers of an answer, with those that every answer has. */
  head(status: number, headers: Readonly<Record<string, string | number | readonly string[]>> = {}): ServerResponse {
    return this.response.writeHead(status, {
      'Docker-Distribution-API-Version': 'registry/2.0',
      // content is anybody's: no browser may guess that it is a page
      'X-Content-Type-Options': 'nosniff',
      ...headers,
    } as Record<string, string | number | string[]>)
  }

  /** An answer without a body. */
  empty(status: number, headers: Readonly<Record<string, string | number | readonly string[]>> = {}): void {
    this.head(status, { 'Content-Length': 0, ...headers }).end()
  }

  json(status: number, value: unknown, headers: Readonly<Record<string, string | readonly string[]>> = {}): void {
    const body = Buffer.from(JSON.stringify(value))
    this.head(status, { 'Content-Type': 'application/json', ...headers, 'Content-Length': body.length }).end(body)
  }
}
