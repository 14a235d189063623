import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { isGantryError } from '../../lib/errors.ts'
import { describe } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { makeCertificates, noOpenssl as skip, type TestCertificates } from '../../testing/certificates.ts'
import { startFaultyRegistry, type FaultyRegistry, type FaultyRegistryOptions } from '../../testing/faulty-registry.ts'
import { createRegistryClient, type RegistryClientOptions } from '../client.ts'
import { parseHostsToml } from './hosts-toml.ts'
import { createRouter } from './router.ts'

let certificates: TestCertificates | undefined
before(async () => {
  if (skip === false) certificates = await makeCertificates()
})
after(async () => await certificates?.[Symbol.asyncDispose]())
const made = (): TestCertificates => certificates ?? assert.fail('there are no certificates')

const config = describe(Buffer.from('{}'), mediaTypes.ociEmpty)
const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }

const start = async (options: FaultyRegistryOptions = {}): Promise<FaultyRegistry> => {
  const registry = await startFaultyRegistry({ tls: await made().tls(), ...options })
  registry.addManifest('a', 'v1', manifest)
  return registry
}

/** `ok`, or the code of the error. */
const outcome = async (options: RegistryClientOptions, domain = 'example.com'): Promise<string> => {
  using client = createRegistryClient({ retryDelay: 1, attempts: 1, certificateFolders: [], ...options })
  try {
    await client.repository({ domain, path: 'a' }).resolve('v1')
    return 'ok'
  } catch (error) {
    return isGantryError(error) ? error.code : String(error)
  }
}

const byHosts = async (toml: string, options: RegistryClientOptions = {}): Promise<string> =>
  await outcome({
    routing: async (domain, path) => await parseHostsToml(toml, made().path('hosts.toml'), domain, path),
    ...options,
  })

test(
  'hosts.toml says which authorities sign for a host, what we show of ourselves, and that nothing is checked',
  { skip },
  async () => {
    // 127.0.0.1 is checked here: --tls-verify says so for what the file does not
    await using registry = await start({ tls: { ...(await made().tls()), ca: await made().pem('ca.crt'), requestCert: true } })
    const server = `server = "https://${registry.host}"\n`
    const client = 'client = [["client.cert", "client.key"]]\n'
    const checked = { tlsVerify: true }
    assert.equal(await byHosts(`${server}${client}`, checked), 'CERTIFICATE_INVALID')
    assert.equal(await byHosts(`${server}${client}ca = "ca.crt"`, checked), 'ok')
    assert.equal(await byHosts(`${server}${client}ca = ["ca.crt"]`, checked), 'ok')
    assert.match(await byHosts(`${server}ca = "ca.crt"`, checked), /^(?:CONNECTION_LOST|TLS_FAILED)$/)
    assert.equal(await byHosts(`${server}${client}ca = "absent.crt"`, checked), 'CERTIFICATE_MISSING')
    assert.equal(await byHosts(`${server}${client}skip_verify = true`), 'ok')
    const both = `${await made().pem('client.cert')}${await made().pem('client.key')}`
    await writeFile(made().path('both.pem'), both)
    assert.equal(await byHosts(`${server}client = "both.pem"\nca = "ca.crt"`, checked), 'ok')
  },
)

test('what is said of one host does not hold for another', { skip }, async () => {
  await using secure = await start()
  await using registry = await start()
  registry.fault(({ path, method }, response) => {
    if (!path.includes('/manifests/') || method !== 'GET') return false
    response.writeHead(307, { location: `${secure.url}/v2/a/manifests/v1` }).end()
    return true
  })
  registry.fault(({ method }, response) => method === 'HEAD' && (response.writeHead(405).end(), true))
  // both are signed by the same authority
  const toml = `server = "https://${registry.host}"\nca = "ca.crt"\n`
  assert.equal(await byHosts(toml, { tlsVerify: true }), 'CERTIFICATE_INVALID')
})

test('insecure of registries.conf takes any certificate and plain HTTP, but --tls-verify overrules it', { skip }, async () => {
  await using secure = await start({ tls: await made().tls('other') })
  await using plain = await startFaultyRegistry()
  plain.addManifest('a', 'v1', manifest)
  const containers = made().path('etc/containers')
  await mkdir(containers, { recursive: true })
  const entry = (prefix: string, location: string): string =>
    `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\ninsecure = true\n`
  await writeFile(join(containers, 'registries.conf'), entry('s.example', secure.host) + entry('p.example', plain.host))
  const routing = createRouter({}, made().path('etc'))
  for (const domain of ['s.example', 'p.example']) {
    assert.equal(await outcome({ routing }, domain), 'ok')
    assert.match(await outcome({ routing, tlsVerify: true }, domain), /^(?:CERTIFICATE_INVALID|HTTP_RESPONSE_TO_HTTPS)$/)
  }
})
