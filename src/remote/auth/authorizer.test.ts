import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { streamOf } from '../../lib/bytes.ts'
import { isGantryError, type GantryError } from '../../lib/errors.ts'
import { describe } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { startFaultyRegistry, type FaultyRegistry, type FaultyRegistryOptions } from '../../testing/faulty-registry.ts'
import { answerJson, done } from '../../testing/http-peer.ts'
import { startTokenServer, type TokenServer, type TokenServerOptions } from '../../testing/token-server.ts'
import { createRegistryClient, type RegistryClientOptions } from '../client.ts'
import type { Credentials, RegistryClient } from '../interfaces.ts'

interface Peers extends AsyncDisposable {
  readonly registry: FaultyRegistry
  readonly tokens: TokenServer
  readonly client: (credentials?: Credentials, options?: RegistryClientOptions) => RegistryClient
}

const config = describe(Buffer.from('{}'), mediaTypes.ociEmpty)
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }

const start = async (tokenOptions: TokenServerOptions = {}, registryOptions: FaultyRegistryOptions = {}): Promise<Peers> => {
  const tokens = await startTokenServer(tokenOptions)
  const registry = await startFaultyRegistry({ challenge: tokens.challenge, ...registryOptions })
  registry.addManifest('a/b', 'v1', manifest)
  const clients: RegistryClient[] = []
  return {
    registry,
    tokens,
    client: (credentials, options = {}) => {
      // oxlint-disable-next-line require-await
      const client = createRegistryClient({
        credentials: { get: async () => credentials },
        retryDelay: 1,
        certificateFolders: [],
        ...options,
      })
      clients.push(client)
      return client
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close()
      await registry[Symbol.asyncDispose]()
      await tokens[Symbol.asyncDispose]()
    },
  }
}

const password: Credentials = { kind: 'password', username: 'ann', password: 'pa:ss wörd' }
const users = { ann: 'pa:ss wörd', '<token>': 'refresh' }

const resolve = async ({ registry }: Peers, client: RegistryClient, path = 'a/b'): Promise<unknown> =>
  await client.repository({ domain: registry.host, path }).resolve('v1')

const rejects = async (work: Promise<unknown>, code: string): Promise<GantryError> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  )
  assert.ok(isGantryError(error), String(error))
  assert.equal(error.code, code, error.message)
  return error
}

test('a token is fetched without credentials when there are none, once for all requests that it covers', async () => {
  await using peers = await start()
  const client = peers.client()
  await Promise.all([resolve(peers, client), resolve(peers, client), resolve(peers, client)])
  await resolve(peers, client)
  assert.equal(peers.tokens.requests.length, 1)
  const [request] = peers.tokens.requests
  assert.equal(request?.headers.authorization, undefined)
  assert.deepEqual(request && [...request.query], [
    ['service', 'registry.example'],
    ['scope', 'repository:a/b:pull'],
  ])
})

test('a token is fetched with GET and Basic when there is a password, and the registry never sees that', async () => {
  await using peers = await start({ users })
  await resolve(peers, peers.client(password))
  const [request] = peers.tokens.requests
  assert.equal(request?.method, 'GET')
  assert.equal(request?.headers.authorization, `Basic ${Buffer.from('ann:pa:ss wörd').toString('base64')}`)
  assert.equal(request?.query.get('account'), 'ann')
  assert.ok(peers.registry.requests.every(({ headers }) => !headers.authorization?.startsWith('Basic')))
})

test('a token is fetched with POST when there is an identity token or no GET, with GET when there is no POST', async () => {
  const identity: Credentials = { kind: 'identity-token', token: 'refresh' }
  const cases: readonly (readonly [TokenServerOptions, Credentials, readonly string[]])[] = [
    [{ users }, identity, ['POST']],
    [{ users, post: false }, identity, ['POST', 'GET']],
    [{ users, get: false }, password, ['GET', 'POST']],
  ]
  for (const [options, credentials, methods] of cases) {
    await using peers = await start(options)
    await resolve(peers, peers.client(credentials))
    assert.deepEqual(
      peers.tokens.requests.map(({ method }) => method),
      methods,
    )
    const post = peers.tokens.requests.find(({ method }) => method === 'POST')
    const form = Object.fromEntries(new URLSearchParams(String(await post?.body())))
    const grant =
      credentials.kind === 'password'
        ? { grant_type: 'password', username: 'ann', password: 'pa:ss wörd' }
        : { grant_type: 'refresh_token', refresh_token: 'refresh' }
    assert.deepEqual(form, { ...grant, service: 'registry.example', scope: 'repository:a/b:pull', client_id: 'gantry' })
    assert.ok(!peers.registry.requests.some(({ headers }) => headers.authorization?.includes('refresh')))
  }
})

