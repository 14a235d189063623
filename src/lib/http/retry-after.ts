const maxDays = 365

/** Milliseconds to wait by a Retry-After header (RFC 9110 §10.2.3), in seconds or as a date; undefined if it says nothing readable. */
export const parseRetryAfter = (header: string | undefined, now = Date.now()): number | undefined => {
  if (header === undefined) return undefined
  if (/^\s*\d+\s*$/.test(header)) return Math.min(Number(header), maxDays * 86_400) * 1000
  // only dates with a zone: anything shorter is no HTTP date
  const date = /GMT|UTC|[+-]\d{4}/.test(header) ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
