import { formatDuration } from '../lib/duration.ts'
import type { HttpResponse } from '../lib/http/client.ts'

/** How much of what a registry allows is left (Docker Hub's `ratelimit-limit: 100;w=21600`). */
export interface RateLimit {
  readonly limit: number
  readonly remaining: number
  /** Milliseconds in which so many are allowed, where it says. */
  readonly window?: number
}

const value = /^\s*(\d{1,9})\s*(?:;\s*w\s*=\s*(\d{1,8})\s*)?(?:[;,]|$)/

/** The limit that an answer tells, or undefined. */
export const parseRateLimit = (response: Pick<HttpResponse, 'header'>): RateLimit | undefined => {
  const [, limit, window] = value.exec(response.header('ratelimit-limit') ?? '') ?? []
  const [, remaining, sameWindow] = value.exec(response.header('ratelimit-remaining') ?? '') ?? []
  if (limit === undefined || remaining === undefined || Number(limit) === 0) return undefined
  const seconds = Number(window ?? sameWindow ?? 0)
  return { limit: Number(limit), remaining: Number(remaining), ...(seconds > 0 && { window: seconds * 1000 }) }
}

/** `100 pulls in 6 hours` */
export const describeLimit = ({ limit, window }: RateLimit): string =>
  `${limit} pull${limit === 1 ? '' : 's'}${window === undefined ? '' : ` in ${formatDuration(window)}`}`

/** True if the user should know: a tenth or less is left. */
export const isRunningOut = ({ limit, remaining }: RateLimit): boolean => remaining <= limit / 10
