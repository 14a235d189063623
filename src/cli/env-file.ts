import { GantryError } from '../lib/errors.ts'

/** Parses docker's env files: `NAME=VALUE` a line, `NAME` stands for the caller's value, `#` begins a comment line; no quoting. */
export const parseEnvFile = (text: string, path: string): readonly string[] => {
  const entries: string[] = []
  for (const [index, raw] of text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trimStart()
    if (line === '' || line.startsWith('#')) continue
    const name = line.split('=', 1)[0] ?? ''
    if (name === '' || /\s/.test(name))
      throw new GantryError(
        'invalid_argument',
        'ENV_FILE',
        `Cannot read "${path}": line ${index + 1}: variable "${name}" contains whitespaces or is empty`,
      )
    entries.push(line)
  }
  return entries
}
