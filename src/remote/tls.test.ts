import assert from 'node:assert/strict'
import { copyFile, mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { collect, streamOf } from '../lib/bytes.ts'
import { isGantryError, type GantryError } from '../lib/errors.ts'
import { runProcess } from '../lib/process.ts'
import { describe } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { makeCertificates, noOpenssl as skip, type TestCertificates } from '../testing/certificates.ts'
import { startFaultyRegistry, type FaultyRegistry, type FaultyRegistryOptions } from '../testing/faulty-registry.ts'
import { done, startPeer } from '../testing/http-peer.ts'
import { startTokenServer } from '../testing/token-server.ts'
import { certificateFolders, readCertificates } from './certificates.ts'
import { createRegistryClient, type RegistryClientOptions } from './client.ts'
import { isVerifiedHost, protocolsOf } from './endpoint.ts'

let certificates: TestCertificates | undefined
before(async () => {
  if (skip === false) certificates = await makeCertificates()
})
after(async () => await certificates?.[Symbol.asyncDispose]())
const made = (): TestCertificates => certificates ?? assert.fail('there are no certificates')
const pem: TestCertificates['pem'] = async (name) => await made().pem(name)
const tls: TestCertificates['tls'] = async (name) => await made().tls(name)
const certsFor: TestCertificates['certsFor'] = async (host, files) => await made().certsFor(host, files)

const config = describe(Buffer.from('{}'), mediaTypes.ociEmpty)
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }

const start = async (options: FaultyRegistryOptions = {}): Promise<FaultyRegistry> => {
  const registry = await startFaultyRegistry(options)
  registry.addManifest('a', 'v1', manifest)
  return registry
}

const resolve = async (host: string, options: RegistryClientOptions = {}): Promise<unknown> => {
  using client = createRegistryClient({ retryDelay: 1, certificateFolders: [], ...options })
  return await client.repository({ domain: host, path: 'a' }).resolve('v1')
}

const rejects = async (work: Promise<unknown>, code: string | RegExp): Promise<GantryError> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  )
  assert.ok(isGantryError(error), String(error))
  if (typeof code === 'string') assert.equal(error.code, code, error.message)
  else assert.match(error.code, code)
  return error
}

test('protocolsOf() and isVerifiedHost() know what each host and flag allow', () => {
  const cases: readonly (readonly [string, object, string, boolean])[] = [
    ['r.example', {}, 'https', true],
    ['r.example:5000', {}, 'https', true],
    ['r.example', { tlsVerify: false }, 'https http', false],
    ['r.example', { plainHttp: true }, 'http', true],
    ['localhost:5000', {}, 'http https', false],
    ['127.0.0.1:443', {}, 'https http', false],
    ['localhost', {}, 'https http', false],
    ['[::1]:5000', {}, 'http https', false],
    ['localhost:5000', { tlsVerify: true }, 'https', true],
    ['127.0.0.1.example:5000', {}, 'https', true],
  ]
  for (const [host, security, protocols, verified] of cases) {
    assert.equal(protocolsOf(host, security).join(' '), protocols, host)
    assert.equal(isVerifiedHost(host, security), verified, host)
  }
})

