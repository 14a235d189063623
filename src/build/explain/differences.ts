import { canonicalJson } from '../graph.ts'
import { isSecretName } from './secret-names.ts'
import type { StepFacts } from './step-note.ts'

/** What each path that a step made is made of: attributes, a blank, content. */
export type FileFacts = Readonly<Record<string, string>>

const longest = 60
const cut = (text: string): string => (text.length > longest ? `${text.slice(0, longest)}…` : text)
const shown = (value: unknown): string => {
  if (value === undefined || value === '') return 'none'
  return cut(typeof value === 'string' ? value : Array.isArray(value) ? value.join(' ') : canonicalJson(value))
}

const isSame = (a: unknown, b: unknown): boolean => canonicalJson(a ?? null) === canonicalJson(b ?? null)

const strings = (value: unknown): readonly string[] =>
  Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : []

/** How people call what a step depends on. */
const names: Readonly<Record<string, string>> = {
  cwd: 'WORKDIR',
  user: 'USER',
  path: 'WORKDIR',
  network: '--network',
  chown: '--chown',
  chmod: '--chmod',
  destination: 'the destination',
  latest: 'SOURCE_DATE_EPOCH',
}
/** What is too long to be shown. */
const unshown: Readonly<Record<string, string>> = {
  scripts: 'RUN command changed',
  exclude: '--exclude changed',
  extraHosts: '--add-host changed',
  unpack: '--unpack changed',
  platform: 'the platform changed',
  times: 'what times files get changed',
  security: '--security changed',
}

/** What is different between what a step depended on before and now, each in a few words; nothing of what lies below it. */
export const describeDifferences = (before: StepFacts, now: StepFacts): readonly string[] => {
  const found: string[] = []
  for (const key of new Set([...Object.keys(now), ...Object.keys(before)])) {
    if (key === 'arguments' || isSame(before[key], now[key])) continue
    if (key === 'args') found.push(describeCommand(before, now))
    else if (key === 'env') found.push(...describeVariables(before, now))
    else if (key === 'mounts') found.push(...describeMounts(before[key], now[key]))
    else if (key === 'from') found.push(...describeSources(before[key], now[key]))
    else if (Object.hasOwn(names, key)) found.push(`${names[key]} ${shown(before[key])} → ${shown(now[key])}`)
    else found.push((Object.hasOwn(unshown, key) ? unshown[key] : undefined) ?? `its ${shown(key)} changed`)
  }
  return [...new Set(found)]
}

/** Where only the files are other ones, the places where they are mounted. */
const describeMounts = (before: unknown, now: unknown): readonly string[] => {
  const [a, b] = [mountsIn(before), mountsIn(now)]
  const options = (mounts: typeof a): unknown => mounts.map(({ files: _files, ...rest }) => rest)
  if (a.length === 0 || !isSame(options(a), options(b))) return ['--mount changed']
  return b
    .filter(({ files }, index) => files !== a[index]?.files)
    .map(({ target }) => `files mounted at ${shown(target)} changed`)
}

const mountsIn = (value: unknown): readonly { readonly target?: unknown; readonly files?: unknown }[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === 'object' && one !== null) : []

const describeCommand = (before: StepFacts, now: StepFacts): string => {
  const [a, b] = [strings(before['args']), strings(now['args'])]
  const shell = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-1)
  return shell ? `SHELL ${shown(a.slice(0, -1))} → ${shown(b.slice(0, -1))}` : 'RUN command changed'
}

const variables = (facts: StepFacts): ReadonlyMap<string, string> =>
  new Map(
    strings(facts['env']).map((one) => {
      const equals = one.indexOf('=')
      return equals < 0 ? [one, ''] : [one.slice(0, equals), one.slice(equals + 1)]
    }),
  )

const describeVariables = (before: StepFacts, now: StepFacts): readonly string[] => {
  const [a, b] = [variables(before), variables(now)]
  const found: string[] = []
  for (const name of new Set([...b.keys(), ...a.keys()])) {
    const [old, value] = [a.get(name), b.get(name)]
    if (old === value) continue
    const facts = value === undefined ? before : now
    const what = `${strings(facts['arguments']).includes(name) ? 'ARG' : 'ENV'} ${name}`
    if (value === undefined) found.push(`${what} is gone`)
    else if (old === undefined) found.push(`${what} is new`)
    else if (isSecretName(name)) found.push(`${what} changed`)
    else found.push(`${what} ${shown(old)} → ${shown(value)}`)
  }
  return found.length === 0 ? ['the order of variables changed'] : found
}

const describeSources = (before: unknown, now: unknown): readonly string[] => {
  const [a, b] = [sourceWords(before), sourceWords(now)]
  const [old, text] = [a, b].map((list) => list.map((one) => one.text).join(' '))
  if (old !== text) return [`the sources ${shown(old)} → ${shown(text)}`]
  const changed = b.filter((one, index) => one.content !== a[index]?.content)
  return changed.length === 0
    ? ['the sources changed']
    : changed.slice(0, 3).map((one) => `the text of ${shown(one.text)} changed`)
}

const sourceWords = (value: unknown): readonly { readonly text: string; readonly content: string }[] =>
  (Array.isArray(value) ? (value as readonly unknown[]) : []).map((one) => {
    const { path, name, content } = (one ?? {}) as Readonly<Record<string, unknown>>
    return { text: typeof path === 'string' ? path : `<<${shown(name)}`, content: canonicalJson(content ?? null) }
  })

/** Paths that are named one by one. */
const mostFiles = 3

/** Which files are different, the first few by name; `contentOnly` where something else is why paths and attributes are. */
export const describeFiles = (before: FileFacts, now: FileFacts, contentOnly = false): readonly string[] => {
  const found: string[] = []
  for (const [path, facts] of Object.entries(now)) {
    const old = Object.hasOwn(before, path) ? before[path] : undefined
    if (old === facts || (contentOnly && (old === undefined || contentOf(old) === contentOf(facts)))) continue
    found.push(old === undefined ? `${path} is new` : describeFile(path, old, facts))
  }
  if (!contentOnly) for (const path of Object.keys(before)) if (!Object.hasOwn(now, path)) found.push(`${path} is gone`)
  const rest = found.length - mostFiles
  return rest <= 1 ? found : [...found.slice(0, mostFiles), `${rest} more files changed`]
}

const contentOf = (facts: string): string => facts.slice(facts.indexOf(' ') + 1)

const describeFile = (path: string, before: string, now: string): string => {
  const attributes = (text: string): string => text.slice(0, Math.max(0, text.indexOf(' ')))
  return contentOf(before) === contentOf(now) ? `${path} ${attributes(before)} → ${attributes(now)}` : `${path} changed`
}
