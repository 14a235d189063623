/** A path pattern whose capture groups become parameters, and what to do for each method. */
export interface Route<H> {
  /** Anchored at both ends; matched against the path as it was sent. */
  readonly pattern: RegExp
  /** By upper-case method. HEAD is answered by its own entry only. */
  readonly methods: Readonly<Record<string, H>>
}

/** What a router says of a request. `allow` lists the methods that the path has. */
export type RouteMatch<H> =
  | { readonly kind: 'found'; readonly handler: H; readonly params: readonly string[] }
  | { readonly kind: 'method-not-allowed'; readonly allow: string }
  | { readonly kind: 'not-found' }

/** The handler of the first route whose pattern fits. */
export const matchRoute = <H>(routes: readonly Route<H>[], method: string, path: string): RouteMatch<H> => {
  for (const { pattern, methods } of routes) {
    const match = pattern.exec(path)
    if (match === null) continue
    if (!Object.hasOwn(methods, method)) return { kind: 'method-not-allowed', allow: Object.keys(methods).join(', ') }
    return { kind: 'found', handler: methods[method] as H, params: match.slice(1) }
  }
  return { kind: 'not-found' }
}
