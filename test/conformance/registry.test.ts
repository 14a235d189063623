import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe } from 'node:test'
import type { HttpServer } from '../../src/lib/http/server.ts'
import { openFilesystemStorage, type FilesystemStorage } from '../../src/registry/filesystem/storage.ts'
import { createRegistryServer } from '../../src/registry/server.ts'
import { dropFolder, lacking, startDockerRegistry, stop } from '../support.ts'
import type { Subject } from './client.ts'
import { conformanceSuite } from './suite.ts'

void describe('gantry', () => {
  let folder: string
  let storage: FilesystemStorage
  let server: HttpServer
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gantry-conformance-'))
    storage = await openFilesystemStorage({ folder })
    server = await createRegistryServer({ storage, listen: { host: '127.0.0.1', port: 0 } })
  })
  after(async () => {
    await server.close()
    await storage[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })
  conformanceSuite('distribution-spec 1.1', (): Subject => ({ url: server.address.url }))
})

// The suite itself is tested on a registry of other people's making.
void describe('docker-registry', { skip: lacking(['docker-registry']) }, () => {
  let folder: string
  let registry: Awaited<ReturnType<typeof startDockerRegistry>>
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gantry-conformance-'))
    registry = await startDockerRegistry(folder)
  })
  after(async () => {
    await stop(registry.process)
    dropFolder(folder)
  })
  // what 2.8 is known not to do; some of it the spec leaves open
  conformanceSuite('distribution-spec 1.0', (): Subject => ({ url: `http://${registry.host}` }), [
    'referrers',
    'tag-parameters',
    'tag-deletion',
    'tag-pages',
    'single-post',
    'sha512',
    'repository-errors',
    'conditional',
    'strict-ranges',
    'chunk-order',
    'artifacts',
    'manifest-checks',
    'delete-tags-too',
  ])
})

// any other registry that lets anybody push: CONFORMANCE_URL=http://host:port node --test test/conformance/
const other = process.env['CONFORMANCE_URL']
if (other !== undefined) conformanceSuite(other, () => ({ url: other }))
