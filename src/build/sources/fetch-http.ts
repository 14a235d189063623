import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, copyFile, readFile, rename, rm, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, systemCode } from '../../lib/errors.ts'
import { temporaryName, writeFileAtomic } from '../../lib/files.ts'
import { HttpClient, type HttpResponse } from '../../lib/http/client.ts'
import { statusText } from '../../lib/http/node-http.ts'
import { digestAlgorithm, isDigest, type Digest } from '../../oci/digest.ts'
import { isVerifiedHost } from '../../remote/endpoint.ts'
import { sendFollowing } from '../../remote/redirect.ts'
import type { SourceServices } from '../interfaces.ts'
import { sourceLimit, tooLarge, withinTime } from './limits.ts'
import { redactSources } from './redact-sources.ts'

/** A file that was fetched, or that was fetched before and is still what the server has. */
export interface FetchedFile {
  /** Where its bytes are, in the folder that was given for it. */
  readonly path: string
  readonly size: number
  readonly sha256: Digest
  /** Seconds since 1970 from Last-Modified; undefined where the server does not say. */
  readonly modified?: number
  /** Whether its bytes were there already. */
  readonly cached: boolean
}

/** What is kept of an answer, so that it can be asked whether it still holds. */
interface Kept {
  readonly digest: Digest
  readonly size: number
  readonly etag?: string
  readonly lastModified?: string
  /** Digests by other algorithms that the bytes were found to have. */
  readonly also?: readonly Digest[]
}

export interface FetchHttpOptions extends Abortable {
  /** What the bytes have to be. If they are here already, nobody is asked. */
  readonly checksum?: Digest
  /** Where the file is put; it stays the caller's. */
  readonly folder: string
  readonly onProgress?: (received: number, total: number | undefined) => void
}

/**
 * Fetches a file by http or https, unless what was fetched before is still valid: the server is asked by ETag and Last-Modified each
 * time (RFC 9110 §13). Redirects are followed, a user and password of the URL go to its own host only. `data_loss` for another
 * checksum. No message has the URL's secrets.
 */
export const fetchHttp = async (text: string, services: SourceServices, options: FetchHttpOptions): Promise<FetchedFile> => {
  const what = redactSources(text)
  return await withinTime(what, services, options, async (signal) => await new Fetch(text, what, services, options, signal).run())
}

class Fetch {
  readonly #text: string
  readonly #what: string
  readonly #services: SourceServices
  readonly #options: FetchHttpOptions
  readonly #signal: AbortSignal

  constructor(text: string, what: string, services: SourceServices, options: FetchHttpOptions, signal: AbortSignal) {
    this.#text = text
    this.#what = what
    this.#services = services
    this.#options = options
    this.#signal = signal
  }

  async run(): Promise<FetchedFile> {
    const { checksum } = this.#options
    const known = await this.#known()
    const kept = known?.kept
    if (kept !== undefined && checksum !== undefined && (kept.digest === checksum || kept.also?.includes(checksum) === true))
      return this.#file(kept, known?.path ?? '', true)
    const { environment, tlsVerify } = this.#services
    const http = new HttpClient({
      environment,
      // oxlint-disable-next-line require-await
      tlsSettings: async (host) => ({ verify: isVerifiedHost(host, tlsVerify === undefined ? {} : { tlsVerify }) }),
    })
    try {
      const response = await this.#ask(http, kept)
      if (known !== undefined && isStill(response, known.kept)) {
        response.discard()
        return this.#checked(this.#file(known.kept, known.path, true), known.kept)
      }
      if (response.status !== 200) {
        response.discard()
        throw this.#refused(response)
      }
      return await this.#receive(response)
    } finally {
      http.close()
    }
  }

  async #ask(http: HttpClient, kept: Kept | undefined): Promise<HttpResponse> {
    const { tlsVerify, userAgent } = this.#services
    const url = URL.parse(this.#text)
    if (url === null || !/^https?:$/.test(url.protocol))
      throw new GantryError('invalid_argument', 'URL_INVALID', `Cannot fetch "${this.#what}": it is no http or https URL`)
    const user = url.username === '' && url.password === '' ? undefined : `${decoded(url.username)}:${decoded(url.password)}`
    url.username = ''
    url.password = ''
    const headers: Record<string, string> = {
      // bytes as the server has them: what is compressed on the way would be another file to it
      'accept-encoding': 'identity',
      ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
      ...(user === undefined ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }),
      ...(kept?.etag === undefined ? {} : { 'if-none-match': kept.etag }),
      ...(kept?.lastModified === undefined || kept.etag !== undefined ? {} : { 'if-modified-since': kept.lastModified }),
    }
    return await sendFollowing(http, { method: 'GET', url, headers, signal: this.#signal }, tlsVerify === false)
  }

  #refused(response: HttpResponse): GantryError {
    const { status, url } = response
    const kind =
      status === 404 || status === 410
        ? 'not_found'
        : status === 401
          ? 'unauthenticated'
          : status === 403
            ? 'permission_denied'
            : 'unavailable'
    const reason = `"${url.host}" answered ${status} ${statusText(status)}`.trimEnd()
    return new GantryError(kind, `HTTP_${status}`, `Cannot fetch "${this.#what}": ${reason}`)
  }

