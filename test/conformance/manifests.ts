import assert from 'node:assert/strict'
import { digestOf, dockerList, dockerManifest, newBlob, ociIndex, ociManifest, type Repository } from './client.ts'
import type { Define } from './suite.ts'

const index = (
  entries: readonly { readonly bytes: Buffer; readonly digest: string }[],
  fields: object = {},
  type = ociIndex,
): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      manifests: entries.map(({ bytes, digest }) => ({
        mediaType: type === ociIndex ? ociManifest : dockerManifest,
        digest,
        size: bytes.length,
        platform: { os: 'linux', architecture: 'amd64' },
      })),
      ...fields,
    }),
  )

/** Pushes and reads back. */
const roundTrip = async (repository: Repository, reference: string, bytes: Buffer, mediaType: string): Promise<void> => {
  const digest = digestOf(bytes)
  const pushed = await repository.put(reference, bytes, mediaType)
  assert.equal(pushed.headers.get('docker-content-digest'), digest)
  for (const target of [repository.location(pushed), `manifests/${reference}`, `manifests/${digest}`]) {
    const response = await repository.send('GET', target, 200, { headers: { accept: mediaType } })
    assert.equal(response.headers.get('content-type'), mediaType)
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes), 'the bytes are others')
  }
}

/** §Pushing Manifests. */
export const manifestTests = (define: Define): void => {
  define('OCI and Docker manifests and indexes are kept as they are', async (repository) => {
    const image = await repository.image(undefined)
    await roundTrip(repository, 'index', index([image]), ociIndex)
    const docker = await repository.image(undefined, { mediaType: dockerManifest })
    await roundTrip(repository, 'list', index([docker], {}, dockerList), dockerList)
    const nested = { bytes: index([image]), digest: digestOf(index([image])) }
    await roundTrip(repository, 'nested', Buffer.from(index([nested]).toString().replaceAll(ociManifest, ociIndex)), ociIndex)
    await roundTrip(repository, 'empty', index([]), ociIndex)
  })

  define('the bytes are kept exactly, with spaces, unknown fields and a newline at the end', async (repository) => {
    const { bytes } = await repository.manifest({ 'org.example.custom': { x: [1.0, 1e3] }, annotations: { ü: '\u2028' } })
    const spaced = Buffer.from(`${JSON.stringify(JSON.parse(bytes.toString()), undefined, '\t')}\r\n\n`)
    await roundTrip(repository, 'spaced', spaced, ociManifest)
  })

  define('a manifest without mediaType goes by its Content-Type', async (repository) => {
    const { bytes } = await repository.manifest({ mediaType: undefined })
    await roundTrip(repository, 'untyped', bytes, ociManifest)
  })

  define(
    'artifacts: artifactType, the empty descriptor, no layers, data, layers that live elsewhere',
    async (repository) => {
      const bytes = Buffer.from('{}')
      const empty = { bytes, digest: digestOf(bytes) }
      await repository.push(empty)
      const descriptor = {
        mediaType: 'application/vnd.oci.empty.v1+json',
        digest: empty.digest,
        size: 2,
        data: bytes.toString('base64'),
      }
      await repository.image('artifact', { artifactType: 'application/example', config: descriptor, layers: [descriptor] })
      await repository.image('none', { artifactType: 'application/example', config: descriptor, layers: [] })
      const foreign = {
        mediaType: 'application/vnd.oci.image.layer.nondistributable.v1.tar',
        digest: digestOf('elsewhere'),
        size: 9,
        urls: ['http://127.0.0.1/x'],
      }
      await repository.image('foreign', { layers: [foreign] })
    },
    'artifacts',
  )

  define('a tag moves and the manifest it left stays', async (repository) => {
    const first = await repository.image('latest')
    const second = await repository.image('latest')
    assert.equal((await repository.get('latest')).headers.get('docker-content-digest'), second.digest)
    await repository.get(first.digest)
  })

  define(
    'a digest that does not fit the bytes is 400',
    async (repository) => {
      const { bytes } = await repository.manifest()
      for (const reference of [digestOf('else'), 'sha256:baddigeststring'])
        await repository.put(reference, bytes, ociManifest, 400)
      await repository.get(digestOf(bytes), 404)
    },
    'manifest-checks',
  )

  define(
    'several tags at once by digest, and OCI-Tag for each',
    async (repository) => {
      const { bytes } = await repository.manifest()
      const tags = ['1.2.3', '1.2', '1', 'latest', ...Array.from({ length: 8 }, (_, number) => `more-${number}`)]
      const response = await repository.put(`${digestOf(bytes)}?${tags.map((tag) => `tag=${tag}`).join('&')}`, bytes, ociManifest)
      assert.deepEqual((response.headers.get('oci-tag') ?? '').split(/, */), tags)
      assert.deepEqual((await repository.list()).tags, [...tags].sort())
      await repository.put(`${digestOf(bytes)}?tag=fine&tag=-bad`, bytes, ociManifest, 400)
      assert.ok(!(await repository.list()).tags.includes('fine'))
    },
    'tag-parameters',
  )

  define(
    'sha512 manifests',
    async (repository) => {
      const { bytes } = await repository.manifest()
      const digest = digestOf(bytes, 'sha512')
      const pushed = await repository.put(digest, bytes, ociManifest)
      assert.equal(pushed.headers.get('docker-content-digest'), digest)
      assert.ok(Buffer.from(await (await repository.get(digest)).arrayBuffer()).equals(bytes))
    },
    'sha512',
  )

  refusalTests(define)
}

