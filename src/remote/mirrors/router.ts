import { join } from 'node:path'
import type { Environment } from '../../lib/http/proxy.ts'
import { dockerDaemonRouting } from './docker-daemon.ts'
import { hostsTomlRouting } from './hosts-toml.ts'
import { registriesConfRouting } from './registries-conf.ts'
import type { Routing } from './route.ts'

const configFolder = ({ HOME, XDG_CONFIG_HOME }: Environment): string | undefined =>
  XDG_CONFIG_HOME || (HOME && join(HOME, '.config')) || undefined

/**
 * Mirrors, rewrites and insecure registries as podman's registries.conf, containerd's hosts.toml and dockerd's daemon.json say them:
 * the first of the three that knows a name decides all about it. The user's files come before the machine's (`machineFolder`, by
 * default `/etc`). Files are read when a name is first asked for, and once.
 */
export const createRouter = (environment: Environment, machineFolder = '/etc'): Routing => {
  const user = configFolder(environment)
  const below = (path: string): readonly string[] => [...(user ? [join(user, path)] : []), join(machineFolder, path)]
  const routings = [
    registriesConfRouting(environment, user && join(user, 'containers'), join(machineFolder, 'containers')),
    hostsTomlRouting(['containerd/certs.d', 'docker/certs.d'].flatMap((path) => below(path))),
    dockerDaemonRouting(below('docker/daemon.json')),
  ]
  return async (domain, path) => {
    for (const routing of routings) {
      const route = await routing(domain, path)
      if (route !== undefined) return route
    }
    return undefined
  }
}
