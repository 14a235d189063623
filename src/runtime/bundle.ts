import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
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
  const [user, hosts, resolvConf] = await Promise.all([
    resolveUser(spec.user, options.readRootFile),
    hostFile('/etc/hosts'),
    hostFile('/etc/resolv.conf'),
    mkdir(folder, { recursive: true, mode: 0o700 }),
  ])
  const files = { hosts: join(folder, 'hosts'), hostname: join(folder, 'hostname'), resolvConf: join(folder, 'resolv.conf') }
  const texts = networkFiles(spec, containerHostname(spec, host), { hosts, resolvConf })
  const plain = createRuntimeSpec(spec, {
    root: options.root,
    host,
    limitDevices: canLimitDevices(host, tools.runtime.kind),
    user,
    files,
  })
  const filter = plain.linux.seccomp === undefined ? undefined : await compiledFilter(tools, plain.linux.seccomp)
  const runtimeSpec: RuntimeSpec = filter === undefined ? plain : { ...plain, annotations: { [filterAnnotation]: filter } }
  await Promise.all([
    // variables may be secrets
    writeFile(join(folder, 'config.json'), JSON.stringify(runtimeSpec), { mode: 0o600 }),
    writeFile(files.hosts, texts.hosts),
    writeFile(files.hostname, texts.hostname),
    writeFile(files.resolvConf, texts.resolvConf),
    ...spec.binds.map((bind) => makeSource(bind.source)),
  ])
  return runtimeSpec
}

const hostFile = async (path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return ''
    throw error
  }
}

const makeSource = async (path: string): Promise<void> => {
  try {
    await stat(path)
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    await mkdir(path, { recursive: true })
  }
}
