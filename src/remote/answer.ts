import type { ByteStream } from '../lib/bytes.ts'
import type { HttpResponse } from '../lib/http/client.ts'
import { decoded } from '../lib/http/decoded.ts'
import { statusText } from '../lib/http/node-http.ts'
import { parseRetryAfter } from '../lib/http/retry-after.ts'
import { parseRateLimit, type RateLimit } from './rate-limit.ts'

/** A refusal of a registry or a token server, made safe to show. */
export interface RegistryAnswer {
  readonly status: number
  /** The first error code of the body, upper case; else one by the status, `HTTP_<status>` in general. */
  readonly code: string
  /** `manifest unknown: manifest unknown`, as docker prints it; where the body says nothing, the status in words. */
  readonly text: string
  /** What the body gave as `detail`, by error. */
  readonly details: readonly unknown[]
  /** Milliseconds that we are asked to wait. */
  readonly retryAfter?: number
  readonly limit?: RateLimit
}

const bodyLimit = 64 * 1024
const textLimit = 500

/** At most the first `limit` bytes: of what else comes the connection is spared. */
const head = async (body: ByteStream, limit: number): Promise<Buffer> => {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= limit) break
  }
  return Buffer.concat(chunks)
}

// oxlint-disable-next-line no-control-regex -- terminals act on control characters
const control = /[\u0000-\u001F\u007F-\u009F\u2028\u2029]+/g
const clean = (value: unknown): string =>
  typeof value === 'string' ? value.replace(control, ' ').trim().slice(0, textLimit) : ''

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

interface Problem {
  readonly code?: string
  readonly text: string
  readonly detail?: unknown
}

/** `{"code":"NAME_UNKNOWN","message":"…"}` reads `name unknown: …` (distribution registry/api/errcode). */
const problemOf = (entry: unknown): Problem | undefined => {
  if (!isRecord(entry)) return undefined
  const code = clean(entry['code'])
  const known = /^\w{1,64}$/.test(code)
  const words = known ? code.toLowerCase().replaceAll('_', ' ') : ''
  const text = [words, clean(entry['message'])].filter(Boolean).join(': ')
  return text === '' ? undefined : { text, detail: entry['detail'], ...(known && { code: code.toUpperCase() }) }
}

const problemsOf = (body: string): readonly Problem[] => {
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch {
    return [] // a page of some proxy: the status must do
  }
  if (!isRecord(json)) return []
  const { errors } = json
  if (Array.isArray(errors))
    return errors
      .slice(0, 10)
      .map(problemOf)
      .filter((problem) => problem !== undefined)
  // token servers: Docker Hub's `details`, OAuth 2's `error` (RFC 6749 §5.2), and what others do
  const text = clean(json['details']) || clean(json['error_description']) || clean(json['message']) || clean(json['error'])
  return text === '' ? [] : [{ text }]
}

/** What a refusal without words means (the answer to HEAD has none). */
const silent: Readonly<Record<number, { readonly code: string; readonly text: string }>> = {
  401: { code: 'UNAUTHORIZED', text: 'unauthorized: authentication required' },
  403: { code: 'DENIED', text: 'denied: requested access to the resource is denied' },
  429: { code: 'TOOMANYREQUESTS', text: 'toomanyrequests: too many requests' },
}

/** Reads a refusal; a body that is too long, no JSON or broken off says nothing. */
export const readAnswer = async (response: HttpResponse): Promise<RegistryAnswer> => {
  const { status } = response
  const body = await head(decoded(response), bodyLimit).catch(() => Buffer.alloc(0))
  const problems = problemsOf(body.toString('utf8'))
  const retryAfter = parseRetryAfter(response.header('retry-after'))
  const limit = parseRateLimit(response)
  const words = silent[status]?.text ?? `"${response.url.host}" answered ${status} ${statusText(status)}`.trimEnd()
  return {
    status,
    code: problems.find(({ code }) => code !== undefined)?.code ?? silent[status]?.code ?? `HTTP_${status}`,
    text:
      problems.length === 0
        ? words
        : problems
            .map(({ text }) => text)
            .join('; ')
            .slice(0, 2 * textLimit),
    details: problems.map(({ detail }) => detail).filter((detail) => detail !== undefined),
    ...(retryAfter !== undefined && { retryAfter }),
    ...(limit && { limit }),
  }
}
