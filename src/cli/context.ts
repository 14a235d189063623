import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { Engine } from '../engine/engine.ts'
import { defaultRoot, defaultRunFolder } from '../lib/default-folders.ts'
import { GantryError } from '../lib/errors.ts'
import { hostPlatform } from '../oci/platform.ts'
import type { CliContext } from './command.ts'
import type { FlagValues } from './flags.ts'
import type { StandardStreams } from './standard-streams.ts'
import { version } from './version.ts'

/** Flags before the command. */
export const globalFlags = {
  root: { type: 'string', value: 'DIR', help: 'Where images and containers are kept' },
  'storage-driver': { type: 'string', value: 'NAME', help: 'How layers are kept: erofs or folder' },
  'tls-verify': { type: 'boolean', help: 'Check certificates of registries (default true)' },
  'plain-http': { type: 'boolean', help: 'Speak plain HTTP to registries' },
  debug: { type: 'boolean', help: 'Show the chain of causes of an error' },
  version: { type: 'boolean', short: 'v', help: 'Show the version' },
  help: { type: 'boolean', short: 'h', help: 'Show the help' },
} as const

const storageDriver = (name: string | undefined): 'erofs' | 'folder' | undefined => {
  if (name === undefined || name === 'erofs' || name === 'folder') return name
  throw new GantryError('invalid_argument', 'USAGE', `unknown storage driver: ${name}`, { hint: 'erofs and folder are known' })
}

/** Builds what a command works with from the process it runs in. What takes time to make is made when it is first asked for. */
export const createContext = (flags: FlagValues<typeof globalFlags>, streams: StandardStreams): CliContext => {
  const environment = process.env
  const facts = {
    environment,
    superuser: process.getuid?.() === 0,
    get home() {
      return homedir()
    },
  }
  const root = resolve(flags.root ?? defaultRoot(facts))
  const driver = storageDriver(flags['storage-driver'] ?? environment.GANTRY_STORAGE_DRIVER)
  const interruption = createInterruption()
  const warn = (line: string): void => streams.write('stderr', `${line}\n`)
  const engine = new Engine({
    root,
    runFolder: resolve(defaultRunFolder(facts, root)),
    ...(driver === undefined ? {} : { storageDriver: driver }),
    environment,
    // containers are Linux's: on other systems images are chosen for the Linux of the same processor
    get platform() {
      return hostPlatform({ arch: process.arch, platform: 'linux' })
    },
    ...(flags['tls-verify'] === undefined ? {} : { tlsVerify: flags['tls-verify'] }),
    ...(flags['plain-http'] === undefined ? {} : { plainHttp: flags['plain-http'] }),
    userAgent: `gantry/${version} (${process.platform}; ${process.arch})`,
    onWarning: (message) => warn(`warning: ${message}`),
    askPassphrase: async (isNew) => {
      const { stdin, stderr } = streams
      if (!stdin.isTTY) return undefined
      const { askPassphrase } = await import('./prompt.ts')
      return await askPassphrase({ stdin, stderr, signal: interruption.signal }, isNew)
    },
    selfCommand: [process.execPath, process.argv[1] ?? ''],
    now: () => new Date(),
  })
  return {
    engine,
    environment,
    folder: process.cwd(),
    get stdin() {
      return streams.stdin
    },
    get stdout() {
      return streams.stdout
    },
    get stderr() {
      return streams.stderr
    },
    get signal() {
      return interruption.signal
    },
    releaseSignals: interruption.release,
    now: () => new Date(),
    write: (text) => streams.write('stdout', text),
    print: (line) => streams.write('stdout', `${line}\n`),
    warn,
  }
}

/** Ctrl-C and SIGTERM as a signal. Until a command asks for it, they end the process as they do any other. */
const createInterruption = (): { readonly signal: AbortSignal; readonly release: () => void } => {
  let controller: AbortController | undefined
  const interrupt = (): void => controller?.abort(new GantryError('canceled', 'CANCELED', 'Canceled'))
  return {
    get signal() {
      if (controller === undefined) {
        controller = new AbortController()
        process.once('SIGINT', interrupt)
        process.once('SIGTERM', interrupt)
      }
      return controller.signal
    },
    release: () => {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
  }
}
