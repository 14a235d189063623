import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { GantryError, systemCode } from '../lib/errors.ts'
import type { TlsSettings } from '../lib/http/client.ts'
import type { Environment } from '../lib/http/proxy.ts'

/** The folders whose `HOST:PORT` subfolders hold certificates, as podman and docker look for them: the user's own before the machine's. */
export const certificateFolders = ({ HOME, XDG_CONFIG_HOME }: Environment): readonly string[] => {
  const config = XDG_CONFIG_HOME || (HOME && join(HOME, '.config'))
  const own = config ? [join(config, 'containers/certs.d'), join(config, 'docker/certs.d')] : []
  return [...own, '/etc/containers/certs.d', '/etc/docker/certs.d']
}

const list = async (folder: string): Promise<readonly string[] | undefined> => {
  try {
    return await readdir(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR' || systemCode(error) === 'EACCES') return undefined
    throw error
  }
}

/** `host` for `host:443`, and the other way round; `docker.io` for the host of its API. */
const namesOf = (host: string): readonly string[] => {
  const hub = host === 'registry-1.docker.io' ? ['docker.io'] : []
  return [host, ...hub, host.endsWith(':443') ? host.slice(0, -4) : `${host}:443`]
}

/**
 * What a host's folder holds: `*.crt` are authorities, `*.cert` with the `*.key` of the same name is what we show of ourselves
 * (docker docs: "Verify repository client with certificates"). The first folder that is there counts.
 */
export const readCertificates = async (folders: readonly string[], host: string): Promise<Omit<TlsSettings, 'verify'>> => {
  for (const folder of folders.flatMap((folder) => namesOf(host).map((name) => join(folder, name)))) {
    const files = await list(folder)
    if (files === undefined) continue
    const read = (file: string): Promise<string> => readFile(join(folder, file), 'utf8')
    const sorted = files.toSorted()
    const authorities = await Promise.all(sorted.filter((file) => file.endsWith('.crt')).map(read))
    const own = sorted.find((file) => file.endsWith('.cert'))
    if (own === undefined) return { authorities }
    const key = `${own.slice(0, -'.cert'.length)}.key`
    if (!files.includes(key))
      throw new GantryError(
        'failed_precondition',
        'KEY_MISSING',
        `Cannot use "${join(folder, own)}": missing key ${key} for client certificate ${own}`,
      )
    return { authorities, clientCertificate: { certificate: await read(own), key: await read(key) } }
  }
  return {}
}
