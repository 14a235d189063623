import { join, resolve } from 'node:path'
import { apiHost } from '../../oci/reference.ts'
import { fieldsOf, listConfiguration, parseToml, readConfiguration, unusable, type Table } from './configuration-file.ts'
import type { EndpointSettings, Mirror, Place, Route, Routing } from './route.ts'

/** Folders of a host below certs.d: containerd's spelling without a colon, the host itself, the one for all. */
const folderNames = (host: string): readonly string[] => [host.replace(/:(\d+)$/, '_$1_'), host, '_default']

const rootOf = (server: string, overridePath: boolean, file: string): URL => {
  const url = URL.parse(/^https?:\/\//i.test(server) ? server : `https://${server}`)
  if (url === null || url.search !== '' || url.hash !== '' || url.username !== '')
    throw unusable(file, `"${server}" must be a URL such as "https://mirror.example.com"`)
  const path = url.pathname.replace(/\/+$/, '')
  url.pathname = overridePath || path.endsWith('/v2') ? `${path}/` : `${path}/v2/`
  url.host = apiHost(url.host)
  return url
}

const headersOf = (table: Table, file: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(table).map(([name, value]) => {
      const text = Array.isArray(value) ? value.join(', ') : value
      if (typeof text !== 'string' || !/^[\w-]+$/.test(name) || !/^[\t\x20-\x7E]*$/.test(text))
        throw unusable(file, `the header "${name}" must be a string or a list of strings`)
      return [name.toLowerCase(), text]
    }),
  )

/** `client`: a file with certificate and key, a list of such files, or a list of pairs. The first is shown. */
const clientOf = (value: unknown, folder: string, file: string): EndpointSettings['clientCertificate'] => {
  if (value === undefined) return undefined
  const [first]: readonly unknown[] = Array.isArray(value) ? value : [value]
  const [certificate, key]: readonly unknown[] = Array.isArray(first) ? first : [first, '']
  if (typeof certificate !== 'string' || typeof key !== 'string')
    throw unusable(file, 'client must be a file, a list of files or a list of pairs of files')
  return { certificate: resolve(folder, certificate), key: resolve(folder, key || certificate) }
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const durationOf = (text: string | undefined, file: string): number | undefined => {
  if (text === undefined) return undefined
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw unusable(file, `dial_timeout is "${text}", not a duration such as "5s"`)
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0)
}

const endpointOf = (table: Table, folder: string, file: string): Omit<EndpointSettings, 'root' | 'namespace'> => {
  const { flag, table: inner, text, texts } = fieldsOf(table, file)
  const authorities = (typeof table['ca'] === 'string' ? [table['ca']] : texts('ca')).map((path) => resolve(folder, path))
  const clientCertificate = clientOf(table['client'], folder, file)
  const connectTimeout = durationOf(text('dial_timeout'), file)
  const headers = headersOf(inner('header'), file)
  return {
    ...(flag('skip_verify') === true && { tlsVerify: false }),
    ...(authorities.length > 0 && { authorities }),
    ...(clientCertificate && { clientCertificate }),
    ...(connectTimeout !== undefined && { connectTimeout }),
    ...(Object.keys(headers).length > 0 && { headers }),
  }
}

const hub = 'docker.io'
const domainOf = ({ host }: URL): string => (host === apiHost(hub) ? hub : host)

interface Host extends Pick<Place, 'domain'> {
  readonly endpoint: EndpointSettings
  readonly capabilities: ReadonlySet<string>
}

const hostOf = (server: string, table: Table, folder: string, file: string, domain: string): Host => {
  const { flag, texts } = fieldsOf(table, file)
  const root = rootOf(server, flag('override_path') ?? false, file)
  const asked = texts('capabilities').map((capability) => capability.toLowerCase())
  const unknown = asked.find((capability) => !['pull', 'resolve', 'push'].includes(capability))
  if (unknown !== undefined) throw unusable(file, `the capability "${unknown}" is none of pull, resolve and push`)
  const own = domainOf(root)
  return {
    domain: own,
    endpoint: { root: root.href, ...(own !== domain && { namespace: domain }), ...endpointOf(table, folder, file) },
    // a mirror that is not said to be pushed to is not
    capabilities: new Set(asked.length === 0 ? ['pull', 'resolve'] : asked),
  }
}

/** The route that a `hosts.toml` of a registry says (containerd docs/hosts.md). */
export const parseHostsToml = async (text: string, file: string, domain: string, path: string): Promise<Route> => {
  const folder = resolve(file, '..')
  const table = await parseToml(text, file)
  const fields = fieldsOf(table, file)
  const entries = Object.keys(fields.table('host')).map((server) =>
    hostOf(server, fieldsOf(fields.table('host'), file, 'host.').table(server), folder, file, domain),
  )
  const place = ({ domain: at, endpoint }: Host): Place => ({ domain: at, path, endpoint })
  const server = fields.text('server')
  // without a server it is the registry itself, in whose way of being spoken to only what stands at the top is changed
  const origin: Place =
    server === undefined
      ? { domain, path, endpoint: endpointOf(table, folder, file) }
      : place(hostOf(server, table, folder, file, domain))
  const mirrors = entries
    .filter(({ capabilities }) => capabilities.has('resolve') || capabilities.has('pull'))
    .map((host): Mirror => ({
      ...place(host),
      tags: host.capabilities.has('resolve'),
      content: host.capabilities.has('pull'),
    }))
  const pushed = entries.find(({ capabilities }) => capabilities.has('push'))
  return { kind: 'places', file, mirrors, origin, push: pushed ? place(pushed) : origin }
}

/** containerd's configuration as a routing: the first `hosts.toml` below the folders counts. */
export const hostsTomlRouting = (folders: readonly string[]): Routing => {
  let there: Promise<ReadonlySet<string>> | undefined
  const list = async (): Promise<ReadonlySet<string>> => new Set((await Promise.all(folders.map(listConfiguration))).flat())
  return async (domain, path) => {
    const known = await (there ??= list())
    for (const folder of folders)
      for (const name of folderNames(domain)) {
        if (!known.has(join(folder, name))) continue
        const file = join(folder, name, 'hosts.toml')
        const text = await readConfiguration(file)
        if (text !== undefined) return await parseHostsToml(text, file, domain, path)
      }
    return undefined
  }
}

/** The `hosts.toml` below the folders; an `invalid_argument` error if one cannot be used. */
export const usableHostsToml = async (folders: readonly string[]): Promise<readonly string[]> => {
  const files = (await Promise.all(folders.map(listConfiguration))).flat().map((folder) => join(folder, 'hosts.toml'))
  const texts = await Promise.all(files.map(readConfiguration))
  const there = files.filter((_, index) => texts[index] !== undefined)
  // read as for some repository, which shows what is wrong with it
  for (const [index, file] of files.entries())
    if (texts[index] !== undefined) await parseHostsToml(texts[index], file, 'registry.example', 'a')
  return there
}
