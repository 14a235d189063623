import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemCode } from '../lib/errors.ts'
import { containerHostname, createRuntimeSpec } from './create-runtime-spec.ts'
import type { RuntimeTools } from './detect-runtime.ts'
import { canLimitDevices } from './host-facts.ts'
import type { ContainerSpec } from './interfaces.ts'
import { networkFiles } from './network-files.ts'
import type { RuntimeSpec } from './runtime-spec.ts'
import { compiledFilter, filterAnnotation } from './seccomp-cache.ts'
import { resolveUser, type ReadRootFile } from './user.ts'

export interface BundleOptions {
  readonly spec: ContainerSpec
  /** Where the root file system will be; absolute. */
  readonly root: string
  readonly tools: RuntimeTools
  readonly readRootFile: ReadRootFile
}

/**
 * Writes what the OCI runtime and the container's resolver read into `folder` (config.json, hosts, hostname, resolv.conf), and
 * makes the folders that bind mounts name and that are not there, as docker's `-v` does.
 */
export const writeBundle = async (folder: string, options: BundleOptions): Promise<RuntimeSpec> => {
  const { spec, tools } = options
  const { host } = tools
  const user = await resolveUser(spec.user, options.readRootFile)
  const hosts = hostFile('/etc/hosts')
  const resolvConf = hostFile('/etc/resolv.conf')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const files = { hosts: join(folder, 'hosts'), hostname: join(folder, 'hostname'), resolvConf: join(folder, 'resolv.conf') }
  const texts = networkFiles(spec, containerHostname(spec, host), { hosts, resolvConf })
  const plain = createRuntimeSpec(spec, {
    root: options.root,
    host,
    limitDevices: canLimitDevices(host, tools.runtime.kind),
    user,
    files,
  })
  const filter = plain.linux.seccomp === undefined ? undefined : compiledFilter(tools, plain.linux.seccomp)
  const runtimeSpec: RuntimeSpec = filter === undefined ? plain : { ...plain, annotations: { [filterAnnotation]: filter } }
  // variables may be secrets
  writeFileSync(join(folder, 'config.json'), JSON.stringify(runtimeSpec), { mode: 0o600 })
  writeFileSync(files.hosts, texts.hosts)
  writeFileSync(files.hostname, texts.hostname)
  writeFileSync(files.resolvConf, texts.resolvConf)
  for (const bind of spec.binds) makeSource(bind.source)
  return runtimeSpec
}

const hostFile = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}

const makeSource = (path: string): void => {
  if (statSync(path, { throwIfNoEntry: false }) === undefined) mkdirSync(path, { recursive: true })
}
