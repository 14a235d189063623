import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isGantryError } from '../lib/errors.ts'
import { describe } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { startFaultyRegistry, type FaultyRegistry } from '../testing/faulty-registry.ts'
import { answerJson, done, type HttpPeer } from '../testing/http-peer.ts'
import { startPlayedHub } from '../testing/play-hub.ts'
import { startTokenServer, type TokenServer, type TokenServerOptions } from '../testing/token-server.ts'
import { createRegistryClient, type RegistryClientOptions } from './client.ts'
import type { Credentials, RegistryClient } from './interfaces.ts'
import { login } from './login.ts'

const manifest = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: describe(Buffer.from('{}'), mediaTypes.ociEmpty),
  layers: [],
}
const ann: Credentials = { kind: 'password', username: 'ann', password: 'secret' }

const clientOf = (credentials?: Credentials, options: RegistryClientOptions = {}): RegistryClient =>
  createRegistryClient({
    // oxlint-disable-next-line require-await
    credentials: { get: async () => credentials },
    retryDelay: 1,
    certificateFolders: [],
    ...options,
  })

interface Pair extends AsyncDisposable {
  readonly registry: FaultyRegistry
  readonly tokens: TokenServer
}

/** A registry and its token server; `challenge` writes the header anew. */
const start = async (
  options: TokenServerOptions = {},
  challenge: (honest: string) => string | string[] = (honest) => honest,
): Promise<Pair> => {
  const tokens = await startTokenServer(options)
  const registry = await startFaultyRegistry()
  registry.fault((request, response) => {
    const scope = request.path === '/v2/' ? '' : 'repository:a/b:pull'
    const honest = tokens.challenge(request, scope)
    return honest !== undefined && done(response.writeHead(401, { 'www-authenticate': challenge(honest) }).end())
  })
  registry.addManifest('a/b', 'v1', manifest)
  const end = async (): Promise<void> => {
    await registry[Symbol.asyncDispose]()
    await tokens[Symbol.asyncDispose]()
  }
  return { registry, tokens, [Symbol.asyncDispose]: end }
}

const challenges: readonly (readonly [name: string, (honest: string) => string | string[]])[] = [
  ['its scheme in other letters', (honest) => honest.replace('Bearer', 'bEARER')],
  ['names of parameters in other letters, and spaces', (honest) => honest.replace('realm=', 'REALM = ').replaceAll(',', ' , ')],
  ['commas and escaped quotes in strings', (honest) => `${honest},title="a, \\"b\\", Basic realm=\\\\"`],
  ['Basic beside it, after', (honest) => `${honest}, Basic realm="x"`],
  ['Basic beside it, before', (honest) => `Basic realm="x, y", ${honest}`],
  ['what nobody knows before it', (honest) => `Negotiate YWJj==, Digest realm="a", nonce="b,c", ${honest}`],
  ['several headers', (honest) => ['Negotiate', 'Basic realm="x"', honest]],
  ['values without quotes', (honest) => honest.replace('service="registry.example"', 'service=registry.example')],
]

for (const [name, write] of challenges)
  test(`a challenge is read that has ${name}`, async () => {
    await using pair = await start({ users: { ann: 'secret' } }, write)
    using client = clientOf(ann)
    const found = await client.repository({ domain: pair.registry.host, path: 'a/b' }).resolve('v1')
    assert.equal(found.mediaType, mediaTypes.ociManifest)
    const [request] = pair.tokens.requests
    assert.deepEqual(request && [...request.query], [
      ['service', 'registry.example'],
      ['scope', 'repository:a/b:pull'],
      ['account', 'ann'],
    ])
    assert.ok(pair.registry.requests.every(({ headers }) => headers.authorization?.startsWith('Basic') !== true))
  })

const answers: readonly (readonly [name: string, (token: string) => object])[] = [
  ['token', (token) => ({ token })],
  ['access_token', (token) => ({ access_token: token })],
  ['both', (token) => ({ token, access_token: token })],
  ['an empty token and an access_token', (token) => ({ token: '', access_token: token })],
  [
    'a lifetime of null, and an issue date in the future',
    (token) => ({ token, expires_in: null, issued_at: '2999-01-01T00:00:00Z' }),
  ],
]

for (const [name, body] of answers)
  test(`a token server's answer is taken that has ${name}`, async () => {
    await using pair = await start()
    pair.tokens.fault((request, response) => {
      pair.tokens.tokens.set('given', request.query.getAll('scope'))
      return answerJson(response, 200, body('given'))
    })
    using client = clientOf()
    const repository = client.repository({ domain: pair.registry.host, path: 'a/b' })
    await repository.resolve('v1')
    await repository.resolve('v1')
    assert.equal(pair.tokens.requests.length, 1)
  })

