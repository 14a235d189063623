import { editDistance } from '../../lib/edit-distance.ts'

const inCaseOf = (option: string, word: string): string =>
  word === word.toLowerCase() ? option.toLowerCase() : word === word.toUpperCase() ? option.toUpperCase() : option

/** The option that is nearest to a word, at most two changes away; none if the word is an option itself. */
export const nearest = (word: string, options: Iterable<string>, caseSensitive = true): string | undefined => {
  let best: string | undefined
  let least = 3
  for (const option of options) {
    const [a, b] = caseSensitive ? [word, option] : [word.toLowerCase(), option.toLowerCase()]
    if (a === b) return undefined
    const changes = editDistance(a, b, least)
    if (changes < least) [best, least] = [option, changes]
  }
  return best === undefined || caseSensitive ? best : inCaseOf(best, word)
}

/** ` (did you mean X?)` for the nearest option, else nothing. */
export const didYouMean = (word: string, options: Iterable<string>, caseSensitive = true): string => {
  const best = nearest(word, options, caseSensitive)
  return best === undefined ? '' : ` (did you mean ${best}?)`
}
