import type { HealthcheckConfig } from '../../oci/image-config.ts'
import { formatDuration } from '../dockerfile/duration.ts'

const escapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
}

/** A string as Go's %q prints it. */
const goQuote = (text: string): string => {
  const body = text.replace(/["\\\p{C}]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0
    const hex = code.toString(16)
    return (
      escapes[character] ??
      (code < 0x80 ? `\\x${hex.padStart(2, '0')}` : code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`)
    )
  })
  return `"${body}"`
}

/** Words as history shows those of CMD and ENTRYPOINT: `["a" "b"]`. */
export const quotedList = (words: readonly string[]): string => `[${words.map(goQuote).join(' ')}]`

/** Words as history shows those of EXPOSE, VOLUME and SHELL: `[a b]`. */
export const plainList = (words: readonly string[]): string => `[${words.join(' ')}]`

export const healthcheckText = (check: HealthcheckConfig): string => {
  const { Test = [], Interval = 0, Timeout = 0, StartPeriod = 0, StartInterval = 0, Retries = 0 } = check
  const [interval, timeout, period, start] = [Interval, Timeout, StartPeriod, StartInterval].map(formatDuration)
  return `{Test:${plainList(Test)} Interval:${interval} Timeout:${timeout} StartPeriod:${period} StartInterval:${start} Retries:${Retries}}`
}
