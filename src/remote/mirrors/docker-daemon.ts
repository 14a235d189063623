import { parseJson } from '../../lib/bytes.ts'
import { bareHost } from '../../lib/http/host.ts'
import { isInSubnet } from '../../lib/http/proxy.ts'
import { fieldsOf, readConfiguration, unusable, type Table } from './configuration-file.ts'
import type { Mirror, Place, Route, Routing } from './route.ts'

/** What of dockerd's daemon.json concerns registries. */
export interface DaemonSettings {
  readonly file: string
  /** Roots of Docker Hub's mirrors. */
  readonly mirrors: readonly URL[]
  /** Hosts, hosts with ports, networks. */
  readonly insecure: readonly string[]
}

/** Reads a daemon.json; what it has besides is of no concern. */
export const parseDaemonJson = (text: string, file: string): DaemonSettings => {
  const json = text.trim() === '' ? {} : parseJson(text, `"${file}"`)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw unusable(file, 'it is not a JSON object')
  const { texts } = fieldsOf(json as Table, file)
  const mirrors = texts('registry-mirrors').map((mirror) => {
    const url = URL.parse(mirror)
    // as dockerd: a scheme, a host, nothing else
    if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search + url.hash + url.username !== '')
      throw unusable(file, `the mirror "${mirror}" must be a URL such as "https://mirror.example.com"`)
    return url
  })
  return { file, mirrors, insecure: texts('insecure-registries') }
}

/** `addresses` of a host are looked up only for networks. */
const isInsecure = async (
  { insecure }: DaemonSettings,
  domain: string,
  addresses: (host: string) => Promise<readonly string[]>,
): Promise<boolean> => {
  const host = bareHost(domain.replace(/:\d+$/, ''))
  if (insecure.some((entry) => entry === domain || entry === host)) return true
  const networks = insecure.filter((entry) => entry.includes('/'))
  if (networks.length === 0) return false
  const found = await addresses(host)
  return found.some((address) => networks.some((network) => isInSubnet(address, network)))
}

const lookUp = async (host: string): Promise<readonly string[]> => {
  const { lookup } = await import('node:dns/promises')
  const found = await lookup(host, { all: true }).catch(() => [])
  return found.map(({ address }) => address)
}

/** The route that a daemon.json says: mirrors are Docker Hub's alone. */
export const routeByDaemon = async (
  settings: DaemonSettings,
  domain: string,
  path: string,
  addresses = lookUp,
): Promise<Route | undefined> => {
  const endpoint = (await isInsecure(settings, domain, addresses)) ? { endpoint: { tlsVerify: false } } : undefined
  const urls = domain === 'docker.io' ? settings.mirrors : []
  if (endpoint === undefined && urls.length === 0) return undefined
  const mirrors = await Promise.all(
    urls.map(async (url): Promise<Mirror> => {
      const insecure = await isInsecure(settings, url.host, addresses)
      const root = new URL('/v2/', url).href
      return { domain: url.host, path, tags: true, content: true, endpoint: { root, ...(insecure && { tlsVerify: false }) } }
    }),
  )
  const origin: Place = { domain, path, ...endpoint }
  return { kind: 'places', file: settings.file, mirrors, origin, push: origin }
}

/** The first of the files that is there. */
export const readDaemonJson = async (files: readonly string[]): Promise<DaemonSettings | undefined> => {
  for (const file of files) {
    const text = await readConfiguration(file)
    if (text !== undefined) return parseDaemonJson(text, file)
  }
  return undefined
}

/** dockerd's configuration as a routing. */
export const dockerDaemonRouting = (files: readonly string[]): Routing => {
  let settings: ReturnType<typeof readDaemonJson> | undefined
  return async (domain, path) => {
    const found = await (settings ??= readDaemonJson(files))
    return found === undefined ? undefined : await routeByDaemon(found, domain, path)
  }
}
