/** One challenge of a WWW-Authenticate header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string
  /** By lower-case name; of a name that comes twice the first counts. */
  readonly parameters: ReadonlyMap<string, string>
}

const token = "[!#$%&'*+.^_`|~\\w-]+"
const schemeStart = new RegExp(`[\\s,]*(${token})(?=[\\s,]|$)`, 'y')
const parameterStart = new RegExp(`[\\s,]*(${token})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${token.replace('[', '[/:')}))`, 'ys')
// a token in place of parameters, as in Negotiate
const token68 = /[ \t]+[\w.~+/-]+=*[ \t]*(?=,|$)/y

const match = (pattern: RegExp, text: string, position: number): RegExpExecArray | null => {
  pattern.lastIndex = position
  return pattern.exec(text)
}

/** The challenges of an untrusted header, in order; several headers are joined with commas before. What cannot be read ends the list. */
export const parseChallenges = (header: string): readonly Challenge[] => {
  const challenges: Challenge[] = []
  let position = 0
  for (;;) {
    const start = match(schemeStart, header, position)
    if (start === null) return challenges
    position = schemeStart.lastIndex
    const parameters = new Map<string, string>()
    challenges.push({ scheme: (start[1] ?? '').toLowerCase(), parameters })
    for (;;) {
      const found = match(parameterStart, header, position)
      if (found === null) break
      position = parameterStart.lastIndex
      const [, name = '', quoted, plain] = found
      const key = name.toLowerCase()
      if (!parameters.has(key)) parameters.set(key, quoted?.replace(/\\(.)/gs, '$1') ?? plain ?? '')
    }
    if (parameters.size === 0 && match(token68, header, position) !== null) position = token68.lastIndex
  }
}

/** A challenge as a header value, parameters quoted. */
export const formatChallenge = (scheme: string, parameters: Readonly<Record<string, string>>): string => {
  const list = Object.entries(parameters).map(([name, value]) => `${name}="${value.replace(/["\\]/g, String.raw`\$&`)}"`)
  return list.length === 0 ? scheme : `${scheme} ${list.join(',')}`
}
