import { after, test } from 'node:test'
import { testImageStore } from '../testing/content-store-images.ts'
import { testContentSink, type Fixture } from '../testing/content-store.ts'
import { noDockerRegistry, startDockerRegistry } from '../testing/docker-registry.ts'
import { startFaultyRegistry } from '../testing/faulty-registry.ts'
import { startTestRegistry } from '../testing/registry-server.ts'
import { createRegistryClient } from './client.ts'
import type { RemoteRepository } from './interfaces.ts'

/** Registers the suites of a content sink and of a store of images for repositories of one registry, which is started when it is needed. */
const testRepository = (name: string, start: () => Promise<AsyncDisposable & { readonly host: string }>): void => {
  let registry: ReturnType<typeof start> | undefined
  let count = 0
  after(async () => await (await registry)?.[Symbol.asyncDispose]())
  const create = async (): Promise<Fixture<RemoteRepository>> => {
    const { host } = await (registry ??= start())
    const client = createRegistryClient({ certificateFolders: [] })
    // oxlint-disable-next-line require-await
    return {
      subject: client.repository({ domain: host, path: `test/r${count++}` }),
      [Symbol.asyncDispose]: async () => client.close(),
    }
  }
  testContentSink(name, create)
  testImageStore(name, create, { reference: (tag) => tag })
}

testRepository('a repository of a registry that can do everything', startFaultyRegistry)
testRepository('a repository of a registry that can do little', () =>
  startFaultyRegistry({ mount: false, referrers: false, digestHeader: false, absoluteLocations: true }),
)
testRepository('a repository of our registry', startTestRegistry)
if (noDockerRegistry === false) testRepository("a repository of the distribution project's registry", startDockerRegistry)
else test("a repository of the distribution project's registry", { skip: noDockerRegistry })