test('POST asks for several scopes in one field, with spaces between them', async () => {
  await using peers = await start({ users })
  const client = peers.client({ kind: 'identity-token', token: 'refresh' })
  const repository = client.repository({ domain: peers.registry.host, path: 'a/b' }, { mountFrom: ['other'] })
  assert.equal(await repository.has({ ...config, digest: describe(Buffer.from('x'), '').digest }), false)
  const [post] = peers.tokens.requests
  assert.equal(post?.headers['content-type'], 'application/x-www-form-urlencoded')
  assert.deepEqual(new URLSearchParams(String(await post?.body())).getAll('scope'), [
    'repository:a/b:pull,push repository:other:pull',
  ])
})

test('an identity token goes to its token server alone: not to the registry, nor where the server leads to', async () => {
  const identity: Credentials = { kind: 'identity-token', token: 'refresh' }
  await using basic = await start({}, { challenge: () => 'Basic realm="x"' })
  await rejects(resolve(basic, basic.client(identity)), 'UNAUTHORIZED')
  assert.ok(basic.registry.requests.every(({ headers }) => headers.authorization === undefined))
  await using elsewhere = await startTokenServer()
  for (const status of [307, 308]) {
    await using peers = await start({ users })
    peers.tokens.fault(
      ({ query }, response) => !query.has('moved') && done(response.writeHead(status, { location: '/token?moved=1' }).end()),
    )
    await resolve(peers, peers.client(identity))
    peers.tokens.fault((_request, response) => done(response.writeHead(status, { location: elsewhere.realm }).end()))
    await rejects(resolve(peers, peers.client(identity)), 'SECRET_REDIRECT')
    assert.equal(elsewhere.requests.length, 0)
  }
})

test('a registry token goes to the registry as it is', async () => {
  await using peers = await start()
  peers.tokens.tokens.set('given', ['repository:a/b:pull'])
  await resolve(peers, peers.client({ kind: 'registry-token', token: 'given' }))
  assert.equal(peers.tokens.requests.length, 0)
})

test('the first token of a push covers all that it will do; a pull asks for no more than it needs', async () => {
  await using peers = await start()
  const client = peers.client()
  const bytes = randomBytes(100)
  const blob = describe(bytes, mediaTypes.ociLayer)
  peers.registry.addBlob('other', bytes)
  const repository = client.repository({ domain: peers.registry.host, path: 'a/b' }, { mountFrom: ['other'] })
  assert.equal(await repository.has(blob), false)
  assert.equal(await repository.mount(blob), true)
  await repository.write({ ...blob }, streamOf(bytes))
  assert.equal(peers.tokens.requests.length, 1)
  assert.deepEqual(peers.tokens.requests[0]?.query.getAll('scope'), ['repository:a/b:pull,push', 'repository:other:pull'])
})

test('a push goes on without the mount when the token server refuses or does not grant the other repository', async () => {
  const bytes = randomBytes(100)
  const blob = describe(bytes, mediaTypes.ociLayer)
  for (const refuses of [true, false]) {
    await using peers = await start({ grant: (scopes) => scopes.filter((scope) => !scope.includes('other')) }, { mount: false })
    if (refuses)
      peers.tokens.fault(
        ({ query }, response) => query.getAll('scope').some((scope) => scope.includes('other')) && answerJson(response, 403, {}),
      )
    peers.registry.fault(({ query, headers }, response) => {
      if (!query.has('mount')) return false
      const challenge = peers.tokens.challenge({ headers } as never, 'repository:other:pull')
      return challenge !== undefined && done(response.writeHead(401, { 'www-authenticate': challenge }).end())
    })
    const repository = peers.client().repository({ domain: peers.registry.host, path: 'a/b' }, { mountFrom: ['other'] })
    assert.equal(await repository.mount(blob), false)
    await repository.write(blob, streamOf(bytes))
    assert.deepEqual(peers.registry.blobs.get(`a/b@${blob.digest}`), bytes)
    assert.ok(peers.tokens.requests.length <= 3)
  }
})

