import assert from 'node:assert/strict'
import { digestOf, newBlob } from './client.ts'
import type { Define } from './suite.ts'

/** §Content Management. */
export const managementTests = (define: Define): void => {
  define(
    'DELETE of a tag leaves the manifest and other tags',
    async (repository) => {
      const { bytes, digest } = await repository.image('a')
      await repository.put('b', bytes, undefined)
      await repository.send('DELETE', 'manifests/a', 202)
      await repository.get('a', 404)
      await repository.get('b')
      await repository.get(digest)
      assert.deepEqual((await repository.list()).tags, ['b'])
      assert.deepEqual(await repository.refused('DELETE', 'manifests/a', 404), ['MANIFEST_UNKNOWN'])
    },
    'tag-deletion',
  )

  define(
    'DELETE of a manifest takes its tags along',
    async (repository) => {
      const { bytes, digest } = await repository.image('a')
      await repository.put('b', bytes, undefined)
      const other = await repository.image('c')
      await repository.send('DELETE', `manifests/${digest}`, 202)
      for (const reference of ['a', 'b', digest]) await repository.get(reference, 404)
      assert.deepEqual((await repository.list()).tags, ['c'])
      await repository.get(other.digest)
      await repository.send('DELETE', `manifests/${digest}`, 404)
    },
    'delete-tags-too',
  )

  define(
    'a deleted manifest can be pushed again',
    async (repository) => {
      const { bytes, digest } = await repository.image('a')
      await repository.send('DELETE', `manifests/${digest}`, 202)
      await repository.put('a', bytes, undefined)
      await repository.get('a')
    },
    'delete-tags-too',
  )

  define('DELETE of a blob', async (repository) => {
    const blob = newBlob()
    await repository.push(blob)
    await repository.send('DELETE', `blobs/${blob.digest}`, 202)
    await repository.send('GET', `blobs/${blob.digest}`, 404)
    await repository.send('HEAD', `blobs/${blob.digest}`, 404)
    assert.deepEqual(await repository.refused('DELETE', `blobs/${blob.digest}`, 404), ['BLOB_UNKNOWN'])
    await repository.push(blob)
  })

  define('DELETE of what never was is 404', async (repository) => {
    await repository.send('DELETE', `manifests/${digestOf('never')}`, 404)
    await repository.image('x')
    await repository.send('DELETE', `manifests/${digestOf('never')}`, 404)
    await repository.send('DELETE', `blobs/${digestOf('never')}`, 404)
  })
}