const refusalTests = (define: Define): void => {
  define('a manifest whose blobs are absent is MANIFEST_BLOB_UNKNOWN', async (repository) => {
    const { bytes } = await repository.manifest({
      layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf('absent'), size: 6 }],
    })
    const codes = await repository.refused('PUT', 'manifests/x', [400, 404], {
      body: bytes,
      headers: { 'content-type': ociManifest },
    })
    assert.ok(codes.every((code) => code === 'MANIFEST_BLOB_UNKNOWN'))
    await repository.get('x', 404)
  })

  define('an index whose manifests are absent is taken, or MANIFEST_BLOB_UNKNOWN', async (repository) => {
    await repository.push(newBlob())
    const bytes = index([{ bytes: Buffer.from('absent'), digest: digestOf('absent') }])
    const response = await repository.put('x', bytes, ociIndex, [201, 400, 404])
    if (response.status !== 201) assert.match(await response.text(), /MANIFEST_BLOB_UNKNOWN/)
  })

  define(
    'what is no manifest is 400 MANIFEST_INVALID',
    async (repository) => {
      const { bytes } = await repository.manifest()
      const both = JSON.stringify({ ...(JSON.parse(bytes.toString()) as object), manifests: [] })
      for (const [body, type] of [
        ['', ociManifest],
        ['{', ociManifest],
        ['[]', ociManifest],
        ['null', ociManifest],
        ['{}', ociManifest],
        [Buffer.from([0xff, 0xfe]), ociManifest],
        [both, ociManifest],
        [both, ociIndex],
        [bytes, ociIndex],
        [bytes, dockerManifest],
        [
          '{"schemaVersion":1,"name":"x","tag":"y","fsLayers":[],"history":[]}',
          'application/vnd.docker.distribution.manifest.v1+json',
        ],
        [bytes.toString().replace('"schemaVersion":2', '"schemaVersion":3'), ociManifest],
        [bytes.toString().replace(/"sha256:/, '"sha257:'), ociManifest],
      ] as const)
        assert.deepEqual(
          await repository.refused('PUT', 'manifests/x', 400, { body: Buffer.from(body), headers: { 'content-type': type } }),
          ['MANIFEST_INVALID'],
        )
      await repository.get('x', 404)
    },
    'manifest-checks',
  )

  define('a manifest of 4 MB is taken, one of more than 4 MiB may be 413', async (repository) => {
    const { bytes } = await repository.manifest()
    const padded = (size: number): Buffer => Buffer.concat([bytes, Buffer.alloc(size - bytes.length, ' ')])
    await repository.put('large', padded(4_000_000), ociManifest)
    await repository.put('huge', padded(4 * 1024 * 1024 + 1), ociManifest, [201, 413, 400])
  })

  define(
    'a tag that is not valid is refused, and so is a repository name',
    async (repository) => {
      const { bytes } = await repository.manifest()
      for (const tag of ['-x', '.x', 'a'.repeat(129), 'x!', 'ü'])
        await repository.put(encodeURIComponent(tag), bytes, ociManifest, [400, 404])
      for (const name of ['Upper', 'a//b', '-a', 'a-', 'a___b', 'a..b', '_a', 'a/', '%61'])
        await repository.send('PUT', `/v2/${name}/manifests/x`, [400, 404], {
          body: bytes,
          headers: { 'content-type': ociManifest },
        })
    },
    'manifest-checks',
  )
}
