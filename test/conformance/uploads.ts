import assert from 'node:assert/strict'
import { digestOf, newBlob, newName, Repository, withQuery, type Blob } from './client.ts'
import type { Define } from './suite.ts'

const octets = { 'content-type': 'application/octet-stream' }

/** §Pushing blobs, §Mounting a blob from another repository, §Cancel a blob upload. */
export const uploadTests = (define: Define): void => {
  monolithicTests(define)
  chunkTests(define)
  outOfOrderTests(define)
  mountTests(define)

  define('DELETE of an upload ends it', async (repository) => {
    const location = await repository.start()
    await repository.send('DELETE', location, 204)
    await repository.send('PATCH', location, 404, { body: Buffer.from('x'), headers: octets })
    assert.deepEqual(await repository.refused('GET', location, 404), ['BLOB_UPLOAD_UNKNOWN'])
    await repository.send('DELETE', location, 404)
  })

  define('an upload that is not known is 404 BLOB_UPLOAD_UNKNOWN', async (repository) => {
    const location = `blobs/uploads/${crypto.randomUUID()}`
    for (const method of ['GET', 'PATCH', 'DELETE']) await repository.send(method, location, 404)
    await repository.send('PUT', withQuery(location, { digest: digestOf('x') }), 404, { body: 'x' })
  })
}

const monolithicTests = (define: Define): void => {
  define('POST, then PUT', async (repository) => {
    for (const size of [0, 1, 512, 3_000_000]) await repository.push(newBlob(size))
  })

  define(
    'single POST',
    async (repository) => {
      const blob = newBlob()
      const post = `blobs/uploads/?digest=${blob.digest}`
      await repository.expectBlob(
        repository.location(await repository.send('POST', post, 201, { body: blob.bytes, headers: octets })),
        blob,
      )
      assert.deepEqual(
        await repository.refused('POST', `blobs/uploads/?digest=${digestOf('else')}`, 400, { body: blob.bytes, headers: octets }),
        ['DIGEST_INVALID'],
      )
    },
    'single-post',
  )

  define('the digest in the query may be percent-encoded', async (repository) => {
    const blob = newBlob()
    await repository.send('PUT', withQuery(await repository.start(), { digest: blob.digest }), 201, {
      body: blob.bytes,
      headers: octets,
    })
    await repository.expectBlob(`blobs/${encodeURIComponent(blob.digest)}`, blob)
  })

  define('a digest that does not fit is 400 DIGEST_INVALID and stores nothing', async (repository) => {
    const blob = newBlob()
    const wrong = digestOf('else')
    assert.deepEqual(
      await repository.refused('PUT', withQuery(await repository.start(), { digest: wrong }), 400, {
        body: blob.bytes,
        headers: octets,
      }),
      ['DIGEST_INVALID'],
    )
    for (const digest of [blob.digest, wrong]) await repository.send('HEAD', `blobs/${digest}`, 404)
  })

  define('a digest of a bad form, of an unknown algorithm, or none, is 400', async (repository) => {
    for (const digest of ['sha256:abc', 'sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709', 'nonsense', ''])
      await repository.send('PUT', withQuery(await repository.start(), { digest }), 400, { body: 'x', headers: octets })
    await repository.send('PUT', await repository.start(), 400, { body: 'x', headers: octets })
  })

  define(
    'sha512',
    async (repository) => {
      await repository.push(newBlob(512, 'sha512'))
      const chunked = newBlob(1000, 'sha512')
      const location = await repository.start('?digest-algorithm=sha512')
      const next = await repository.send('PATCH', location, 202, { body: chunked.bytes, headers: octets })
      await repository.finish(repository.location(next), chunked.digest)
      await repository.expectBlob(`blobs/${chunked.digest}`, chunked)
      await repository.send('POST', 'blobs/uploads/?digest-algorithm=md5', 400)
    },
    'sha512',
  )

  define('a blob that is there already may be pushed again', async (repository) => {
    const blob = newBlob()
    await repository.push(blob)
    await repository.push(blob)
  })
}

/** Sends a chunk, with its range unless told otherwise, and answers where the next one goes. */
const patch = async (repository: Repository, location: string, blob: Blob, start: number, end: number): Promise<string> => {
  const response = await repository.send('PATCH', location, 202, {
    body: blob.bytes.subarray(start, end),
    headers: { ...octets, 'content-range': `${start}-${end - 1}` },
  })
  assert.equal(response.headers.get('range'), `0-${end - 1}`)
  return repository.location(response)
}

