import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { formatDuration } from '../lib/duration.ts'
import type { DiskStore } from '../content/interfaces.ts'
import type { LayerStore } from '../layers/interfaces.ts'
import { Leases } from '../lib/leases.ts'
import type { Platform } from '../oci/descriptor.ts'
import type { RegistryClient } from '../remote/client.ts'
import type { CredentialSource } from '../remote/interfaces.ts'
import type { RuntimeTools } from '../runtime/detect-runtime.ts'

/** Where and as whom the engine works; everything that it would otherwise read from the process. */
export interface EngineOptions {
  /** Everything that must outlive a reboot lies below it. */
  readonly root: string
  /** What need not: run-time state of containers, sockets. */
  readonly runFolder: string
  readonly storageDriver?: 'erofs' | 'folder'
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The platform that images are chosen for when none is asked for. */
  readonly platform: Platform
  /** Default: those of docker and podman, found by the environment. */
  readonly credentials?: CredentialSource
  readonly tlsVerify?: boolean
  readonly plainHttp?: boolean
  readonly userAgent?: string
  readonly onWarning?: (message: string) => void
  /** Asks for the passphrase of encrypted credentials; `isNew` if it is to be chosen. Undefined: there is nobody to ask. */
  readonly askPassphrase?: (isNew: boolean) => Promise<string | undefined>
  /** The command line that starts this gantry: an absolute program and its first arguments. Monitors run it when a container has ended. */
  readonly selfCommand: readonly string[]
  readonly now: () => Date
}

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

/** Milliseconds: a shorter wait is over before it is read. */
const noticeable = 2000

/** Says why nothing happens for a while. */
const retryTeller =
  (warn: (message: string) => void) =>
  (reason: string, wait: number): void => {
    if (wait >= noticeable) warn(`${reason}; trying again in ${formatDuration(wait)}`)
  }

/** The stores and clients of one root, each opened when it is first needed. The composition root: nothing below knows of the others. */
export class Engine implements AsyncDisposable {
  readonly options: EngineOptions
  readonly content: () => Promise<DiskStore>
  readonly layers: () => Promise<LayerStore>
  readonly registry: () => Promise<RegistryClient>
  /** What this process relies on in either store. */
  readonly leases: Leases
  /** The OCI runtime and conmon of this machine. */
  readonly runtime: () => Promise<RuntimeTools>
  #registryOpened = false

  constructor(options: EngineOptions) {
    this.options = options
    this.leases = new Leases(this.path('leases'))
    this.content = once(async () => {
      const { openDiskStore } = await import('../content/disk-store/disk-store.ts')
      return await openDiskStore({ folder: this.path('content'), leases: this.leases })
    })
    this.layers = once(async () => {
      const { openLayerStore } = await import('../layers/open.ts')
      return await openLayerStore({
        root: options.root,
        leases: this.leases,
        ...(options.storageDriver === undefined ? {} : { driver: options.storageDriver }),
      })
    })
    this.runtime = once(async () => {
      const { detectRuntime } = await import('../runtime/detect-runtime.ts')
      return await detectRuntime({ path: options.environment.PATH ?? '', stateFolder: join(this.runFolder, 'runtime') })
    })
    this.registry = once(async () => {
      const { createRegistryClient, createCredentialStore, createRouter, createUploadJournal } =
        await import('../remote/index.ts')
      this.#registryOpened = true
      return createRegistryClient({
        credentials:
          options.credentials ??
          createCredentialStore(options.environment, {
            ...(options.onWarning && { onWarning: options.onWarning }),
            ...(options.askPassphrase && { askPassphrase: options.askPassphrase }),
          }),
        routing: createRouter(options.environment),
        uploads: createUploadJournal({ folder: this.path('uploads'), now: options.now }),
        environment: options.environment,
        ...(options.tlsVerify === undefined ? {} : { tlsVerify: options.tlsVerify }),
        ...(options.plainHttp === undefined ? {} : { plainHttp: options.plainHttp }),
        ...(options.userAgent === undefined ? {} : { userAgent: options.userAgent }),
        ...(options.onWarning === undefined ? {} : { onWarning: options.onWarning, onRetry: retryTeller(options.onWarning) }),
      })
    })
  }

  /** A path below the root. */
  path(...parts: readonly string[]): string {
    return join(this.options.root, ...parts)
  }

  /** A folder below the run folder that no other root shares. */
  get runFolder(): string {
    return join(this.options.runFolder, createHash('sha256').update(this.options.root).digest('hex').slice(0, 12))
  }

  /** Closes idle connections; nothing else is held open. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#registryOpened) (await this.registry()).close()
  }
}
