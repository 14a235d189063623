import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copy } from '../content/copy.ts'
import { openDiskStore } from '../content/disk-store/disk-store.ts'
import type { ContentSink } from '../content/interfaces.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { createRegistryClient } from '../remote/index.ts'
import { startTestRegistry, type TestRegistry, type TestRegistryOptions } from '../testing/registry-server.ts'
import { Engine, type EngineOptions } from './engine.ts'

/** An engine with a root of its own beside a registry in this process; disposing removes both. */
export class TestEngine implements AsyncDisposable {
  readonly folder: string
  readonly engine: Engine
  readonly registry: TestRegistry

  private constructor(folder: string, engine: Engine, registry: TestRegistry) {
    this.folder = folder
    this.engine = engine
    this.registry = registry
  }

  static async start(options: Partial<EngineOptions> = {}, registryOptions: TestRegistryOptions = {}): Promise<TestEngine> {
    const folder = await mkdtemp(join(tmpdir(), 'gantry-engine-'))
    const engine = new Engine({
      root: join(folder, 'root'),
      runFolder: join(folder, 'run'),
      storageDriver: 'folder',
      environment: { DOCKER_CONFIG: join(folder, 'docker') },
      platform: { os: 'linux', architecture: 'amd64' },
      selfCommand: [],
      now: () => new Date(Date.UTC(2024, 5, 1)),
      ...options,
    })
    return new TestEngine(folder, engine, await startTestRegistry(registryOptions))
  }

  /** The name of a repository of the registry. */
  name(path: string): string {
    return `${this.registry.host}/${path}`
  }

  /** Puts what `make` writes into the registry under the tags. */
  async publish(path: string, tags: readonly string[], make: (sink: ContentSink) => Promise<Descriptor>): Promise<Descriptor> {
    const store = await openDiskStore({ folder: join(this.folder, 'published') })
    const target = await make(store)
    using client = createRegistryClient()
    const repository = client.repository({ domain: this.registry.host, path }, { mountFrom: [] })
    return await copy(store, repository, { from: target, to: tags })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine[Symbol.asyncDispose]()
    await this.registry[Symbol.asyncDispose]()
    await rm(this.folder, { recursive: true, force: true })
  }
}
