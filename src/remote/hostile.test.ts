import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collect, streamOf } from '../lib/bytes.ts'
import { isGantryError } from '../lib/errors.ts'
import { digestOf } from '../oci/digest.ts'
import { describe } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { done, startPeer } from '../testing/http-peer.ts'
import { createRegistryClient } from './client.ts'

const bytes = Buffer.from('layer')
const blob = describe(bytes, mediaTypes.ociLayer)
const manifest = describe(Buffer.from('{}'), mediaTypes.ociManifest)

const text = fc.stringMatching(/^[\x20-\x7E]{0,30}$/)
const values: Readonly<Record<string, fc.Arbitrary<string>>> = {
  'content-type': fc.oneof(fc.constantFrom(...Object.values(mediaTypes), 'text/html', 'application/json'), text),
  'docker-content-digest': fc.oneof(fc.constantFrom(digestOf('{}'), blob.digest, 'sha256:abc'), text),
  'content-range': fc.oneof(fc.constantFrom('bytes 0-4/5', 'bytes 2-4/5', 'bytes */5'), text),
  range: fc.oneof(fc.constantFrom('0-0', '0-2', '0-4', '5-1'), text),
  location: fc.oneof(fc.constantFrom('/v2/x?_state=a', '?', '//[', 'https://127.0.0.1:1/', ''), text),
  link: fc.oneof(fc.constantFrom('</v2/a/tags/list?last=x>; rel="next"', '<//[>; rel=next'), text),
  'www-authenticate': fc.oneof(fc.constantFrom('Basic', 'Bearer realm="http://127.0.0.1:1/token"', 'Bearer realm="x"'), text),
  warning: fc.oneof(fc.constant('299 - "x"'), text),
  'oci-chunk-min-length': fc.oneof(fc.constantFrom('1', '-5', '1e99', 'NaN'), text),
  'oci-subject': text,
  'retry-after': fc.constantFrom('0', '999999', 'x'),
}

const headers = fc.record(values, { requiredKeys: [] })
const body = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    '{}',
    'layer',
    '<html>',
    '{"tags":["a"]}',
    '{"errors":[{"code":"DENIED"}]}',
    '{"schemaVersion":2,"manifests":[]}',
    '{"token":"t"}',
  ),
  text,
)
const status = fc.oneof(
  fc.constantFrom(200, 201, 202, 204, 206, 307, 400, 401, 403, 404, 405, 413, 416, 429, 500),
  fc.integer({ min: 200, max: 999 }),
)
const answers = fc.array(fc.record({ status, headers, body }), { minLength: 1, maxLength: 6 })

test('every operation ends well or with an error of ours when the registry answers at random', { timeout: 60_000 }, async () => {
  let script: readonly {
    readonly status: number
    readonly headers: Readonly<Record<string, string | undefined>>
    readonly body: string
  }[] = []
  let next = 0
  await using peer = await startPeer((request, response) => {
    request.incoming.resume()
    const answer = script[next++ % script.length]
    return done(
      response.writeHead(answer?.status ?? 500, answer?.headers).end(request.method === 'HEAD' ? undefined : answer?.body),
    )
  })
  await fc.assert(
    fc.asyncProperty(answers, fc.boolean(), async (list, loggedIn) => {
      script = list
      next = 0
      // oxlint-disable-next-line require-await
      const credentials = {
        get: async () => (loggedIn ? ({ kind: 'password', username: 'ann', password: 'top-secret' } as const) : undefined),
      }
      using client = createRegistryClient({
        certificateFolders: [],
        credentials,
        attempts: 2,
        retryDelay: 0,
        plainHttp: true,
        idleTimeout: 2000,
      })
      const repository = client.repository({ domain: peer.host, path: 'a' }, { mountFrom: ['b'] })
      const works: readonly (() => Promise<unknown>)[] = [
        () => repository.resolve('v1'),
        () => repository.has(manifest),
        () => repository.has(blob),
        async () => await collect(await repository.open(blob), 1000),
        async () => await collect(await repository.open(blob, { range: { start: 2, end: 4 } }), 1000),
        () => repository.mount(blob),
        // oxlint-disable-next-line require-await
        () => repository.writeFrom(blob, async (offset) => streamOf(bytes.subarray(offset))),
        () => repository.write(manifest, streamOf(Buffer.from('{}'))),
        () => repository.tags(),
        () => repository.referrers(blob.digest),
        () => repository.deleteManifest(manifest.digest),
        () => repository.deleteTag('x'),
        () => client.catalog(peer.host),
        () => client.check(peer.host, { kind: 'identity-token', token: 'top-secret' }),
      ]
      for (const work of works)
        await work().catch((error: unknown) => {
          assert.ok(isGantryError(error), String(error instanceof Error ? error.stack : error))
          assert.ok(!JSON.stringify([error.message, error.hint, error.detail]).includes('top-secret'))
        })
    }),
    { numRuns: 60, seed: 7 },
  )
})
