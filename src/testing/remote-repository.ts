import { after } from 'node:test'
import { createRegistryClient } from '../remote/client.ts'
import type { RemoteRepository } from '../remote/interfaces.ts'
import { testImageStore } from './content-store-images.ts'
import { testContentSink, type Fixture } from './content-store.ts'

/** Registers the suites of a content sink and of a store of images for repositories of a registry, which is started when it is needed. */
export const testRemoteRepository = (name: string, start: () => Promise<AsyncDisposable & { readonly host: string }>): void => {
  let registry: ReturnType<typeof start> | undefined
  let count = 0
  after(async () => await (await registry)?.[Symbol.asyncDispose]())
  const create = async (): Promise<Fixture<RemoteRepository>> => {
    const { host } = await (registry ??= start())
    const client = createRegistryClient({ certificateFolders: [] })
    return {
      subject: client.repository({ domain: host, path: `test/r${count++}` }),
      // oxlint-disable-next-line require-await
      [Symbol.asyncDispose]: async () => client.close(),
    }
  }
  testContentSink(name, create)
  testImageStore(name, create, { reference: (tag) => tag })
}