for (const status of [400, 401, 404, 405])
  test(`an identity token is sent with GET when POST is answered with ${status}`, async () => {
    await using pair = await start({ users: { '<token>': 'refresh' } })
    pair.tokens.fault(({ method }, response) => method === 'POST' && done(response.writeHead(status).end('<html>')))
    using client = clientOf({ kind: 'identity-token', token: 'refresh' })
    await client.repository({ domain: pair.registry.host, path: 'a/b' }).resolve('v1')
    assert.deepEqual(
      pair.tokens.requests.map(({ method }) => method),
      ['POST', 'GET'],
    )
  })

test('login() asks for a refresh token and answers it in place of the password, by GET and by POST', async () => {
  for (const options of [{}, { get: false }]) {
    await using pair = await start({ users: { ann: 'secret' }, fields: { refresh_token: 'refresh' }, ...options })
    using client = clientOf()
    const kept = await login(client, pair.registry.host, { username: 'ann', password: 'secret' })
    assert.deepEqual(kept, { username: 'ann', credentials: { kind: 'identity-token', token: 'refresh' } })
    const request = pair.tokens.requests.at(-1)
    const form = new URLSearchParams(String(await request?.body()))
    assert.equal(request?.query.get('offline_token') ?? form.get('access_type'), request?.method === 'GET' ? 'true' : 'offline')
  }
  await using plain = await start({ users: { ann: 'secret' } })
  using client = clientOf()
  assert.deepEqual(await login(client, plain.registry.host, { username: 'ann', password: 'secret' }), {
    username: 'ann',
    credentials: ann,
  })
})

test('a pull asks for no refresh token, and with one in the answer goes on as usual', async () => {
  await using pair = await start({ fields: { refresh_token: 'refresh' } })
  using client = clientOf()
  await client.repository({ domain: pair.registry.host, path: 'a/b' }).resolve('v1')
  assert.equal(pair.tokens.requests[0]?.query.has('offline_token'), false)
})

test('a registry that grants less than it wants is asked twice, and then denied', async () => {
  await using pair = await start({ grant: () => [] })
  using client = clientOf(ann)
  await assert.rejects(client.repository({ domain: pair.registry.host, path: 'a/b' }).resolve('v1'), (error) => {
    assert.ok(isGantryError(error, 'unauthenticated'))
    assert.equal(
      error.message.replace(pair.registry.host, 'HOST'),
      "pull access denied for HOST/a/b, repository does not exist or may require 'docker login': unauthorized: authentication required",
    )
    return true
  })
  assert.ok(pair.tokens.requests.length <= 2)
})

const pulls = ({ requests }: HttpPeer, path: string): readonly string[] =>
  requests
    .filter((request) => request.path === path)
    .map(({ method, headers }) => `${method}${headers.authorization ? '' : ' anonymous'}`)

test('Docker Hub is asked by its own names, with a token for nobody in particular, and HEAD costs no pull', async () => {
  await using hub = await startPlayedHub()
  const target = hub.registry.addManifest('library/busybox', 'latest', manifest)
  using client = clientOf(undefined, { routing: hub.routing })
  const repository = client.repository({ domain: 'docker.io', path: 'library/busybox' })
  for (const name of ['latest', 'docker.io/busybox', 'index.docker.io/library/busybox:latest'])
    assert.deepEqual(await repository.resolve(name), target)
  assert.deepEqual(pulls(hub.registry, '/v2/library/busybox/manifests/latest'), ['HEAD anonymous', 'HEAD', 'HEAD', 'HEAD'])
  assert.deepEqual(
    hub.tokens.requests.map(({ query }) => [...query]),
    [
      [
        ['service', 'registry.docker.io'],
        ['scope', 'repository:library/busybox:pull'],
      ],
    ],
  )
  assert.equal(hub.remaining, 100)
  await repository.manifest(target.digest)
  assert.equal(hub.remaining, 99)
})

test("Docker Hub's limit is told when it is about to run out, and when it has", async () => {
  await using hub = await startPlayedHub()
  const target = hub.registry.addManifest('library/busybox', 'latest', manifest)
  const warnings: string[] = []
  using client = clientOf(undefined, { routing: hub.routing, onWarning: (message) => warnings.push(message) })
  const pull = async (): Promise<void> => {
    // another repository object, which has kept nothing
    await client.repository({ domain: 'docker.io', path: 'library/busybox' }).manifest(target.digest)
  }
  hub.remaining = 12
  await pull()
  assert.deepEqual(warnings, [])
  await pull()
  await pull()
  hub.remaining = 1
  await pull()
  assert.deepEqual(warnings, [
    'of 100 pulls in 6 hours, which "docker.io" allows, 10 are left',
    'of 100 pulls in 6 hours, which "docker.io" allows, none is left',
  ])
  await assert.rejects(pull(), (error) => {
    assert.ok(isGantryError(error, 'resource_exhausted'))
    assert.equal(
      error.message,
      `Cannot pull "busybox@${target.digest}": toomanyrequests: You have reached your unauthenticated pull rate limit.`,
    )
    assert.equal(error.hint, 'the limit is 100 pulls in 6 hours; wait, or log in for a higher limit: gantry login docker.io')
    return true
  })
})