test('a request is tried once more with what the registry asks for, and then denied, when the scope is insufficient', async () => {
  await using peers = await start({ grant: () => [] })
  peers.registry.requests.length = 0
  const error = await rejects(resolve(peers, peers.client(password)), 'UNAUTHORIZED')
  assert.equal(error.kind, 'unauthenticated')
  assert.match(
    error.message,
    /^pull access denied for 127\.0\.0\.1:\d+\/a\/b, repository does not exist or may require 'docker login': unauthorized: authentication required$/,
  )
  assert.match(error.hint ?? '', /with the account "ann": check the name .* and what that account may do$/)
  assert.ok(peers.registry.requests.length <= 4, String(peers.registry.requests.length))
  await using other = await start()
  // the registry wants more than the method tells
  const stop = other.registry.fault((request, response) => {
    if (request.path === '/v2/') return false
    const challenge = other.tokens.challenge(request, 'repository:a/b:pull,audit')
    return challenge !== undefined && done(response.writeHead(401, { 'www-authenticate': challenge }).end())
  })
  await resolve(other, other.client())
  assert.deepEqual(other.tokens.requests.at(-1)?.query.getAll('scope'), ['repository:a/b:pull,audit'])
  stop()
})

test('a token is renewed when its time is over, by the clock of the server, and when the registry refuses it', async () => {
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, number])[] = [
    [{}, 1],
    [{ expires_in: 1 }, 1],
    [{ expires_in: undefined }, 1],
    // 60 seconds, if nothing is said
    [{ expires_in: undefined, issued_at: new Date(Date.now() - 45_000).toISOString() }, 1],
    [{ expires_in: undefined, issued_at: new Date(Date.now() - 65_000).toISOString() }, 2],
    [{ issued_at: new Date(Date.now() - 3_600_000).toISOString() }, 2],
    [{ issued_at: new Date(Date.now() + 3_600_000).toISOString() }, 1],
    [{ issued_at: 'nonsense', expires_in: 'x' }, 1],
  ]
  for (const [fields, requests] of cases) {
    await using peers = await start({ fields })
    const client = peers.client()
    await resolve(peers, client)
    await resolve(peers, client)
    assert.equal(peers.tokens.requests.length, requests, JSON.stringify(fields))
    peers.tokens.tokens.clear()
    await resolve(peers, client)
    assert.equal(peers.tokens.requests.length, requests + 1)
  }
})

test('a token is renewed some seconds before its time is over', async ({ mock }) => {
  await using peers = await start()
  const client = peers.client()
  const now = performance.now.bind(performance)
  let ahead = 0
  mock.method(performance, 'now', () => now() + ahead)
  for (const [seconds, requests] of [
    [0, 1],
    [280, 1],
    [292, 2],
  ] as const) {
    ahead = seconds * 1000
    await resolve(peers, client)
    assert.equal(peers.tokens.requests.length, requests, `after ${seconds} of 300 seconds`)
  }
})

test('an upload goes on with a new token when the old one ended meanwhile', async () => {
  await using peers = await start()
  const bytes = randomBytes(300_000)
  const blob = describe(bytes, mediaTypes.ociLayer)
  peers.registry.faultTimes(
    1,
    ({ method }) => method === 'PUT',
    () => {
      peers.tokens.tokens.clear()
    },
  )
  const repository = peers.client().repository({ domain: peers.registry.host, path: 'a/b' })
  // oxlint-disable-next-line require-await
  await repository.writeFrom(blob, async (offset) => streamOf(bytes.subarray(offset)))
  assert.deepEqual(peers.registry.blobs.get(`a/b@${blob.digest}`), bytes)
})

test('Basic is answered when the registry asks for it, and denied without or with wrong credentials', async () => {
  const good = `Basic ${Buffer.from('ann:pa:ss wörd').toString('base64')}`
  await using peers = await start(
    {},
    { challenge: ({ headers }) => (headers.authorization === good ? undefined : 'Basic realm="Registry, \\"x\\""') },
  )
  await resolve(peers, peers.client(password))
  const anonymous = await rejects(resolve(peers, peers.client()), 'UNAUTHORIZED')
  assert.match(anonymous.hint ?? '', /log in: gantry login 127/)
  const wrong = await rejects(resolve(peers, peers.client({ ...password, password: 'secret!' })), 'UNAUTHORIZED')
  assert.ok(!JSON.stringify([wrong.message, wrong.hint, wrong.detail]).includes('secret!'))
})

