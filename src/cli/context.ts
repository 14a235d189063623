import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { Engine } from '../engine/engine.ts'
import { defaultRoot, defaultRunFolder } from '../lib/default-folders.ts'
import { GantryError } from '../lib/errors.ts'
import { hostPlatform } from '../oci/platform.ts'
import type { CliContext } from './command.ts'
import type { FlagValues } from './flags.ts'
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

/** Builds what a command works with from the process it runs in. */
export const createContext = (flags: FlagValues<typeof globalFlags>, controller: AbortController): CliContext => {
  const environment = process.env
  const facts = { environment, home: homedir(), superuser: process.getuid?.() === 0 }
  const root = resolve(flags.root ?? defaultRoot(facts))
  const driver = storageDriver(flags['storage-driver'] ?? environment.GANTRY_STORAGE_DRIVER)
  const warn = (line: string): void => void process.stderr.write(`${line}\n`)
  const engine = new Engine({
    root,
    runFolder: resolve(defaultRunFolder(facts, root)),
    ...(driver === undefined ? {} : { storageDriver: driver }),
    environment,
    // containers are Linux's: on other systems images are chosen for the Linux of the same processor
    platform: hostPlatform({ arch: process.arch, platform: 'linux' }),
    ...(flags['tls-verify'] === undefined ? {} : { tlsVerify: flags['tls-verify'] }),
    ...(flags['plain-http'] === undefined ? {} : { plainHttp: flags['plain-http'] }),
    userAgent: `gantry/${version} (${process.platform}; ${process.arch})`,
    onWarning: (message) => warn(`warning: ${message}`),
    askPassphrase: async (isNew) => {
      if (!process.stdin.isTTY) return undefined
      const { askPassphrase } = await import('./prompt.ts')
      return await askPassphrase({ stdin: process.stdin, stderr: process.stderr, signal: controller.signal }, isNew)
    },
    selfCommand: [process.execPath, process.argv[1] ?? ''],
    now: () => new Date(),
  })
  const interrupt = (): void => {
    controller.abort(new GantryError('canceled', 'CANCELED', 'Canceled'))
  }
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  return {
    engine,
    environment,
    folder: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: controller.signal,
    releaseSignals: () => {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
    now: () => new Date(),
    print: (line) => void process.stdout.write(`${line}\n`),
    warn,
  }
}
