import { quote } from '../go-quote.ts'
import { formatG } from '../units.ts'
import { formatNumber, formatValue, isMap, isSlice, sortedKeys, toValue, typeName, type Value } from './value.ts'

interface Directive {
  readonly verb: string
  readonly flags: string
  readonly width?: number
  readonly precision?: number
}

const maxWidth = 1_000_000

const pad = (text: string, { flags, width = 0 }: Directive, numeric = false): string => {
  const missing = width - Array.from(text).length
  if (missing <= 0) return text
  if (flags.includes('-')) return text + ' '.repeat(missing)
  if (!flags.includes('0') || !numeric) return ' '.repeat(missing) + text
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  return sign + '0'.repeat(missing) + text.slice(sign.length)
}

const signed = (text: string, { flags }: Directive): string =>
  text.startsWith('-') ? text : flags.includes('+') ? `+${text}` : flags.includes(' ') ? ` ${text}` : text

const described = (value: Value): string =>
  value === undefined || value === null ? '<nil>' : `${typeName(value)}=${formatValue(value)}`

const bad = (verb: string, value: Value): string => `%!${verb}(${described(value)})`

const bases: Readonly<Record<string, readonly [base: number, prefix: string]>> = {
  d: [10, ''],
  b: [2, '0b'],
  o: [8, '0'],
  O: [8, ''],
  x: [16, '0x'],
  X: [16, '0X'],
}

const formatInteger = (value: number, directive: Directive): string => {
  const { verb, flags, precision } = directive
  if (verb === 'c') return pad(String.fromCodePoint(value >= 0 && value <= 0x10ffff ? value : 0xfffd), directive)
  if (verb === 'q')
    return pad(
      `'${quote(String.fromCodePoint(value >= 0 && value <= 0x10ffff ? value : 0xfffd))
        .slice(1, -1)
        .replace("'", "\\'")}'`,
      directive,
    )
  if (verb === 'U') return pad(`U+${value.toString(16).toUpperCase().padStart(4, '0')}`, directive)
  const [base, prefix] = bases[verb] ?? [10, '']
  const digits = Math.abs(value)
    .toString(base)
    .padStart(precision ?? 0, '0')
  const text = `${value < 0 ? '-' : ''}${verb === 'O' ? '0o' : flags.includes('#') ? prefix : ''}${verb === 'X' ? digits.toUpperCase() : digits}`
  return pad(signed(text, directive), directive, precision === undefined)
}

/** Go writes exponents with two digits at least. */
const longExponent = (text: string): string => text.replace(/e([+-])(\d)$/, 'e$10$2')

const formatFloat = (value: number, directive: Directive): string => {
  const { verb, precision } = directive
  const lower = verb.toLowerCase()
  const digits = Math.min(precision ?? 6, 100)
  const text =
    lower === 'f'
      ? value.toFixed(digits)
      : lower === 'e'
        ? longExponent(value.toExponential(digits))
        : precision === undefined
          ? formatNumber(value)
          : formatG(value, precision)
  return pad(signed(verb === lower ? text : text.toUpperCase(), directive), directive, true)
}

const formatText = (value: string, directive: Directive): string => {
  const { verb, precision, flags } = directive
  const cut = precision === undefined ? value : Array.from(value).slice(0, precision).join('')
  if (verb === 'q') return pad(flags.includes('#') && !cut.includes('`') ? `\`${cut}\`` : quote(cut), directive)
  if (verb === 'x' || verb === 'X') {
    const hex = Buffer.from(cut).toString('hex')
    return pad(verb === 'x' ? hex : hex.toUpperCase(), directive)
  }
  return pad(verb === 'v' && flags.includes('#') ? quote(cut) : cut, directive)
}

const verbsOf = (value: Value): string => {
  if (typeof value === 'number') return Number.isInteger(value) ? 'vdbcoOxXUqeEfFgG' : 'veEfFgG'
  return typeof value === 'string' ? 'vsqxX' : 'vt'
}

/** One value by one directive; the elements of slices and maps one by one. */
const formatOne = (value: Value, directive: Directive): string => {
  const { verb } = directive
  if (verb === 'T') return pad(typeName(value), directive)
  if (isSlice(value)) return `[${value.map((element) => formatOne(toValue(element), directive)).join(' ')}]`
  if (isMap(value))
    return `map[${sortedKeys(value)
      .map((key) => `${formatOne(key, directive)}:${formatOne(toValue(value[key]), directive)}`)
      .join(' ')}]`
  if (value === undefined || value === null) return verb === 'v' ? pad('<nil>', directive) : bad(verb, value)
  if (!verbsOf(value).includes(verb)) return bad(verb, value)
  // JSON has one kind of number: %f of a whole number is what was meant.
  if (typeof value === 'number')
    return /[efg]/i.test(verb) || !Number.isInteger(value) ? formatFloat(value, directive) : formatInteger(value, directive)
  return typeof value === 'string' ? formatText(value, directive) : pad(formatValue(value), directive)
}

const pattern = /%([-+# 0]*)(\*|\d+)?(?:(\.)(\*|\d+)?)?(?:\[(\d+)\])?([\s\S])?/gu

/** Go's fmt.Sprintf for the values of templates; mistakes show in the text as they do there (`%!d(string=x)`). */
export const sprintf = (format: string, values: readonly Value[]): string => {
  let used = 0
  let reordered = false
  const number = (text: string | undefined): number | undefined => {
    const value = text === '*' ? values[used++] : text === undefined ? undefined : Number(text)
    return typeof value === 'number' && Math.abs(value) <= maxWidth ? value : undefined
  }
  const replace = (
    ...[, flags = '', widthText, point, precisionText, position, verb]: readonly (string | undefined)[]
  ): string => {
    const width = number(widthText)
    const precision = number(precisionText) ?? (point !== undefined && precisionText === undefined ? 0 : undefined)
    if (verb === undefined) return '%!(NOVERB)'
    if (verb === '%') return '%'
    if (position !== undefined) {
      reordered = true
      used = Number(position) - 1
      if (used < 0 || used >= values.length) return `%!${verb}(BADINDEX)`
    }
    if (used >= values.length) return `%!${verb}(MISSING)`
    return formatOne(values[used++], {
      verb,
      flags: width !== undefined && width < 0 ? `${flags}-` : flags,
      ...(width === undefined ? {} : { width: Math.abs(width) }),
      ...(precision === undefined || precision < 0 ? {} : { precision }),
    })
  }
  const text = format.replace(pattern, replace)
  const extra = reordered ? [] : values.slice(used).map(described)
  return extra.length === 0 ? text : `${text}%!(EXTRA ${extra.join(', ')})`
}
