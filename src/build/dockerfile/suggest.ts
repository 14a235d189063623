import { editDistance } from '../../lib/edit-distance.ts'

const inCaseOf = (option: string, word: string): string =>
  word === word.toLowerCase() ? option.toLowerCase() : word === word.toUpperCase() ? option.toUpperCase() : option

/** ` (did you mean X?)` for the nearest option that is at most two changes away, else nothing. */
export const didYouMean = (word: string, options: Iterable<string>, caseSensitive = true): string => {
  let best: string | undefined
  let least = 3
  for (const option of options) {
    const [a, b] = caseSensitive ? [word, option] : [word.toLowerCase(), option.toLowerCase()]
    if (a === b) return ''
    const changes = editDistance(a, b, least)
    if (changes < least) [best, least] = [option, changes]
  }
  if (best === undefined) return ''
  return ` (did you mean ${caseSensitive ? best : inCaseOf(best, word)}?)`
}
