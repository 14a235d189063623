/** A line of a Dockerfile as a fix shows it; long ones are cut. */
export const shownLine = (text: string): string => {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length > 160 ? `${line.slice(0, 160)}…` : line
}

/** `write: LINE`. */
export const write = (text: string): string => `write: ${shownLine(text)}`

/** A value as ENV and LABEL take it back: quoted where it must be, variables still expanded. */
export const quoteValue = (value: string, escape: string): string => {
  if (/^["'].*["']$/.test(value)) return value
  if (/^[\w./:@%+,$-]+$/.test(value) && !value.includes(escape)) return value
  return `"${value.replaceAll('"', `${escape}"`)}"`
}

/** The JSON form of a shell form: the words where the shell does nothing with them but split them, else a call of the shell. */
export const jsonForm = (command: string): readonly string[] => {
  const words = command.trim().split(/\s+/)
  const plain = words.every((word) => /^[\w./:@%+,=-]+$/.test(word)) && !/^\w+=/.test(words[0] ?? '')
  if (plain) return words
  const oneCommand = !/[;&|\n]/.test(command) && !/^\s*(?:exec|cd|export|set|\.)\s/.test(command) && !/^\s*\w+=/.test(command)
  return ['/bin/sh', '-c', oneCommand ? `exec ${command.trim()}` : command.trim()]
}

/** The text with a flag of an instruction taken out. */
export const withoutFlag = (text: string, flag: string): string => text.replace(new RegExp(`\\s--${flag}(?:=\\S*)?(?=\\s|$)`), '')

/** The text with a variable's name replaced by another, in `$NAME` and in `${NAME…`. */
export const renameVariable = (text: string, name: string, by: string): string =>
  text.replaceAll(
    // a special parameter may be a character that means something in the expression
    new RegExp(`\\$(\\{?)${name.replace(/[*?$]/g, '\\$&')}(?![\\p{L}\\p{Nd}_])`, 'gu'),
    (_all, brace: string) => `$${brace}${by}`,
  )
