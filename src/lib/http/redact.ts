/** A URL as it may be shown: without user, password, query (which may hold a signature) and fragment. */
export const redactUrl = (url: URL | string): string => {
  const parsed = typeof url === 'string' ? URL.parse(url) : url
  return parsed === null ? 'an invalid URL' : `${parsed.protocol}//${parsed.host}${parsed.pathname}`
}
