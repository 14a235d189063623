import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CopyEvent } from '../../content/interfaces.ts'
import { isGantryError, type GantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { randomImage, randomIndex } from '../../testing/random-image.ts'
import { TestEngine } from '../test-engine.ts'
import { listImages } from './list.ts'
import { findImage } from './lookup.ts'
import { platformImages, platformsHere } from './platforms.ts'
import { pullAllTags } from './pull-all.ts'
import { pullPlatforms } from './pull-platforms.ts'
import { pullImage } from './pull.ts'
import { removeImage } from './remove.ts'
import { imageTrees } from './tree.ts'

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

const here = async (test: TestEngine, target: Descriptor): Promise<string> =>
  await platformsHere(await test.engine.content(), target)

test('pullImage() keeps the index, and every further platform is added to it', async () => {
  await using test = await TestEngine.start()
  const index = await test.publish('multi', ['1'], async (sink) => await randomIndex(sink, { ...small, attestation: true }))
  const name = test.name('multi:1')
  const first = await pullImage(test.engine, name)
  assert.equal(first.target.digest, index.digest)
  assert.equal(await here(test, index), 'linux/amd64')
  const second = await pullPlatforms(test.engine, name, { platforms: [platform('linux/arm64'), platform('linux/arm/v7')] })
  assert.equal(second.target.digest, index.digest)
  assert.equal(second.upToDate, false, 'the name is the same, but there is more of it')
  assert.equal(await here(test, index), 'linux/amd64, linux/arm64/v8, linux/arm/v7')
  assert.equal((await pullPlatforms(test.engine, name, { platforms: [platform('linux/arm64')] })).upToDate, true)
  assert.equal((await findImage(test.engine, name)).image.config.architecture, 'amd64', "the machine's own goes first")
  assert.equal((await findImage(test.engine, name, { platform: platform('linux/arm64') })).image.config.architecture, 'arm64')
})

test('pullImage() asks the registry what a tag means now, however often it was pulled', async () => {
  await using test = await TestEngine.start()
  const name = test.name('moving:1')
  const publish = async (layers: number): Promise<Descriptor> =>
    await test.publish('moving', ['1'], async (sink) => await randomImage(sink, { ...small, layers }))
  const first = await publish(1)
  assert.equal((await pullImage(test.engine, name)).target.digest, first.digest)
  assert.equal((await pullImage(test.engine, name)).upToDate, true)
  const second = await publish(2)
  const pulled = await pullImage(test.engine, name)
  assert.deepEqual([pulled.target.digest, pulled.upToDate], [second.digest, false])
})

test('pullPlatforms() of all keeps the whole index, attestations too, and shows those as no platform', async () => {
  await using test = await TestEngine.start()
  const index = await test.publish('multi', ['1'], async (sink) => await randomIndex(sink, { ...small, attestation: true }))
  await pullPlatforms(test.engine, test.name('multi:1'), { platforms: 'all' })
  const store = await test.engine.content()
  const images = await platformImages(store, index)
  assert.equal(images.length, 3)
  assert.ok(images.every(({ image }) => image !== undefined))
  const [tree] = await imageTrees(test.engine, await listImages(test.engine))
  const sizes = images.map(({ image }) => [image?.descriptor, image?.manifest.config, ...(image?.manifest.layers ?? [])])
  const sum = sizes.flat().reduce((total, blob) => total + (blob?.size ?? 0), index.size)
  assert.equal(tree?.contentSize, sum, 'attestations are not counted')
  assert.deepEqual(
    tree?.platforms.map(({ isHere }) => isHere),
    [true, true, true],
  )
  let blobs = 0
  for await (const _ of store.list()) blobs++
  // index, 3 images of manifest, config and layer, attestation with config and statement
  assert.equal(blobs, 1 + 3 * 3 + 3)
})

test('pullImage() of a name with tag and digest goes by the digest and makes no tag', async () => {
  await using test = await TestEngine.start()
  const older = await test.publish('app', ['1'], async (sink) => await randomImage(sink, small))
  await test.publish('app', ['1'], async (sink) => await randomImage(sink, { ...small, seed: 2 }))
  const { target } = await pullImage(test.engine, `${test.name('app:1')}@${older.digest}`)
  assert.equal(target.digest, older.digest)
  const names = (await (await test.engine.content()).names()).map(({ name }) => name)
  assert.deepEqual(names, [`${test.name('app')}@${older.digest}`])
  assert.equal((await findImage(test.engine, `${test.name('app:1')}@${older.digest}`)).target.digest, older.digest)
})

test('pullImage() names the platforms that are there when none serves, and warns of a lone image for another machine', async () => {
  await using test = await TestEngine.start()
  const platforms = [platform('linux/arm64'), platform('linux/s390x')]
  await test.publish('foreign', ['latest'], async (sink) => await randomIndex(sink, { ...small, platforms, attestation: true }))
  await test.publish('arm', ['latest'], async (sink) => await randomImage(sink, { ...small, platform: platform('linux/arm64') }))
  const none = await rejects(pullImage(test.engine, test.name('foreign')), 'NO_PLATFORM')
  assert.match(none.message, /no matching manifest for linux\/amd64 in the manifest list entries/)
  assert.equal(none.hint, 'it has linux/arm64/v8, linux/s390x: choose one with --platform')
  const asked = await rejects(pullImage(test.engine, test.name('arm'), { platform: host }), 'NO_PLATFORM')
  assert.match(asked.message, /does not provide the specified platform \(linux\/amd64\)/)
  const { warning } = await pullImage(test.engine, test.name('arm'))
  assert.match(
    warning ?? '',
    /^The requested image's platform \(linux\/arm64\/v8\) does not match the detected host platform \(linux\/amd64\) and no/,
  )
  const forArm = await pullImage(test.engine, test.name('foreign'), { platform: platform('linux/arm64') })
  assert.equal(forArm.warning, undefined, 'it was asked for')
})

test('findImage() finds the images within an index by their IDs, and says which platforms are here', async () => {
  await using test = await TestEngine.start()
  await test.publish('multi', ['1'], async (sink) => await randomIndex(sink, small))
  await pullPlatforms(test.engine, test.name('multi:1'), { platforms: 'all' })
  const arm = await findImage(test.engine, test.name('multi:1'), { platform: platform('linux/arm64') })
  for (const text of [arm.id, arm.id.slice(7, 19), arm.image.descriptor.digest, arm.image.descriptor.digest.slice(7, 20)])
    assert.equal((await findImage(test.engine, text)).image.config.architecture, 'arm64', text)
  const missing = await rejects(
    findImage(test.engine, test.name('multi:1'), { platform: platform('linux/riscv64') }),
    'NO_PLATFORM',
  )
  assert.match(missing.message, /was found but does not provide the specified platform \(linux\/riscv64\)/)
  assert.equal(missing.hint, 'here it has linux/amd64, linux/arm64/v8, linux/arm/v7')
})

test('pullAllTags() pulls every tag, and one that fails does not hide the others', async () => {
  await using test = await TestEngine.start()
  for (const [seed, tag] of ['1.0', '1.1', 'latest'].entries())
    await test.publish('app', [tag], async (sink) => await randomImage(sink, { ...small, seed: seed + 1 }))
  const platforms = [platform('linux/s390x')]
  await test.publish('app', ['foreign'], async (sink) => await randomIndex(sink, { ...small, platforms }))
  await test.publish('app', [`sha256-${'0'.repeat(64)}`], async (sink) => await randomImage(sink, small))
  const [pulled, failed, resolved]: [string[], string[], string[]] = [[], [], []]
  const result = await pullAllTags(test.engine, test.name('app'), {
    onEvent: (event: CopyEvent) => event.kind === 'resolved' && resolved.push(event.reference),
    onPulled: ({ reference }) => void pulled.push(reference.tag ?? ''),
    onFailed: ({ tag = '' }, error) => void failed.push(`${tag} ${isGantryError(error) ? error.code : ''}`),
  })
  assert.deepEqual(result, { pulled: 3, failed: 1 })
  assert.deepEqual(pulled, ['1.0', '1.1', 'latest'])
  assert.deepEqual(failed, ['foreign NO_PLATFORM'])
  assert.deepEqual(resolved[0], test.name('app:1.0'))
  for (const text of ['app:1.0', `app@sha256:${'0'.repeat(64)}`])
    assert.match(
      (await rejects(pullAllTags(test.engine, test.name(text)), 'TAG_WITH_ALL_TAGS')).message,
      /^tag can't be used with/,
    )
})

test('a name by digest is removed without the tags of the same image', async () => {
  await using test = await TestEngine.start()
  const { digest } = await test.publish('app', ['1'], async (sink) => await randomImage(sink, small))
  await pullImage(test.engine, test.name('app:1'))
  await pullImage(test.engine, `${test.name('app')}@${digest}`)
  assert.deepEqual(await removeImage(test.engine, `${test.name('app')}@${digest}`), {
    untagged: [`${test.name('app')}@${digest}`],
  })
  assert.deepEqual((await findImage(test.engine, test.name('app:1'))).names, [test.name('app:1')])
})
