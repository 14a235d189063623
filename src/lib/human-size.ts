const decimal = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']

/** C's and Go's `%.{digits}g`: significant digits without trailing zeros, with an exponent when they do not reach the point. */
export const formatG = (value: number, digits: number): string => {
  const significant = Math.max(1, Math.min(digits, 100))
  const [mantissa = '', exponent = '0'] = value.toExponential(significant - 1).split('e')
  const power = Number(exponent)
  if (power >= -4 && power < significant) return String(Number(value.toPrecision(significant)))
  const short = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa
  return `${short}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`
}

const scaled = (bytes: number, base: number, units: readonly string[], digits: number): string => {
  let size = bytes
  let index = 0
  while (size >= base && index < units.length - 1) {
    size /= base
    index++
  }
  return formatG(size, digits) + (units[index] ?? '')
}

/** Bytes in powers of 1000 as docker prints sizes, `1.24MB`; progress has 4 digits, lists have 3. */
export const humanSize = (bytes: number, digits = 3): string => scaled(bytes, 1000, decimal, digits)

/** Bytes in powers of 1024, `1.5MiB`. */
export const bytesSize = (bytes: number): string => scaled(bytes, 1024, binary, 4)