const chunkTests = (define: Define): void => {
  define('chunks, the last one by PATCH', async (repository) => {
    const blob = newBlob(1000)
    let location = await repository.start()
    for (const [start, end] of [
      [0, 400],
      [400, 800],
      [800, 1000],
    ] as const)
      location = await patch(repository, location, blob, start, end)
    const response = await repository.finish(location, blob.digest)
    await repository.expectBlob(repository.location(response), blob)
  })

  define('chunks, the last one by PUT', async (repository) => {
    const blob = newBlob(1000)
    const location = await patch(repository, await repository.start(), blob, 0, 600)
    await repository.finish(location, blob.digest, blob.bytes.subarray(600), 201, { 'content-range': '600-999' })
    await repository.expectBlob(`blobs/${blob.digest}`, blob)
  })

  define('a stream without Content-Range, as docker sends it', async (repository) => {
    const blob = newBlob(100_000)
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < blob.bytes.length; at += 10_000) controller.enqueue(blob.bytes.subarray(at, at + 10_000))
        controller.close()
      },
    })
    const streamed = await fetch(await repository.start(), {
      method: 'PATCH',
      body,
      duplex: 'half',
      headers: octets,
    })
    assert.equal(streamed.status, 202)
    assert.equal(streamed.headers.get('range'), '0-99999')
    await repository.finish(repository.location(streamed), blob.digest)
    await repository.expectBlob(`blobs/${blob.digest}`, blob)
  })

  define('GET of an upload says how far it is', async (repository) => {
    const blob = newBlob(1000)
    const begun = await repository.start()
    assert.equal((await repository.send('GET', begun, 204)).headers.get('range'), '0-0')
    const location = await patch(repository, begun, blob, 0, 600)
    const state = await repository.send('GET', location, 204)
    assert.equal(state.headers.get('range'), '0-599')
    await patch(repository, repository.location(state), blob, 600, 1000)
  })
}

const outOfOrderTests = (define: Define): void => {
  define(
    'a chunk out of order is 416, and the upload goes on',
    async (repository) => {
      const blob = newBlob(1000)
      const first = await repository.start()
      await repository.send('PATCH', first, 416, {
        body: blob.bytes.subarray(500),
        headers: { ...octets, 'content-range': '500-999' },
      })
      const begun = repository.location(await repository.send('GET', first, 204))
      const second = await patch(repository, begun, blob, 0, 500)
      for (const range of ['0-499', '501-999', '400-899'])
        await repository.send('PATCH', second, 416, {
          body: blob.bytes.subarray(0, 500),
          headers: { ...octets, 'content-range': range },
        })
      await repository.send('PUT', withQuery(second, { digest: blob.digest }), 416, {
        body: blob.bytes.subarray(0, 500),
        headers: { ...octets, 'content-range': '0-499' },
      })
      const state = await repository.send('GET', second, 204)
      assert.equal(state.headers.get('range'), '0-499')
      const third = await patch(repository, repository.location(state), blob, 500, 1000)
      await repository.finish(third, blob.digest)
      await repository.expectBlob(`blobs/${blob.digest}`, blob)
    },
    'chunk-order',
  )

  define(
    'a chunk that is not as long as its range is refused',
    async (repository) => {
      const location = await repository.start()
      for (const range of ['0-8', '0-10', '5', 'a-b'])
        await repository.send('PATCH', location, [400, 416], {
          body: Buffer.alloc(10),
          headers: { ...octets, 'content-range': range },
        })
    },
    'strict-ranges',
  )
}

const mountTests = (define: Define): void => {
  define('mount of a blob of another repository', async (repository, subject) => {
    const source = new Repository(subject)
    const blob = newBlob()
    await source.push(blob)
    const response = await repository.send('POST', `blobs/uploads/?mount=${blob.digest}&from=${source.name}`, 201)
    await repository.expectBlob(repository.location(response), blob)
  })

  define('mount of a blob that is not there begins an upload', async (repository, subject) => {
    const source = new Repository(subject)
    await source.push(newBlob())
    for (const from of [source.name, newName()]) {
      const blob = newBlob()
      const response = await repository.send('POST', `blobs/uploads/?mount=${blob.digest}&from=${from}`, 202)
      await repository.finish(repository.location(response), blob.digest, blob.bytes)
      await repository.expectBlob(`blobs/${blob.digest}`, blob)
    }
  })

  define('mount without a source mounts, or begins an upload', async (repository, subject) => {
    const source = new Repository(subject)
    const blob = newBlob()
    await source.push(blob)
    const response = await repository.send('POST', `blobs/uploads/?mount=${blob.digest}`, [201, 202])
    if (response.status === 202) await repository.finish(repository.location(response), blob.digest, blob.bytes)
    await repository.expectBlob(`blobs/${blob.digest}`, blob)
  })
}
