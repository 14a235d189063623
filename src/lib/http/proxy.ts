import { BlockList, isIP } from 'node:net'
import { GantryError } from '../errors.ts'
import { bareHost, isLoopbackHost } from './host.ts'

/** What a program is told by its environment variables. */
export type Environment = Readonly<Record<string, string | undefined>>

const family = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4')

/** True if an address is in a network such as `10.0.0.0/8`; false for what is neither. */
export const isInSubnet = (host: string, entry: string): boolean => {
  const [network = '', prefix = ''] = entry.split('/')
  const bits = Number(prefix)
  if (isIP(host) === 0 || isIP(network) !== isIP(host) || !/^\d+$/.test(prefix) || bits > (isIP(host) === 6 ? 128 : 32))
    return false
  const list = new BlockList()
  list.addSubnet(network, bits, family(network))
  return list.check(host, family(host))
}

const splitPort = (entry: string): readonly [host: string, port: string] => {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(entry)
  return match === null ? [entry, ''] : [bareHost(match[1] ?? ''), match[2] ?? '']
}

const matches = (entry: string, host: string, port: string): boolean => {
  if (entry === '*') return true
  if (entry.includes('/')) return isInSubnet(host, entry)
  const [name, only] = splitPort(entry)
  if (name === '' || (only !== '' && only !== port)) return false
  if (isIP(name) !== 0 || isIP(host) !== 0) return name === host
  const suffix = name.replace(/^\*?\./, '')
  return host.endsWith(`.${suffix}`) || (host === suffix && suffix === name)
}

/**
 * The proxy for requests to a URL by HTTP_PROXY, HTTPS_PROXY and NO_PROXY (lower case wins), or undefined. The rules are those of
 * Go's programs: this machine is never asked by a proxy; a NO_PROXY entry is `*`, a name (with its subdomains), `.name` (only
 * those), an address or a network, each with an optional port. A proxy that is not http or https is an `unsupported` error.
 */
export const proxyFor = (url: URL, environment: Environment): string | undefined => {
  const read = (name: string): string | undefined => environment[name.toLowerCase()] || environment[name]
  const proxy = read(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY')?.trim()
  if (!proxy || isLoopbackHost(url.hostname)) return undefined
  const host = bareHost(url.hostname).toLowerCase()
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  const exceptions = (read('NO_PROXY') ?? '')
    .toLowerCase()
    .split(/[\s,]+/)
    .filter(Boolean)
  if (exceptions.some((entry) => matches(entry, host, port))) return undefined
  const parsed = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`)
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol))
    throw new GantryError('unsupported', 'PROXY_INVALID', `Cannot use the proxy for "${url.host}": it is no http or https URL`, {
      hint: 'set HTTP_PROXY and HTTPS_PROXY to a URL such as http://proxy.example.com:3128',
    })
  return parsed.href
}
