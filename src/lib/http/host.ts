import { isIPv4 } from 'node:net'

/** A host without the brackets that URLs put around IPv6 addresses. */
export const bareHost = (hostname: string): string => hostname.replace(/^\[(.*)\]$/, '$1')

/** True if the host is this machine by its very name: `localhost` (RFC 6761 §6.3), 127.0.0.0/8, `::1`. Nothing is looked up. */
export const isLoopbackHost = (hostname: string): boolean => {
  const host = bareHost(hostname).toLowerCase()
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
