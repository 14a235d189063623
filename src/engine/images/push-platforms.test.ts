import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CopyEvent } from '../../content/interfaces.ts'
import { isGantryError, type GantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { startFaultyRegistry, refuse } from '../../testing/faulty-registry.ts'
import { randomImage, randomIndex } from '../../testing/random-image.ts'
import { TestEngine } from '../test-engine.ts'
import { pullPlatforms, type WantedPlatforms } from './pull-platforms.ts'
import { pushAllTags } from './push-all.ts'
import { pushImage } from './push.ts'
import { tagImage } from './tag.ts'

const host = { os: 'linux', architecture: 'amd64' }
const platform = (text: string) => parsePlatform(text, host)
const small = { layers: 1, files: 1 }

const rejects = async (work: Promise<unknown>, code: string): Promise<GantryError> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  )
  assert.ok(isGantryError(error), String(error))
  assert.equal(error.code, code, error.message)
  return error
}

/** Publishes a multi-platform image as `from:1`, pulls some platforms of it and calls it `to:1` too. */
const pulled = async (test: TestEngine, platforms: WantedPlatforms): Promise<Descriptor> => {
  const index = await test.publish('from', ['1'], async (sink) => await randomIndex(sink, { ...small, attestation: true }))
  await pullPlatforms(test.engine, test.name('from:1'), { platforms })
  await tagImage(test.engine, test.name('from:1'), test.name('to:1'))
  return index
}

/** What a tag of the registry points at. */
const published = async (test: TestEngine, path: string, tag: string): Promise<Descriptor | undefined> =>
  (await test.registry.storage.repository(path).manifest(tag))?.descriptor

test('pushImage() pushes an index that is here whole, with its attestations', async () => {
  await using test = await TestEngine.start()
  const index = await pulled(test, 'all')
  const { target } = await pushImage(test.engine, test.name('to:1'))
  assert.equal(target.digest, index.digest)
  assert.equal((await published(test, 'to', '1'))?.digest, index.digest)
})

test('pushImage() of a platform pushes that image without the index', async () => {
  await using test = await TestEngine.start()
  const index = await pulled(test, [host, platform('linux/arm64')])
  const { target } = await pushImage(test.engine, test.name('to:1'), { platform: platform('linux/arm64') })
  assert.notEqual(target.digest, index.digest)
  assert.equal((await published(test, 'to', '1'))?.digest, target.digest)
  const error = await rejects(pushImage(test.engine, test.name('to:1'), { platform: platform('linux/s390x') }), 'NO_PLATFORM')
  assert.equal(error.hint, 'here it has linux/amd64, linux/arm64/v8')
})

test('pushImage() of an index with one image here pushes that image in its place, and says so', async () => {
  await using test = await TestEngine.start()
  const index = await pulled(test, [host])
  const events: CopyEvent[] = []
  const { target } = await pushImage(test.engine, test.name('to:1'), { onEvent: (event) => events.push(event) })
  assert.notEqual(target.digest, index.digest)
  assert.equal((await published(test, 'to', '1'))?.digest, target.digest)
  const warnings = events.flatMap((event) => (event.kind === 'warning' ? [event.message] : []))
  assert.deepEqual(warnings, [
    `Not all multiplatform-content is present and only the available single-platform image was copied: ${index.digest} -> ${target.digest}`,
  ])
})

test('pushImage() of an index with several but not all images here refuses, unless the rest may be fetched', async () => {
  await using test = await TestEngine.start()
  const index = await pulled(test, [host, platform('linux/arm64')])
  const error = await rejects(pushImage(test.engine, test.name('to:1')), 'INDEX_INCOMPLETE')
  assert.match(error.message, /linux\/arm\/v7/)
  assert.match(error.hint ?? '', /linux\/amd64, linux\/arm64\/v8/)
  assert.equal(await published(test, 'to', '1'), undefined, 'nothing was pushed')
  const { target } = await pushImage(test.engine, test.name('to:1'), { fetchMissing: true })
  assert.equal(target.digest, index.digest)
  assert.equal((await published(test, 'to', '1'))?.digest, index.digest)
})

test('pushImage() of an index whose other images the repository has already pushes it whole', async () => {
  await using test = await TestEngine.start()
  const index = await pulled(test, [host])
  await test.publish('to', ['other'], async (sink) => await randomIndex(sink, { ...small, attestation: true }))
  const { target } = await pushImage(test.engine, test.name('to:1'))
  assert.equal(target.digest, index.digest)
})

test('pushAllTags() pushes every tag of the repository, and one that fails does not hide the others', async () => {
  await using test = await TestEngine.start()
  await test.publish('from', ['1'], async (sink) => await randomImage(sink, small))
  await pullPlatforms(test.engine, test.name('from:1'))
  await using registry = await startFaultyRegistry()
  for (const tag of ['2', '1', '3']) await tagImage(test.engine, test.name('from:1'), `${registry.host}/app:${tag}`)
  registry.fault(
    ({ method, path }, response) => method === 'PUT' && path.endsWith('/manifests/2') && refuse(response, 403, 'DENIED', 'no'),
  )
  const [pushed, failed]: [string[], string[]] = [[], []]
  const result = await pushAllTags(test.engine, `${registry.host}/app`, {
    onPushed: ({ reference }) => void pushed.push(reference.tag ?? ''),
    onFailed: ({ tag = '' }) => void failed.push(tag),
  })
  assert.deepEqual([result, pushed, failed], [{ pushed: 2, failed: 1 }, ['1', '3'], ['2']])
  const none = await rejects(pushAllTags(test.engine, `${registry.host}/none`), 'NO_SUCH_IMAGE')
  assert.match(none.message, /^An image does not exist locally with the tag: /)
  await rejects(pushAllTags(test.engine, `${registry.host}/app:1`), 'TAG_WITH_ALL_TAGS')
})

test('pushImage() refuses a digest, as docker does', async () => {
  await using test = await TestEngine.start()
  const { message } = await rejects(pushImage(test.engine, `${test.name('app')}@sha256:${'0'.repeat(64)}`), 'PUSH_WITH_DIGEST')
  assert.match(message, /cannot push a digest reference$/)
})
