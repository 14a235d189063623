import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'

/** What older registries lack or do in their own way. */
export type Feature =
  | 'referrers'
  | 'tag-parameters'
  | 'tag-deletion'
  | 'sha512'
  | 'single-post'
  | 'repository-errors'
  | 'tag-pages'
  | 'conditional'
  | 'strict-ranges'
  | 'chunk-order'
  | 'artifacts'
  | 'manifest-checks'
  | 'delete-tags-too'

/** A registry under test, by its base URL: `http://host:port`. */
export interface Subject {
  readonly url: string
}

export type Fields = Readonly<Record<string, unknown>> & { readonly mediaType?: string | undefined }

export interface Blob {
  readonly bytes: Buffer
  readonly digest: string
}

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json'
export const ociIndex = 'application/vnd.oci.image.index.v1+json'
export const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json'
export const dockerList = 'application/vnd.docker.distribution.manifest.list.v2+json'

const acceptAll = [ociManifest, ociIndex, dockerManifest, dockerList].join(', ')

export const digestOf = (bytes: Uint8Array | string, algorithm = 'sha256'): string =>
  `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`

/** A blob that no registry has. */
export const newBlob = (size = 512, algorithm = 'sha256'): Blob => {
  const bytes = randomBytes(size)
  return { bytes, digest: digestOf(bytes, algorithm) }
}

export const newName = (): string => `conformance/${randomUUID()}`

/** One repository of the registry under test, as a client that follows the spec and trusts nothing sees it. */
export class Repository {
  readonly name: string
  readonly #url: string

  constructor(subject: Subject, name = newName()) {
    this.name = name
    this.#url = subject.url
  }

  /** A request to a path below `/v2/<name>/`, or to a Location, with one status or one of several expected. */
  async send(
    method: string,
    target: string,
    expected: number | readonly number[],
    options: { readonly body?: Uint8Array | string; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Response> {
    const url = target.startsWith('/') || target.startsWith('http') ? target : `/v2/${this.name}/${target}`
    const response = await fetch(new URL(url, this.#url), {
      method,
      redirect: 'follow',
      headers: { connection: 'close', ...options.headers },
      ...(options.body === undefined ? {} : { body: options.body as Uint8Array<ArrayBuffer> }),
    })
    const statuses = typeof expected === 'number' ? [expected] : expected
    if (!statuses.includes(response.status))
      assert.fail(`${method} ${url}: status ${response.status}, expected ${statuses.join(' or ')}: ${await response.text()}`)
    return response
  }

  /** A refused request: the status, and a body in the format of the spec, whose codes are answered. */
  async refused(...args: Parameters<Repository['send']>): Promise<readonly string[]> {
    const response = await this.send(...args)
    if (args[0] === 'HEAD') return []
    const { errors } = (await response.json()) as { readonly errors: readonly { readonly code: string }[] }
    assert.ok(errors.length > 0)
    for (const { code } of errors) assert.match(code, /^[A-Z_]+$/)
    return errors.map(({ code }) => code)
  }

  /** Where the next request of an upload goes. */
  location(response: Response): string {
    const location = response.headers.get('location')
    assert.ok(location, 'there is no Location')
    return new URL(location, this.#url).href
  }

  async start(query = ''): Promise<string> {
    return this.location(await this.send('POST', `blobs/uploads/${query}`, 202, { headers: { 'content-length': '0' } }))
  }

  /** POST, then PUT. */
  async push(blob: Blob): Promise<void> {
    const response = await this.finish(await this.start(), blob.digest, blob.bytes)
    await this.expectBlob(this.location(response), blob)
  }

  async finish(
    location: string,
    digest: string,
    body: Uint8Array = Buffer.alloc(0),
    expected = 201,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return this.send('PUT', withQuery(location, { digest }), expected, {
      body,
      headers: { 'content-type': 'application/octet-stream', ...headers },
    })
  }

  async expectBlob(target: string, blob: Blob): Promise<void> {
    const response = await this.send('GET', target, 200)
    assert.equal(response.headers.get('docker-content-digest'), blob.digest)
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(blob.bytes), 'the bytes are others')
  }

  async put(
    reference: string,
    bytes: Uint8Array | string,
    mediaType: string | undefined,
    expected: number | readonly number[] = 201,
  ): Promise<Response> {
    const headers: Record<string, string> = mediaType === undefined ? {} : { 'content-type': mediaType }
    return this.send('PUT', `manifests/${reference}`, expected, { body: Buffer.from(bytes), headers })
  }

  /** The digest of a new manifest with a config and a layer, which are pushed first. */
  async image(
    tag: string | undefined,
    fields: Fields = {},
  ): Promise<{ readonly bytes: Buffer; readonly digest: string; readonly layer: Blob }> {
    const { bytes, layer } = await this.manifest(fields)
    const digest = digestOf(bytes)
    await this.put(tag ?? digest, bytes, fields.mediaType ?? ociManifest)
    return { bytes, digest, layer }
  }

  async manifest(fields: Fields = {}): Promise<{ readonly bytes: Buffer; readonly config: Blob; readonly layer: Blob }> {
    const [config, layer] = [newBlob(64), newBlob()]
    await this.push(config)
    await this.push(layer)
    const bytes = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: ociManifest,
        config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: config.digest, size: config.bytes.length },
        layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: layer.digest, size: layer.bytes.length }],
        ...fields,
      }),
    )
    return { bytes, config, layer }
  }

  async get(reference: string, expected: number | readonly number[] = 200, accept = acceptAll): Promise<Response> {
    return this.send('GET', `manifests/${reference}`, expected, { headers: { accept } })
  }

  async list(query = ''): Promise<{ readonly tags: readonly string[]; readonly next: string | undefined }> {
    const response = await this.send('GET', query.startsWith('/') || query.startsWith('http') ? query : `tags/list${query}`, 200)
    const body = (await response.json()) as { readonly name: string; readonly tags: readonly string[] | null }
    assert.equal(body.name, this.name)
    const next = /^<([^>]+)>; *rel="?next"?$/.exec(response.headers.get('link') ?? '')?.[1]
    return { tags: body.tags ?? [], next: next === undefined ? undefined : new URL(next, this.#url).href }
  }
}

/** A location with parameters added, and nothing else changed. */
export const withQuery = (location: string, parameters: Readonly<Record<string, string>>): string => {
  const query = new URLSearchParams(parameters).toString()
  return `${location}${location.includes('?') ? '&' : '?'}${query}`
}
