/** Names of query parameters whose values let somebody in: signatures, tokens, keys. */
const secret =
  /^(?:.*[-_.])?(?:sig|signature|token|key|password|passwd|pwd|secret|auth|authorization|credential|credentials|jwt|sas)$/i

const redactQuery = (query: string): string =>
  query.replace(/([?&])([^=&#\s]+)=([^&#\s]*)/g, (whole, mark: string, name: string) =>
    secret.test(name) ? `${mark}${name}=xxxxx` : whole,
  )

/**
 * Text with URLs in it as it may be shown and kept: users with passwords become `xxxxx`, as in BuildKit's messages, and so do
 * values of the query that let somebody in. What is not secret stays, since history says where files came from.
 */
export const redactSources = (text: string): string =>
  text.replace(
    /\b([a-zA-Z][a-zA-Z0-9+.-]*:\/\/)([^\s/?#]*@)?([^\s"'<>]*)/g,
    (_whole, scheme: string, user: string | undefined, rest: string) =>
      `${scheme}${user === undefined ? '' : redactUser(scheme, user)}${redactQuery(rest)}`,
  )

/** Over ssh a user without a password is no secret. */
const redactUser = (scheme: string, user: string): string =>
  user.includes(':') ? 'xxxxx:xxxxx@' : scheme.toLowerCase() === 'ssh://' ? user : 'xxxxx@'
