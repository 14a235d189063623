/** Bytes from `start` (inclusive) to `end` (exclusive). */
export interface ByteSpan {
  readonly start: number
  readonly end: number
}

const spanOf = (first: string | undefined, last: string | undefined): ByteSpan | undefined => {
  const start = Number(first)
  const end = Number(last) + 1
  return Number.isSafeInteger(start) && Number.isSafeInteger(end) && start < end ? { start, end } : undefined
}

/** A Range request header: `bytes=5-9`, without an end `bytes=5-`. */
export const formatRange = (range: { readonly start: number; readonly end?: number }): string =>
  `bytes=${range.start}-${range.end === undefined ? '' : range.end - 1}`

/** What a Range header asks of content of a size: all of it (absent, malformed, several ranges), a part, or what it has not. */
export type RequestedRange =
  | { readonly kind: 'whole' }
  | ({ readonly kind: 'part' } & ByteSpan)
  | { readonly kind: 'unsatisfiable' }

/** Reads an untrusted Range request header (RFC 9110 §14.2). */
export const parseRange = (header: string | undefined, size: number): RequestedRange => {
  const match = /^\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*$/i.exec(header ?? '')
  const [, first = '', last = ''] = match ?? []
  if (first === '' && last === '') return { kind: 'whole' }
  const suffix = first === ''
  if (suffix && Number(last) === 0) return { kind: 'unsatisfiable' }
  const start = suffix ? Math.max(0, size - Number(last)) : Number(first)
  const end = suffix || last === '' ? size : Math.min(size, Number(last) + 1)
  if (!suffix && last !== '' && Number(last) < start) return { kind: 'whole' }
  return start < end ? { kind: 'part', start, end } : { kind: 'unsatisfiable' }
}

/** A Content-Range response header: `bytes 5-9/100`, or `bytes *\/100` where nothing could be served. */
export const formatContentRange = (span: ByteSpan | undefined, size: number): string =>
  span === undefined ? `bytes */${size}` : `bytes ${span.start}-${span.end - 1}/${size}`

/** Reads an untrusted Content-Range response header with a span; `size` is that of the whole where the server knows it. */
export const parseContentRange = (header: string | undefined): (ByteSpan & { readonly size?: number }) | undefined => {
  const match = /^\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)\s*$/i.exec(header ?? '')
  const span = spanOf(match?.[1], match?.[2])
  if (match === null || span === undefined) return undefined
  if (match[3] === '*') return span
  const size = Number(match[3])
  return Number.isSafeInteger(size) && span.end <= size ? { ...span, size } : undefined
}

/** The ranges of uploads, without unit and total: `0-9` (distribution-spec §Pushing a blob in chunks). An empty span is `0-0`. */
export const formatUploadRange = (span: ByteSpan): string => `${span.start}-${Math.max(span.start, span.end - 1)}`

/**
 * Reads the range of an upload; a unit in front of it is tolerated. `0-0` says one byte, but registries answer it for none too.
 */
export const parseUploadRange = (header: string | undefined): ByteSpan | undefined => {
  const match = /^\s*(?:bytes[ =]\s*)?(\d+)-(\d+)\s*$/i.exec(header ?? '')
  return spanOf(match?.[1], match?.[2])
}
