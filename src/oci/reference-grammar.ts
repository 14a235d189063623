/*
 * The grammar of references as the distribution project defines it (reference package, grammar in its documentation), one function
 * per production. Each is linear in the length of its text.
 */

const pathComponent = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/
const domainComponent = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?$/
const address6 = /^\[[a-fA-F0-9:]+\]$/
const algorithmPart = /^[A-Za-z][A-Za-z0-9]*$/

/** True for a tag: up to 128 of `[A-Za-z0-9_.-]`, not beginning with `.` or `-`. */
export const isTag = (text: string): boolean => /^\w[\w.-]{0,127}$/.test(text)

/** True for a repository path without a host (`library/busybox`); the limit of 255 characters is not checked. */
export const isRepositoryPath = (text: string): boolean => text.split('/').every((component) => pathComponent.test(component))

/** True for `host` or `host:port`; an IPv6 address stands in brackets and has no zone. */
export const isDomain = (text: string): boolean => {
  const colon = text.startsWith('[') ? text.indexOf(':', text.indexOf(']')) : text.indexOf(':')
  const host = colon === -1 ? text : text.slice(0, colon)
  if (colon !== -1 && !/^[0-9]+$/.test(text.slice(colon + 1))) return false
  return address6.test(host) || host.split('.').every((component) => domainComponent.test(component))
}

/** True for what may stand after `@`; whether the algorithm is known and the length right is another question. */
export const isDigestSyntax = (text: string): boolean => {
  const colon = text.indexOf(':')
  if (colon === -1 || !/^[0-9a-fA-F]{32,}$/.test(text.slice(colon + 1))) return false
  return text
    .slice(0, colon)
    .split(/[-_+.]/)
    .every((part) => algorithmPart.test(part))
}

/** True for 64 lower-case hexadecimal digits, which docker takes for an image ID and never for a name. */
export const isIdentifier = (text: string): boolean => /^[a-f0-9]{64}$/.test(text)
