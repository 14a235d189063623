interface Scope {
  /** Type and name: `repository:a/b`. */
  readonly resource: string
  readonly actions: readonly string[]
}

/** A name may hold colons (`host:port/x`): the type ends at the first one and the actions begin after the last (distribution token scope grammar). */
const parseScope = (text: string): Scope | undefined => {
  const first = text.indexOf(':')
  const last = text.lastIndexOf(':')
  if (first <= 0 || last === first) return undefined
  return {
    resource: text.slice(0, last),
    actions: text
      .slice(last + 1)
      .split(',')
      .filter(Boolean),
  }
}

const parseAll = (scopes: readonly string[]): readonly Scope[] => scopes.map(parseScope).filter((scope) => scope !== undefined)

/** `repository:a/b:pull,push` */
export const repositoryScope = (path: string, ...actions: readonly string[]): string => `repository:${path}:${actions.join(',')}`

/** The scopes of a challenge's `scope` parameter. */
export const splitScopes = (text: string | undefined): readonly string[] => text?.split(/\s+/).filter(Boolean) ?? []

/** All that either allows, one scope for each resource; what is no scope is left out. */
export const unionScopes = (first: readonly string[], second: readonly string[]): readonly string[] => {
  const union = new Map<string, Set<string>>()
  for (const { resource, actions } of parseAll([...first, ...second])) {
    const known = union.get(resource) ?? new Set()
    for (const action of actions) known.add(action)
    union.set(resource, known)
  }
  return [...union].map(([resource, actions]) => `${resource}:${[...actions].join(',')}`)
}

/** True if whoever was asked for `scopes` was asked for all of `wanted` too. */
export const coversScopes = (scopes: readonly string[], wanted: readonly string[]): boolean => {
  const have = new Set(parseAll(scopes).flatMap(({ resource, actions }) => actions.map((action) => `${resource}:${action}`)))
  return parseAll(wanted).every(({ resource, actions }) => actions.every((action) => have.has(`${resource}:${action}`)))
}
