import { GantryError } from '../../lib/errors.ts'

/** The mode that an entry gets: from the one it has, and whether it is a folder. */
export type ModeChange = (mode: number, folder: boolean) => number

const fail = (text: string): never => {
  throw new GantryError(
    'invalid_argument',
    'CHMOD_INVALID',
    `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`,
    { hint: 'write a mode like 0755, or symbols like u=rwX,go=rX' },
  )
}

const who: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 }

/** What `--chmod` says: octal up to 07777, or chmod(1)'s symbols with `X`; no umask applies. */
export const parseChmod = (text: string): ModeChange => {
  if (/^[0-7]+$/.test(text)) {
    const mode = Number.parseInt(text, 8)
    return mode > 0o7777 ? fail(text) : () => mode
  }
  const clauses = text.split(',').map((clause) => parseClause(clause) ?? fail(text))
  return (mode, folder) => clauses.reduce((current, change) => change(current, folder), mode)
}

const parseClause = (clause: string): ModeChange | undefined => {
  const match = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause)
  if (match === null) return undefined
  const [, whom = '', rest = ''] = match
  let mask = whom === '' ? 0o7777 : 0
  for (const one of whom) mask |= who[one] ?? 0
  const steps = [...rest.matchAll(/([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)/g)]
  return (mode, folder) =>
    steps.reduce((current, [, operator = '', letters = '']) => {
      const bits = bitsOf(letters, current, folder) & mask
      if (operator === '+') return current | bits
      if (operator === '-') return current & ~bits
      // folders keep setuid and setgid, as chmod(1) does
      const cleared = folder ? mask & ~0o6000 : mask
      return (current & ~cleared) | bits
    }, mode)
}

const bitsOf = (letters: string, mode: number, folder: boolean): number => {
  if (/^[ugo]$/.test(letters)) {
    const shift = { u: 6, g: 3, o: 0 }[letters as 'u' | 'g' | 'o']
    const bits = (mode >> shift) & 7
    return (bits << 6) | (bits << 3) | bits
  }
  let bits = 0
  for (const letter of letters) {
    if (letter === 'r') bits |= 0o444
    else if (letter === 'w') bits |= 0o222
    else if (letter === 'x' || (letter === 'X' && (folder || (mode & 0o111) !== 0))) bits |= 0o111
    else if (letter === 's') bits |= 0o6000
    else if (letter === 't') bits |= 0o1000
  }
  return bits
}
