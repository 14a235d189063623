import assert from 'node:assert/strict'
import { digestOf, newBlob, ociManifest, type Blob } from './client.ts'
import type { Define } from './suite.ts'

const missing = digestOf('missing')

/** §Determining Support, §Pulling manifests, §Pulling blobs, §Checking if content exists. */
export const pullTests = (define: Define): void => {
  define('GET /v2/ says that this is a registry', async (repository) => {
    await repository.send('GET', '/v2/', 200)
  })

  define('HEAD, GET and PUT of a manifest agree, by tag and by digest', async (repository) => {
    const { bytes, digest } = await repository.image('v1.0_x')
    for (const reference of ['v1.0_x', digest])
      for (const method of ['HEAD', 'GET']) {
        const response = await repository.send(method, `manifests/${reference}`, 200, { headers: { accept: ociManifest } })
        assert.equal(response.headers.get('docker-content-digest'), digest)
        assert.equal(response.headers.get('content-length'), String(bytes.length))
        assert.equal(response.headers.get('content-type'), ociManifest)
        const body = Buffer.from(await response.arrayBuffer())
        assert.ok(body.equals(method === 'HEAD' ? Buffer.alloc(0) : bytes))
      }
  })

  define('HEAD and GET of a blob agree', async (repository) => {
    const blob = newBlob()
    await repository.push(blob)
    const head = await repository.send('HEAD', `blobs/${blob.digest}`, 200)
    assert.equal(head.headers.get('content-length'), String(blob.bytes.length))
    assert.equal(head.headers.get('docker-content-digest'), blob.digest)
    await repository.expectBlob(`blobs/${blob.digest}`, blob)
  })

  define('what does not exist is 404', async (repository) => {
    await repository.image('exists')
    for (const method of ['GET', 'HEAD'])
      for (const target of [`manifests/${missing}`, 'manifests/missing', `blobs/${missing}`])
        await repository.refused(method, target, 404)
    await repository.refused('GET', `/v2/conformance/never-pushed/manifests/latest`, 404)
    assert.deepEqual(await repository.refused('GET', `manifests/${missing}`, 404), ['MANIFEST_UNKNOWN'])
    assert.deepEqual(await repository.refused('GET', `blobs/${missing}`, 404), ['BLOB_UNKNOWN'])
  })

  define(
    'a digest of a bad form is 400 or 404',
    async (repository) => {
      await repository.image('exists')
      for (const target of ['manifests/sha256:baddigeststring', 'blobs/sha256:baddigeststring'])
        await repository.send('GET', target, [400, 404])
    },
    'manifest-checks',
  )

  define('a blob of another repository is 404', async (repository) => {
    const blob = newBlob()
    await repository.push(blob)
    await repository.send('GET', `/v2/${repository.name}-other/blobs/${blob.digest}`, 404)
  })

  rangeTests(define)
  conditionTests(define)
}

const rangeTests = (define: Define): void => {
  const get = (blob: Blob, range: string) => [`blobs/${blob.digest}`, { headers: { range } }] as const

  define('a range of a blob is 206 with the bytes', async (repository) => {
    const blob = newBlob(100)
    await repository.push(blob)
    for (const [range, start, end] of [
      ['bytes=0-9', 0, 10],
      ['bytes=10-10', 10, 11],
      ['bytes=90-', 90, 100],
      ['bytes=90-1000', 90, 100],
      ['bytes=-5', 95, 100],
    ] as const) {
      const [target, options] = get(blob, range)
      const response = await repository.send('GET', target, 206, options)
      assert.equal(response.headers.get('content-range'), `bytes ${start}-${end - 1}/100`, range)
      assert.equal(response.headers.get('content-length'), String(end - start), range)
      assert.ok(Buffer.from(await response.arrayBuffer()).equals(blob.bytes.subarray(start, end)), range)
    }
  })

  define('a range beyond the end of a blob is 416', async (repository) => {
    const blob = newBlob(100)
    await repository.push(blob)
    const [target, options] = get(blob, 'bytes=100-')
    const response = await repository.send('GET', target, 416, options)
    assert.equal(response.headers.get('content-range'), 'bytes */100')
  })

  define(
    'a range that is not understood is ignored',
    async (repository) => {
      const blob = newBlob(100)
      await repository.push(blob)
      for (const range of ['lines=1-2', 'bytes=9-2', 'bytes=x', 'bytes=']) {
        const [target, options] = get(blob, range)
        const response = await repository.send('GET', target, 200, options)
        assert.equal((await response.arrayBuffer()).byteLength, 100, range)
      }
    },
    'strict-ranges',
  )

  define(
    'If-Range decides whether a range counts',
    async (repository) => {
      const blob = newBlob(100)
      await repository.push(blob)
      const tag = (await repository.send('HEAD', `blobs/${blob.digest}`, 200)).headers.get('etag')
      assert.ok(tag)
      await repository.send('GET', `blobs/${blob.digest}`, 206, { headers: { range: 'bytes=1-', 'if-range': tag } })
      await repository.send('GET', `blobs/${blob.digest}`, 200, { headers: { range: 'bytes=1-', 'if-range': '"else"' } })
    },
    'conditional',
  )
}

const conditionTests = (define: Define): void => {
  define(
    'If-None-Match is 304 without a body',
    async (repository) => {
      const { digest, layer } = await repository.image('x')
      for (const target of ['manifests/x', `manifests/${digest}`, `blobs/${layer.digest}`]) {
        const tag = (await repository.send('GET', target, 200, { headers: { accept: ociManifest } })).headers.get('etag')
        assert.ok(tag)
        for (const value of [tag, `"else", ${tag}`, `W/${tag}`]) {
          const response = await repository.send('GET', target, 304, { headers: { accept: ociManifest, 'if-none-match': value } })
          assert.equal(await response.text(), '')
        }
        await repository.send('GET', target, 200, { headers: { accept: ociManifest, 'if-none-match': '"else"' } })
      }
    },
    'conditional',
  )

  define('an Accept header that leaves the type out is 404, and the type is never changed', async (repository) => {
    await repository.image('x')
    await repository.send('GET', 'manifests/x', 404, {
      headers: { accept: 'application/vnd.docker.distribution.manifest.v2+json' },
    })
    await repository.send('GET', 'manifests/x', 200, { headers: { accept: `text/plain;q=0.5, ${ociManifest};q=0.1` } })
  })
}
