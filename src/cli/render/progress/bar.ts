import { humanSize } from '../units.ts'

const longest = 50
const shortest = 10

/**
 * `[=====>     ]  1.2MB/3.4MB` as docker draws it, in at most `width` columns: the bar shrinks and goes first, then the numbers.
 * Without a total it is the number alone.
 */
export const progressBar = (current: number, total: number, width: number): string => {
  const now = humanSize(current, 4).padStart(8)
  const numbers = total <= 0 || current > total ? now : `${now}/${humanSize(total, 4)}`
  if (numbers.length > width) return ''
  const room = Math.min(longest, width - numbers.length - '[>] '.length)
  if (total <= 0 || room < shortest) return numbers
  const filled = Math.min(room, Math.floor((current / total) * room))
  return `[${'='.repeat(filled)}>${' '.repeat(room - filled)}] ${numbers}`
}
