import type { PageRequest } from './interfaces.ts'

/** The page of names that are sorted in ASCII order. `last` need not be among them. */
export const pageOf = (sorted: readonly string[], { limit, last }: PageRequest = {}): readonly string[] => {
  if (limit === undefined && last === undefined) return sorted
  const start = last === undefined ? 0 : firstAfter(sorted, last)
  return sorted.slice(start, limit === undefined ? undefined : start + limit)
}

const firstAfter = (sorted: readonly string[], last: string): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as string) <= last) low = middle + 1
    else high = middle
  }
  return low
}
