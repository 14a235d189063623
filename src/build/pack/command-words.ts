/** The words of a command, or undefined where only a shell knows what it means. */
export const commandWords = (text: string): readonly string[] | undefined => {
  const words: string[] = []
  let word: string | undefined
  const end = (): void => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  for (let at = 0; at < text.length; at++) {
    const character = text[at] ?? ''
    if (/\s/.test(character)) {
      if (character === '\n') return undefined
      end()
    } else if (character === "'") {
      const close = text.indexOf("'", at + 1)
      if (close < 0) return undefined
      word = (word ?? '') + text.slice(at + 1, close)
      at = close
    } else if (character === '"') {
      const quoted = /^"((?:[^"\\$`]|\\["\\$`])*)"/.exec(text.slice(at))
      if (quoted === null) return undefined
      word = (word ?? '') + (quoted[1] ?? '').replace(/\\(.)/g, '$1')
      at += quoted[0].length - 1
    } else if (character === '\\') {
      const next = text[++at]
      if (next === undefined || next === '\n') return undefined
      word = (word ?? '') + next
    } else if (/[|&;<>()$`*?[\]{}!#~]/.test(character)) return undefined
    else word = (word ?? '') + character
  }
  end()
  return words
}

const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s

/** Words with the variables that stand before the command, as a shell or `cross-env` sets them. */
export const splitAssignments = (
  words: readonly string[],
): { readonly variables: readonly (readonly [string, string])[]; readonly words: readonly string[] } => {
  const variables: (readonly [string, string])[] = []
  let rest = words
  for (;;) {
    const [first = ''] = rest
    const match = assignment.exec(first)
    if (match !== null) variables.push([match[1] ?? '', match[2] ?? ''])
    else if (first !== 'cross-env' && first !== 'env') return { variables, words: rest }
    else if (first === 'env' && !assignment.test(rest[1] ?? '')) return { variables, words: rest }
    rest = rest.slice(1)
  }
}
