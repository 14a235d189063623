import { join } from 'node:path'
import type { Environment } from '../../lib/http/proxy.ts'
import { dockerDaemonRouting, readDaemonJson } from './docker-daemon.ts'
import { hostsTomlRouting, usableHostsToml } from './hosts-toml.ts'
import { readRegistriesConf, registriesConfRouting } from './registries-conf.ts'
import type { Routing } from './route.ts'

const configFolder = ({ HOME, XDG_CONFIG_HOME }: Environment): string | undefined =>
  XDG_CONFIG_HOME || (HOME && join(HOME, '.config')) || undefined

/** Where each kind of file is looked for. */
const routingPlaces = (environment: Environment, machineFolder: string) => {
  const user = configFolder(environment)
  const below = (path: string): readonly string[] => [...(user ? [join(user, path)] : []), join(machineFolder, path)]
  return {
    registriesConf: [environment, user && join(user, 'containers'), join(machineFolder, 'containers')] as const,
    hostsToml: ['containerd/certs.d', 'docker/certs.d'].flatMap((path) => below(path)),
    daemonJson: below('docker/daemon.json'),
  }
}

/** The files that say something about registries; an `invalid_argument` error if one cannot be used. */
export const routingFiles = async (environment: Environment, machineFolder = '/etc'): Promise<readonly string[]> => {
  const { registriesConf, hostsToml, daemonJson } = routingPlaces(environment, machineFolder)
  const entries = await readRegistriesConf(...registriesConf)
  const daemon = await readDaemonJson(daemonJson)
  const saysSomething = daemon !== undefined && daemon.mirrors.length + daemon.insecure.length > 0
  return [
    ...new Set(entries.map(({ file }) => file)),
    ...(await usableHostsToml(hostsToml)),
    ...(saysSomething ? [daemon.file] : []),
  ]
}

/**
 * Mirrors, rewrites and insecure registries as podman's registries.conf, containerd's hosts.toml and dockerd's daemon.json say them:
 * the first of the three that knows a name decides all about it. The user's files come before the machine's (`machineFolder`, by
 * default `/etc`). Files are read when a name is first asked for, and once.
 */
export const createRouter = (environment: Environment, machineFolder = '/etc'): Routing => {
  const { registriesConf, hostsToml, daemonJson } = routingPlaces(environment, machineFolder)
  const routings = [registriesConfRouting(...registriesConf), hostsTomlRouting(hostsToml), dockerDaemonRouting(daemonJson)]
  return async (domain, path) => {
    for (const routing of routings) {
      const route = await routing(domain, path)
      if (route !== undefined) return route
    }
    return undefined
  }
}