test('a token server that refuses, fails, or talks nonsense is an error without secrets', async () => {
  await using peers = await start({ users })
  const secret: Credentials = { kind: 'password', username: 'ann', password: 'top-secret' }
  const denied = await rejects(resolve(peers, peers.client(secret)), 'UNAUTHORIZED')
  assert.match(denied.message, /docker login': incorrect username or password$/)
  const answers: readonly (readonly [number, string, string])[] = [
    [200, '{}', 'TOKEN_INVALID'],
    [200, '{"token":""}', 'TOKEN_INVALID'],
    [200, '{"token":"a\\r\\nb"}', 'TOKEN_INVALID'],
    [200, '[]', 'TOKEN_INVALID'],
    [200, '<html>', 'JSON_INVALID'],
    [200, ' '.repeat(2_000_000), 'TOO_LARGE'],
    [400, '{"error":"invalid_scope","error_description":"no such scope"}', 'UNAUTHORIZED'],
    [403, '{"errors":[{"code":"DENIED","message":"no"}]}', 'DENIED'],
    [404, 'not here', 'UNAUTHORIZED'],
    [500, '', 'HTTP_500'],
  ]
  for (const [status, body, code] of answers) {
    const stop = peers.tokens.fault((_request, response) => done(response.writeHead(status).end(body)))
    const error = await rejects(resolve(peers, peers.client(secret, { attempts: 2 })), code)
    assert.ok(!JSON.stringify([error.message, error.hint, error.detail]).includes('top-secret'))
    stop()
  }
})

test('a token is fetched anew when whoever had asked for it is stopped, and others wait for it', async () => {
  await using peers = await start()
  const client = peers.client()
  const repository = client.repository({ domain: peers.registry.host, path: 'a/b' })
  // it is known how to ask, and no token is left
  await repository.tags()
  peers.tokens.tokens.clear()
  const controller = new AbortController()
  const asked = Promise.withResolvers<void>()
  peers.tokens.faultTimes(
    1,
    () => true,
    () => (asked.resolve(), true),
  )
  const first = repository.resolve('v1', { signal: controller.signal })
  await asked.promise
  const second = repository.resolve('v1')
  setTimeout(() => controller.abort(), 20)
  await rejects(first, 'CANCELED')
  assert.equal(((await second) as { readonly mediaType: string }).mediaType, mediaTypes.ociManifest)
})

test('a request is repeated when the token server fails by chance', async () => {
  await using peers = await start()
  peers.tokens.faultTimes(
    2,
    () => true,
    (_request, response) => done(response.writeHead(503).end()),
  )
  await resolve(peers, peers.client())
  assert.equal(peers.tokens.requests.length, 3)
})

test('challenges that nobody can answer end in a refusal', async () => {
  for (const challenge of ['', 'Negotiate', 'Bearer', 'Bearer service="x"', 'Digest realm="x"', ',,,', '"', 'Bearer realm']) {
    await using registry = await startFaultyRegistry({ challenge: () => challenge })
    const client = createRegistryClient({ certificateFolders: [] })
    await rejects(client.repository({ domain: registry.host, path: 'a/b' }).resolve('v1'), 'UNAUTHORIZED')
    client.close()
  }
  for (const realm of ['', 'x', 'ftp://x/', 'javascript:alert(1)', 'http://[']) {
    await using registry = await startFaultyRegistry({ challenge: () => `Bearer realm="${realm}"` })
    const client = createRegistryClient({ certificateFolders: [] })
    await rejects(client.repository({ domain: registry.host, path: 'a/b' }).resolve('v1'), 'REALM_INVALID')
    client.close()
  }
})

test('credentials are those of the repository, and a registry token or password stays with its registry', async () => {
  await using peers = await start({ users: { ann: '1', bob: '2' } })
  peers.registry.addManifest('c/d', 'v1', manifest)
  const asked: unknown[] = []
  const client = createRegistryClient({
    certificateFolders: [],
    credentials: {
      // oxlint-disable-next-line require-await
      get: async (domain, path) => {
        asked.push([domain, path])
        return path === 'a/b'
          ? { kind: 'password', username: 'ann', password: '1' }
          : { kind: 'password', username: 'bob', password: '2' }
      },
    },
  })
  await resolve(peers, client)
  await resolve(peers, client, 'c/d')
  await resolve(peers, client)
  assert.deepEqual(asked, [
    [peers.registry.host, 'a/b'],
    [peers.registry.host, 'c/d'],
  ])
  assert.deepEqual(
    peers.tokens.requests.map(({ query }) => query.get('account')),
    ['ann', 'bob'],
  )
  client.close()
})
