/** One link of a Link header (RFC 8288 §3). */
export interface Link {
  /** As written: may be relative. */
  readonly target: string
  /** Relation types, lower case. */
  readonly relations: readonly string[]
}

const parameter = /\s*;\s*([!#$%&'*+.^_`|~\w-]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/y
const separator = /\s*(?:,|$)/y
const opening = /[\s,]*<([^<>]*)>/y

/** The links of an untrusted Link header, in order; what cannot be read ends the list. */
export const parseLinks = (header: string): readonly Link[] => {
  const links: Link[] = []
  let position = 0
  for (;;) {
    opening.lastIndex = position
    const target = opening.exec(header)?.[1]
    if (target === undefined) return links
    position = opening.lastIndex
    let relations: readonly string[] = []
    for (;;) {
      parameter.lastIndex = position
      const match = parameter.exec(header)
      if (match === null) break
      position = parameter.lastIndex
      const [, name = '', quoted, plain] = match
      // only the first rel counts (RFC 8288 §3.3)
      if (name.toLowerCase() === 'rel' && relations.length === 0)
        relations = (quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '').toLowerCase().split(/\s+/).filter(Boolean)
    }
    links.push({ target, relations })
    separator.lastIndex = position
    if (!separator.test(header)) return links
  }
}

/** Where the next page is, as written, or undefined on the last one. */
export const nextLink = (header: string | undefined): string | undefined =>
  header === undefined ? undefined : parseLinks(header).find((link) => link.relations.includes('next'))?.target

/** The Link header of a page that has a next one. `target` must be a valid URL or path. */
export const formatNextLink = (target: string): string => `<${target}>; rel="next"`
