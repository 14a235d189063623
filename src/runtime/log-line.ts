/** A line of conmon's k8s-file format: `TIME STREAM P|F TEXT`. */
export interface LogLine {
  readonly stream: 'stdout' | 'stderr'
  /** RFC 3339 in UTC, with nanoseconds. */
  readonly time: string
  /** The same, since 1970, with a fraction. */
  readonly milliseconds: number
  /** No newline followed the text. */
  readonly partial: boolean
  readonly content: Uint8Array
}

const header = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{1,9})(Z|[+-]\d\d:\d\d) (stdout|stderr) ([PF]) /
const maxHeader = 64

/** undefined for what is no such line. `line` is without its newline. */
export const parseLogLine = (line: Buffer): LogLine | undefined => {
  const match = header.exec(line.toString('latin1', 0, maxHeader))
  if (match === null) return undefined
  const [whole = '', seconds = '', fraction = '', offset = '', stream, tag] = match
  const base = Date.parse(`${seconds}${offset === '+00:00' ? 'Z' : offset}`)
  if (Number.isNaN(base)) return undefined
  const nanoseconds = fraction.padEnd(9, '0')
  return {
    stream: stream === 'stderr' ? 'stderr' : 'stdout',
    time: `${new Date(base).toISOString().slice(0, -5)}.${nanoseconds}Z`,
    milliseconds: base + Number(nanoseconds) / 1_000_000,
    partial: tag === 'P',
    content: line.subarray(whole.length),
  }
}
