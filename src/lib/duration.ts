const units = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
] as const

/** A length of time as people say it, in its largest unit that fits and rounded up: `2 minutes`. */
export const formatDuration = (milliseconds: number): string => {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1000))
  const [name, length] = units.find(([, size]) => seconds >= size) ?? units[3]
  const count = Math.ceil(seconds / length)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}
