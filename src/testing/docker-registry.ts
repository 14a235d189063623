import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Why tests with the distribution project's registry cannot run here, or false. */
export const noDockerRegistry: string | false =
  spawnSync('docker-registry', ['--version']).error === undefined ? false : 'docker-registry is not installed'

/** The process of a registry, with its data in a temporary folder. Disposing ends it and removes all of it. */
export interface DockerRegistry extends AsyncDisposable {
  /** `127.0.0.1:port` */
  readonly host: string
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** What a registry asks of those who come to it. */
export interface DockerRegistryOptions {
  /** A line of user and bcrypt hash: a password is asked for. */
  readonly htpasswd?: string
  /** Files: https is spoken. */
  readonly tls?: { readonly certificate: string; readonly key: string }
}

const configuration = (folder: string, host: string, { htpasswd, tls }: DockerRegistryOptions): string => `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: ${folder}/data}
  delete: {enabled: true}
  maintenance: {uploadpurging: {enabled: false}}
http: {addr: "${host}", secret: test${tls ? `, tls: {certificate: ${tls.certificate}, key: ${tls.key}}` : ''}}
${htpasswd === undefined ? '' : `auth: {htpasswd: {realm: test, path: ${folder}/htpasswd}}\n`}`

/** Over https a question in plain HTTP is answered with 400. */
const answers = async (host: string): Promise<boolean> => {
  try {
    return [200, 400, 401].includes((await fetch(`http://${host}/v2/`)).status)
  } catch {
    return false
  }
}

/** Starts the distribution project's registry on a free port. */
export const startDockerRegistry = async (options: DockerRegistryOptions = {}): Promise<DockerRegistry> => {
  // another process may take the port before the registry does
  for (let attempt = 0; attempt < 3; attempt++) {
    const started = await tryStart(options)
    if (started !== undefined) return started
  }
  throw new Error('docker-registry did not start')
}

const tryStart = async (options: DockerRegistryOptions): Promise<DockerRegistry | undefined> => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-docker-registry-'))
  const host = `127.0.0.1:${await freePort()}`
  if (options.htpasswd !== undefined) await writeFile(join(folder, 'htpasswd'), `${options.htpasswd}\n`)
  await writeFile(join(folder, 'config.yml'), configuration(folder, host, options))
  const env = { ...process.env, OTEL_TRACES_EXPORTER: 'none' }
  const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], { stdio: 'ignore', env })
  const ended = once(child, 'close')
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
    await rm(folder, { recursive: true, force: true })
  }
  for (let wait = 0; wait < 20_000 && child.exitCode === null; wait += 25) {
    if ((await answers(host)) && child.exitCode === null) return { host, [Symbol.asyncDispose]: end }
    await sleep(25)
  }
  await end()
  return undefined
}