  async #receive(response: HttpResponse): Promise<FetchedFile> {
    const { checksum, folder, onProgress } = this.#options
    const limit = sourceLimit(this.#services)
    const length = Number(response.header('content-length') ?? Number.NaN)
    if (length > limit) {
      response.discard()
      throw tooLarge(this.#what, limit)
    }
    const path = join(folder, 'download')
    const sha256 = createHash('sha256')
    const other =
      checksum === undefined || digestAlgorithm(checksum) === 'sha256' ? undefined : createHash(digestAlgorithm(checksum))
    let size = 0
    const file = await open(path, 'wx', 0o600)
    try {
      for await (const chunk of response.body) {
        size += chunk.length
        if (size > limit) throw tooLarge(this.#what, limit)
        sha256.update(chunk)
        other?.update(chunk)
        for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at)).bytesWritten
        onProgress?.(size, Number.isNaN(length) ? undefined : length)
      }
    } finally {
      await file.close()
    }
    const digest = `sha256:${sha256.digest('hex')}` as Digest
    const also =
      other === undefined || checksum === undefined ? [] : [`${digestAlgorithm(checksum)}:${other.digest('hex')}` as Digest]
    const etag = response.header('etag')
    const lastModified = response.header('last-modified')
    const kept: Kept = {
      digest,
      size,
      ...(etag === undefined || etag.length > 1024 ? {} : { etag }),
      ...(lastModified === undefined || httpDate(lastModified) === undefined ? {} : { lastModified }),
      ...(also.length === 0 ? {} : { also }),
    }
    const result = this.#checked({ ...factsOf(kept), path, cached: false }, kept)
    await this.#keep(kept, path)
    return result
  }

  #checked(file: FetchedFile, { digest, also = [] }: Kept): FetchedFile {
    const { checksum } = this.#options
    if (checksum === undefined || digest === checksum || also.includes(checksum)) return file
    const found = also.find((one) => digestAlgorithm(one) === digestAlgorithm(checksum)) ?? digest
    throw new GantryError(
      'data_loss',
      'CHECKSUM_MISMATCH',
      `digest mismatch for ${this.#what}: ${found} (expected: ${checksum})`,
      {
        hint: 'the file has changed, or it is not the one that was meant',
      },
    )
  }

  /** What was kept of this URL, put where the caller wants it; undefined if there is nothing or it is damaged. */
  async #known(): Promise<{ readonly kept: Kept; readonly path: string } | undefined> {
    const kept = parseKept(await readText(this.#record()))
    if (kept === undefined) return undefined
    const path = join(this.#options.folder, 'kept')
    try {
      await place(this.#blob(kept.digest), path)
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) hash.update(chunk)
    return `sha256:${hash.digest('hex')}` === kept.digest ? { kept, path } : undefined
  }

  async #keep(kept: Kept, path: string): Promise<void> {
    const blob = this.#blob(kept.digest)
    await mkdir(join(this.#services.folder, 'http'), { recursive: true })
    const temporary = temporaryName(blob)
    try {
      await place(path, temporary)
      await rename(temporary, blob)
    } finally {
      await rm(temporary, { force: true })
    }
    await writeFileAtomic(this.#record(), JSON.stringify(kept), 0o600, false)
  }

  #file(kept: Kept, path: string, cached: boolean): FetchedFile {
    return { ...factsOf(kept), path, cached }
  }

  /** The URL may hold secrets, and its name must not. */
  #record(): string {
    return join(this.#services.folder, 'http', `${createHash('sha256').update(this.#text).digest('hex')}.json`)
  }

  #blob(digest: Digest): string {
    return join(this.#services.folder, 'http', digest.slice(digest.indexOf(':') + 1))
  }
}

const factsOf = ({ digest, size, lastModified }: Kept): Omit<FetchedFile, 'path' | 'cached'> => {
  const modified = lastModified === undefined ? undefined : httpDate(lastModified)
  return { sha256: digest, size, ...(modified === undefined ? {} : { modified }) }
}

/** Whether an answer says that what is kept is still what is there; some servers send it again instead of 304. */
const isStill = (response: HttpResponse, { etag }: Kept): boolean =>
  response.status === 304 ||
  (response.status === 200 && etag !== undefined && !etag.startsWith('W/') && response.header('etag') === etag)

/** Seconds since 1970 of an HTTP date that is not before that. */
const httpDate = (text: string): number | undefined => {
  const time = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) || time < 0 ? undefined : Math.floor(time / 1000)
}

/** The same file under another name; a copy where there can be no hard link. */
const place = async (from: string, to: string): Promise<void> => {
  try {
    await link(from, to)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw error
    await copyFile(from, to)
  }
}

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const readText = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}

const parseKept = (text: string): Kept | undefined => {
  try {
    const value = JSON.parse(text) as Partial<Kept> | null
    if (value === null || typeof value.digest !== 'string' || !isDigest(value.digest) || typeof value.size !== 'number')
      return undefined
    const { digest, size, etag, lastModified, also } = value
    return {
      digest,
      size,
      ...(typeof etag === 'string' ? { etag } : {}),
      ...(typeof lastModified === 'string' ? { lastModified } : {}),
      ...(Array.isArray(also) ? { also: also.filter((one) => typeof one === 'string' && isDigest(one)) } : {}),
    }
  } catch {
    return undefined
  }
}
