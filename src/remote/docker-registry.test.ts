import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { collect, streamOf, type ByteStream } from '../lib/bytes.ts'
import { describe, encodeJson } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { noDockerRegistry as skip, startDockerRegistry } from '../testing/docker-registry.ts'
import { done, startPeer } from '../testing/http-peer.ts'
import { createCredentialStore, createRegistryClient, login } from './index.ts'

const bytes = randomBytes(2_000_000)
const layer = describe(bytes, mediaTypes.ociLayer)
const emptyConfig = describe(Buffer.from('{}'), mediaTypes.ociEmpty)
/** bcrypt of "pa:ss wörd" */
const htpasswd = 'ann:$2b$04$FSGYlpZ6AXWBljmpFdD1l.I05uFvsiiPC7NGxclE2A2OnhuZXn.Au'

const manifestOf = (more: object = {}) => {
  const body = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: emptyConfig, layers: [layer], ...more }
  const content = encodeJson(body)
  return { content, descriptor: describe(content, mediaTypes.ociManifest) }
}

test('an image is pushed, listed, mounted, pulled in ranges and deleted', { skip }, async () => {
  await using registry = await startDockerRegistry()
  using client = createRegistryClient({ certificateFolders: [] })
  const repository = client.repository({ domain: registry.host, path: 'a/b' })
  await assert.rejects(repository.tags(), { code: 'NAME_UNKNOWN' })
  await assert.rejects(repository.resolve('v1'), {
    kind: 'not_found',
    message: `manifest for ${registry.host}/a/b:v1 not found: manifest unknown: manifest unknown`,
  })
  await repository.write(layer, streamOf(bytes))
  const { content, descriptor } = manifestOf()
  await assert.rejects(repository.write(descriptor, streamOf(content)), { code: 'MANIFEST_BLOB_UNKNOWN' })
  await repository.write(emptyConfig, streamOf(Buffer.from('{}')))
  await repository.write(descriptor, streamOf(content))
  for (let tag = 0; tag < 12; tag++) await repository.tag(`t${tag}`, descriptor)
  assert.equal((await repository.tags()).length, 12)
  assert.equal((await repository.tags({ limit: 2 })).length, 2)
  assert.deepEqual(await client.catalog(registry.host), ['a/b'])
  assert.deepEqual(await collect(await repository.open(layer, { range: { start: 10, end: 20 } }), 100), bytes.subarray(10, 20))
  const other = client.repository({ domain: registry.host, path: 'c' }, { mountFrom: ['a/b'] })
  assert.equal(await other.mount(layer), true)
  assert.equal(await other.has(layer), true)
  assert.equal(await other.mount({ ...layer, digest: emptyConfig.digest }), true)
  await assert.rejects(repository.deleteTag('t0'), { kind: 'unsupported' })
  assert.equal(await repository.deleteManifest(descriptor.digest), true)
  assert.equal(await repository.has(descriptor), false)
})

test('referrers are kept under a tag', { skip }, async () => {
  await using registry = await startDockerRegistry()
  using client = createRegistryClient({ certificateFolders: [] })
  const repository = client.repository({ domain: registry.host, path: 'a/b' })
  await repository.write(layer, streamOf(bytes))
  await repository.write(emptyConfig, streamOf(Buffer.from('{}')))
  const subject = manifestOf()
  const signature = manifestOf({ subject: subject.descriptor, artifactType: 'application/x.sig', annotations: { a: 'b' } })
  for (const { content, descriptor } of [subject, signature]) await repository.write(descriptor, streamOf(content))
  const expected = [{ ...signature.descriptor, artifactType: 'application/x.sig', annotations: { a: 'b' } }]
  assert.deepEqual(await repository.referrers(subject.descriptor.digest, { artifactType: 'application/x.sig' }), expected)
  assert.equal(await repository.deleteManifest(signature.descriptor.digest), true)
  assert.deepEqual(await repository.referrers(subject.descriptor.digest), [])
})

test('an upload that breaks goes on or starts again, in chunks if need be', { skip }, async () => {
  await using registry = await startDockerRegistry()
  // passes everything on to the registry, and breaks the first upload in the middle
  let broken = 0
  await using relay = await startPeer(async (request, response) => {
    const upstream = new URL(request.incoming.url ?? '/', `http://${registry.host}`)
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !['connection', 'content-length'].includes(name)),
    )
    const breaks = request.method === 'PUT' && request.path.includes('/uploads/') && broken++ === 0
    let passed = 0
    async function* half(): ByteStream {
      for await (const chunk of request.incoming) {
        yield chunk as Buffer
        passed += (chunk as Buffer).length
        if (breaks && passed > 1_000_000) {
          request.incoming.socket.destroy()
          return
        }
      }
    }
    const hasBody = request.method === 'PUT' || request.method === 'PATCH'
    const init = hasBody ? { body: ReadableStream.from(half()), duplex: 'half' as const } : {}
    const answer = await fetch(upstream, {
      method: request.method,
      headers: { ...(headers as Record<string, string>), 'x-forwarded-host': request.headers.host ?? '' },
      redirect: 'manual',
      ...init,
    })
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(Buffer.from(await answer.arrayBuffer()))
    return true
  })
  using client = createRegistryClient({ certificateFolders: [], retryDelay: 1 })
  const repository = client.repository({ domain: relay.host, path: 'a/b' })
  // oxlint-disable-next-line require-await
  const open = async (offset: number): Promise<ByteStream> =>
    (async function* chunks(): ByteStream {
      for (let start = offset; start < bytes.length; start += 100_000) {
        yield bytes.subarray(start, Math.min(start + 100_000, bytes.length))
        await new Promise(setImmediate)
      }
    })()
  await repository.writeFrom(layer, open)
  assert.equal(broken, 2)
  assert.deepEqual(await collect(await repository.open(layer), 1e7), bytes)
  await repository.deleteBlob(layer.digest)
  relay.faultTimes(
    1,
    ({ method }) => method === 'PUT',
    (_request, response) => done(response.writeHead(413, { connection: 'close' }).end()),
  )
  await repository.writeFrom(layer, open)
  assert.deepEqual(
    relay.requests.slice(-2).map(({ method }) => method),
    ['PATCH', 'PUT'],
  )
  assert.deepEqual(await collect(await repository.open(layer), 1e7), bytes)
})

test('login() checks a password, and what is stored opens the registry', { skip }, async () => {
  await using registry = await startDockerRegistry({ htpasswd })
  const folder = await mkdtemp(join(tmpdir(), 'gantry-login-'))
  const store = createCredentialStore({ HOME: folder })
  const password = 'pa:ss wörd'
  using anonymous = createRegistryClient({ certificateFolders: [], credentials: store })
  const name = { domain: registry.host, path: 'a/b' }
  await assert.rejects(anonymous.repository(name).resolve('v1'), { kind: 'unauthenticated', code: 'UNAUTHORIZED' })
  await assert.rejects(
    login(anonymous, registry.host, { username: 'ann', password: 'wrong' }),
    (error: Error & { hint?: string }) => {
      assert.equal(error.message, `Cannot log in to "${registry.host}": unauthorized: authentication required`)
      assert.match(error.hint ?? '', /password/)
      return true
    },
  )
  const accepted = await login(anonymous, registry.host, { username: 'ann', password })
  await store.store({ domain: registry.host }, accepted)
  using client = createRegistryClient({ certificateFolders: [], credentials: store })
  await client.repository(name).write(layer, streamOf(bytes))
  assert.equal(await client.repository(name).has(layer), true)
  await rm(folder, { recursive: true })
})
