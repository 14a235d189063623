/** How well a name fits a term, 0 the best; undefined if the term is nowhere in it. */
const fit = (name: string, term: string): number | undefined => {
  if (!name.includes(term)) return undefined
  const last = name.slice(name.lastIndexOf('/') + 1)
  const fits = [name === term, last === term, last.startsWith(term), name.startsWith(term)]
  const best = fits.indexOf(true)
  return best < 0 ? fits.length : best
}

/** Names of repositories that hold a term, upper and lower case alike: the whole name first, then its last part, then beginnings. */
export const rankNames = (names: readonly string[], term: string): readonly string[] => {
  const wanted = term.toLowerCase()
  const found = names.flatMap((name) => {
    const rank = fit(name.toLowerCase(), wanted)
    return rank === undefined ? [] : [{ name, rank }]
  })
  return found.toSorted((a, b) => a.rank - b.rank || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)).map(({ name }) => name)
}
