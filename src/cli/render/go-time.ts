const two = (number: number): string => String(number).padStart(2, '0')

const parts = (
  date: Date,
): { readonly day: string; readonly time: string; readonly sign: string; readonly zone: readonly string[] } => {
  const offset = -date.getTimezoneOffset()
  return {
    day: `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    time: [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':'),
    sign: offset < 0 ? '-' : '+',
    zone: [two(Math.trunc(Math.abs(offset) / 60)), two(Math.abs(offset) % 60)],
  }
}

/** The zone's letters; where it has none Go repeats the hours. */
const zoneName = (date: Date, hours: string): string => {
  const names = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' }).formatToParts(date)
  const name = names.find(({ type }) => type === 'timeZoneName')?.value ?? ''
  return /^[A-Z]+$/.test(name) ? name : hours
}

/** A time as docker's `CreatedAt` of `images` has it, in the local zone: `2024-01-02 03:04:05 +0000 UTC`. */
export const goTime = (date: Date): string => {
  const { day, time, sign, zone } = parts(date)
  return `${day} ${time} ${sign}${zone.join('')} ${zoneName(date, sign + (zone[0] ?? ''))}`
}

/** A time as docker's `CreatedAt` of `history` has it, in the local zone: `2024-01-02T03:04:05Z`. */
export const rfc3339 = (date: Date): string => {
  const { day, time, sign, zone } = parts(date)
  return `${day}T${time}${zone.join(':') === '00:00' ? 'Z' : `${sign}${zone.join(':')}`}`
}
