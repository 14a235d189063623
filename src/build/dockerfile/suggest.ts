/** The number of single-character changes and swaps of neighbours between two words, or `limit` if it is at least that. */
const distance = (a: string, b: string, limit: number): number => {
  if (Math.abs(a.length - b.length) >= limit || a.length > 64 || b.length > 64) return limit
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)]
  const at = (i: number, j: number): number => rows[i]?.[j] ?? limit
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const changed = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : limit
      row.push(Math.min(changed, swapped, at(i - 1, j) + 1, at(i, j - 1) + 1))
    }
  }
  return Math.min(limit, at(a.length, b.length))
}

const inCaseOf = (option: string, word: string): string =>
  word === word.toLowerCase() ? option.toLowerCase() : word === word.toUpperCase() ? option.toUpperCase() : option

/** ` (did you mean X?)` for the nearest option that is at most two changes away, else nothing. */
export const didYouMean = (word: string, options: Iterable<string>, caseSensitive = true): string => {
  let best: string | undefined
  let least = 3
  for (const option of options) {
    const [a, b] = caseSensitive ? [word, option] : [word.toLowerCase(), option.toLowerCase()]
    if (a === b) return ''
    const changes = distance(a, b, least)
    if (changes < least) [best, least] = [option, changes]
  }
  if (best === undefined) return ''
  return ` (did you mean ${caseSensitive ? best : inCaseOf(best, word)}?)`
}
