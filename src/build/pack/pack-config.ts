import type { ExecutionConfig } from '../../oci/image-config.ts'
import { parseExposedPort } from '../plan/ports.ts'
import type { Entrypoint } from './entrypoint.ts'
import { packageLabels } from './labels.ts'
import type { Manifest } from './manifest.ts'

export interface ConfigOptions {
  readonly base: ExecutionConfig
  readonly manifest: Manifest
  /** The folder that the program runs in. */
  readonly folder: string
  readonly entrypoint: Entrypoint
  /** Folders that come before others in PATH. */
  readonly path: readonly string[]
  readonly user: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  readonly expose: readonly string[]
}

/** The user of official images of Node.js, by number: what checks that a container is not root cannot read names. */
const defaultUser = '1000:1000'

/** The config of a packed image: that of its base image, but for how it starts. */
export const packConfig = (options: ConfigOptions): ExecutionConfig => {
  const { base, manifest, folder, entrypoint, path, user, env, labels, expose } = options
  const { Cmd: _command, OnBuild: _triggers, ArgsEscaped: _escaped, ...kept } = base
  const ports = expose.flatMap(parseExposedPort)
  const before = environmentOf(base.Env ?? [])
  const after = new Map(before)
  if (path.length > 0) after.set('PATH', [...path, before.get('PATH') ?? usualPath].join(':'))
  if (!before.has('NODE_ENV')) after.set('NODE_ENV', 'production')
  for (const [name, value] of [...entrypoint.variables, ...Object.entries(env)]) after.set(name, value)
  return {
    ...kept,
    Env: [...after].map(([name, value]) => `${name}=${value}`),
    Entrypoint: entrypoint.words,
    WorkingDir: folder,
    User: user ?? (/^[1-9]\d*(?::\d+)?$/.test(base.User ?? '') ? base.User : undefined) ?? defaultUser,
    Labels: sorted({ ...base.Labels, ...packageLabels(manifest), ...labels }),
    ...(ports.length === 0
      ? {}
      : { ExposedPorts: sorted({ ...base.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) }) }),
  }
}

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

const environmentOf = (lines: readonly string[]): ReadonlyMap<string, string> =>
  new Map(lines.map((line) => [line.replace(/=.*$/s, ''), line.slice(line.indexOf('=') + 1)]))

const sorted = <T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)))