test(
  'a registry on this machine is spoken to in plain HTTP or https, without being told and without certificates',
  { skip },
  async () => {
    {
      await using registry = await start()
      await resolve(registry.host)
      await rejects(resolve(registry.host, { tlsVerify: true }), 'HTTP_RESPONSE_TO_HTTPS')
    }
    await using registry = await start({ tls: await tls('other') })
    await resolve(registry.host)
    await rejects(resolve(registry.host, { plainHttp: true }), 'CONNECTION_LOST')
    // as Go's and nginx' servers answer plain HTTP on an https port
    await using mixed = await startPeer((_request, response) =>
      done(response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n')),
    )
    await rejects(resolve(mixed.host), 'HTTP_400')
  },
)

test('a registry at an IPv6 address is logged in to, pushed to and pulled from, with its certs.d folder', { skip }, async () => {
  await using registry = await start({ address: '::1', tls: await tls() })
  assert.match(registry.host, /^\[::1\]:\d+$/)
  await rejects(resolve(registry.host, { tlsVerify: true }), 'CERTIFICATE_INVALID')
  const certificateFolders = [await certsFor(registry.host, { 'ca.crt': 'ca.crt' })]
  using client = createRegistryClient({ tlsVerify: true, certificateFolders })
  await client.check(registry.host, { kind: 'password', username: 'ann', password: 'x' })
  const repository = client.repository({ domain: registry.host, path: 'a' })
  const bytes = Buffer.from('layer')
  const layer = describe(bytes, mediaTypes.ociLayer)
  // oxlint-disable-next-line require-await
  await repository.writeFrom(layer, async () => streamOf(bytes))
  const target = await repository.resolve(`${registry.host}/a:v1`)
  await repository.tag(`${registry.host}/a:v2`, target)
  assert.equal(registry.tags.get('a:v2'), target.digest)
  assert.deepEqual(await collect(await repository.open(layer), 10), bytes)
})

test('certificates are checked when they must be, with authorities from certs.d', { skip }, async () => {
  await using registry = await start({ tls: await tls() })
  const untrusted = await rejects(resolve(registry.host, { tlsVerify: true }), 'CERTIFICATE_INVALID')
  assert.match(untrusted.message, /signed by an unknown authority$/)
  assert.match(untrusted.hint ?? '', /certs\.d.*--tls-verify=false/)
  await resolve(registry.host, { tlsVerify: true, certificateFolders: [await certsFor(registry.host, { 'ca.crt': 'ca.crt' })] })
  await resolve(registry.host, { tlsVerify: false })
  await using wrong = await start({ tls: await tls('other') })
  const certs = await certsFor(wrong.host, { 'ca.crt': 'ca.crt' })
  assert.match(
    (await rejects(resolve(wrong.host, { tlsVerify: true, certificateFolders: [certs] }), 'CERTIFICATE_INVALID')).message,
    /it is for another host$/,
  )
})

test('the authorities of this machine are trusted too', { skip }, async () => {
  await using registry = await start({ tls: await tls() })
  const script = `
    import { createRegistryClient } from ${JSON.stringify(join(import.meta.dirname, 'client.ts'))}
    using client = createRegistryClient({ tlsVerify: true, certificateFolders: [] })
    await client.repository({ domain: ${JSON.stringify(registry.host)}, path: 'a' }).resolve('v1')`
  const run = async (env: Readonly<Record<string, string | undefined>>): Promise<number> =>
    (await runProcess(process.execPath, ['--input-type=module-typescript', '-e', script], { env })).status
  const none = made().path('none')
  const empty = { ...process.env, SSL_CERT_FILE: none, SSL_CERT_DIR: none }
  assert.equal(await run({ ...empty, SSL_CERT_FILE: made().path('ca.crt') }), 0)
  assert.notEqual(await run(empty), 0)
  const folder = await mkdtemp(made().path('authorities-'))
  await copyFile(made().path('ca.crt'), join(folder, 'ours.crt'))
  // openssl finds authorities in a folder by the hash of their subject
  await runProcess('openssl', ['rehash', folder])
  assert.equal(await run({ ...empty, SSL_CERT_DIR: folder }), 0)
})

test('a client certificate from certs.d is shown, and one without its key is an error', { skip }, async () => {
  await using registry = await start({ tls: { ...(await tls()), ca: await pem('ca.crt'), requestCert: true } })
  const files = { 'ca.crt': 'ca.crt', 'client.cert': 'client.cert' }
  const certs = await certsFor(registry.host, { ...files, 'client.key': 'client.key' })
  await resolve(registry.host, { tlsVerify: true, certificateFolders: ['/nonexistent', certs] })
  await rejects(
    resolve(registry.host, { tlsVerify: true, certificateFolders: [await certsFor(registry.host, { 'ca.crt': 'ca.crt' })] }),
    /^(?:CONNECTION_LOST|TLS_FAILED)$/,
  )
  const error = await rejects(
    resolve(registry.host, { tlsVerify: true, certificateFolders: [await certsFor(registry.host, files)] }),
    'KEY_MISSING',
  )
  assert.match(error.message, /missing key client\.key for client certificate client\.cert$/)
})

test('readCertificates() finds a host with and without its default port, and the first folder counts', { skip }, async () => {
  const certs = await certsFor('r.example', { 'b.crt': 'ca.crt', 'a.crt': 'server.cert', 'x.txt': 'ca.key' })
  assert.deepEqual(await readCertificates([certs], 'r.example:443'), {
    authorities: [await pem('server.cert'), await pem('ca.crt')],
  })
  assert.deepEqual(await readCertificates([certs], 'r.example'), { authorities: [await pem('server.cert'), await pem('ca.crt')] })
  assert.deepEqual(await readCertificates([certs], 'r.example:5000'), {})
  assert.deepEqual(await readCertificates([await certsFor('r.example', {}), certs], 'r.example'), { authorities: [] })
  assert.deepEqual(certificateFolders({ HOME: '/h' }), [
    '/h/.config/containers/certs.d',
    '/h/.config/docker/certs.d',
    '/etc/containers/certs.d',
    '/etc/docker/certs.d',
  ])
  assert.deepEqual(certificateFolders({}), ['/etc/containers/certs.d', '/etc/docker/certs.d'])
})

test(
  'https never leads to http: not by a redirect, not by an upload location elsewhere, not to a token server',
  { skip },
  async () => {
    await using plain = await startPeer((_request, response) => done(response.end('{"token":"t"}')))
    await using registry = await start({ tls: await tls() })
    const certificateFolders = [await certsFor(registry.host, { 'ca.crt': 'ca.crt' })]
    const options = { tlsVerify: true, certificateFolders }
    let stop = registry.fault(
      ({ path }, response) =>
        path.includes('/manifests/') && done(response.writeHead(307, { location: `${plain.url}/x?sig=secret` }).end()),
    )
    const error = await rejects(resolve(registry.host, options), 'INSECURE_REDIRECT')
    assert.ok(!error.message.includes('secret'))
    await rejects(resolve(registry.host, { tlsVerify: false }), 'MANIFEST_INVALID')
    stop()
    await using tokens = await startTokenServer()
    stop = registry.fault((request, response) => {
      const challenge = tokens.challenge(request, 'repository:a:pull')
      return challenge !== undefined && done(response.writeHead(401, { 'www-authenticate': challenge }).end())
    })
    const realm = await rejects(resolve(registry.host, options), 'REALM_INSECURE')
    assert.equal(tokens.requests.length, 0)
    assert.ok(realm.hint)
    await resolve(registry.host, { tlsVerify: false })
    stop()
    plain.requests.length = 0
    // behind a proxy that hides https from the registry
    using client = createRegistryClient({ ...options, retryDelay: 1 })
    const repository = client.repository({ domain: registry.host, path: 'a' })
    const bytes = Buffer.from('layer')
    const blob = describe(bytes, mediaTypes.ociLayer)
    let location = `http://${registry.host}`
    registry.fault(({ method }, response) => {
      if (method !== 'POST') return false
      registry.uploads.set('id', Buffer.alloc(0))
      return done(response.writeHead(202, { location: `${location}/v2/a/blobs/uploads/id?_state=a%2Fb%3D` }).end())
    })
    // oxlint-disable-next-line require-await
    await repository.writeFrom(blob, async () =>
      (async function* once() {
        yield bytes
      })(),
    )
    assert.deepEqual(registry.blobs.get(`a@${blob.digest}`), bytes)
    location = plain.url
    // oxlint-disable-next-line require-await
    await rejects(
      repository.writeFrom(blob, async () =>
        (async function* once() {
          yield bytes
        })(),
      ),
      'INSECURE_REDIRECT',
    )
    assert.equal(plain.requests.length, 0)
  },
)

test('a registry that cannot be reached is an error that says why, at once', { timeout: 10_000 }, async () => {
  const peer = await startPeer(() => false)
  await peer[Symbol.asyncDispose]()
  const refused = await rejects(resolve(peer.host, { retryDelay: 60_000 }), 'CONNECTION_REFUSED')
  assert.equal(refused.message, `Cannot reach "${peer.host}": connection refused`)
  assert.ok(refused.hint)
  const unknown = await rejects(resolve('registry.invalid:5000', { retryDelay: 1 }), /^HOST_(?:NOT_FOUND|LOOKUP_FAILED)$/)
  assert.match(unknown.message, /^Cannot reach "registry\.invalid:5000": /)
  assert.equal(unknown.kind, 'unavailable')
})

test('a host that is none is refused before anything is asked', async () => {
  using client = createRegistryClient({ certificateFolders: [] })
  for (const domain of ['', 'a b', 'https://r.example', 'r.example/x', '-', 'user@r.example', '[::1']) {
    assert.throws(() => client.repository({ domain, path: 'a' }), { code: 'HOST_INVALID' }, domain)
    await assert.rejects(client.check(domain, { kind: 'password', username: 'u', password: 'p' }), { code: 'HOST_INVALID' })
  }
})
