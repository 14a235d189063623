import assert from 'node:assert/strict'
import { utimesSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { isGantryError, type GantryError } from '../../lib/errors.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { refuse, startFaultyRegistry } from '../../testing/faulty-registry.ts'
import { randomImage, randomIndex } from '../../testing/random-image.ts'
import { listRepositories } from '../catalog.ts'
import { TestEngine } from '../test-engine.ts'
import { listTags, type ListTagsOptions } from './tags.ts'

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

test('listTags() orders, filters and limits', async () => {
  await using test = await TestEngine.start()
  await test.publish('app', ['1.10', '1.9', 'latest', '1.10-slim', 'edge'], async (sink) => await randomImage(sink, small))
  const names = async (options?: ListTagsOptions): Promise<string> =>
    (await listTags(test.engine, test.name('app'), options)).map(({ tag }) => tag).join(' ')
  assert.equal(await names(), 'latest 1.10 1.9 1.10-slim edge')
  assert.equal(await names({ sort: 'name' }), '1.10 1.10-slim 1.9 edge latest')
  assert.equal(await names({ limit: 2 }), 'latest 1.10')
  assert.equal(await names({ filters: ['1.*'] }), '1.10 1.9 1.10-slim')
  assert.equal(await names({ filters: ['slim'] }), '1.10-slim')
  assert.equal(await names({ filters: ['/^1\\.\\d+$/', '*0'] }), '1.10')
  await rejects(names({ filters: ['/(/'] }), 'FILTER_INVALID')
  await rejects(listTags(test.engine, test.name('app:1.10')), 'REPOSITORY_WANTED')
  const unknown = await rejects(listTags(test.engine, test.name('ap')), 'NAME_UNKNOWN')
  assert.equal(unknown.hint, `did you mean "${test.name('app')}"?`)
})

test('listTags() finds out digest, platforms without attestations, and the size for this machine', async () => {
  await using test = await TestEngine.start()
  const index = await test.publish('app', ['multi'], async (sink) => await randomIndex(sink, { ...small, attestation: true }))
  const arm = { os: 'linux', architecture: 'arm64' }
  const image = await test.publish('app', ['one'], async (sink) => await randomImage(sink, { ...small, platform: arm }))
  const [multi, one] = await listTags(test.engine, test.name('app'), { details: true, sort: 'name' })
  assert.deepEqual([multi?.details?.target.digest, one?.details?.target.digest], [index.digest, image.digest])
  assert.deepEqual(multi?.details?.platforms.map(formatPlatform), ['linux/amd64', 'linux/arm64', 'linux/arm/v7'])
  assert.deepEqual(one?.details?.platforms.map(formatPlatform), ['linux/arm64'])
  assert.equal(one?.details?.created, Date.UTC(2024, 0, 2, 3, 4, 5))
  assert.ok((one?.details?.size ?? 0) > 100)
})

test('listTags() shows a tag that is broken without hiding the others', async () => {
  await using test = await TestEngine.start()
  await using registry = await startFaultyRegistry()
  for (const tag of ['a', 'b'])
    registry.addManifest('app', tag, { schemaVersion: 2, config: registry.addBlob('app', Buffer.from('{}')), layers: [] })
  registry.fault(({ path }, response) => path.endsWith('/manifests/b') && refuse(response, 404, 'MANIFEST_UNKNOWN', 'gone'))
  const [a, b] = await listTags(test.engine, `${registry.host}/app`, { details: true, sort: 'name' })
  assert.match(b?.failure ?? '', /not found/)
  assert.equal(b?.details, undefined)
  assert.equal(a?.failure, undefined)
})

test('listTags() by push time asks the registry, and says so where it does not tell', async () => {
  await using test = await TestEngine.start()
  await test.publish('app', ['1', '2', '3'], async (sink) => await randomImage(sink, small))
  for (const [tag, hour] of [
    ['1', 2],
    ['2', 3],
    ['3', 1],
  ] as const)
    for (const file of globSync(`**/${tag}`, { cwd: test.registry.folder }))
      utimesSync(join(test.registry.folder, file), hour * 3600, hour * 3600)
  const tags = await listTags(test.engine, test.name('app'), { sort: 'pushed' })
  assert.deepEqual(
    tags.map(({ tag, pushed }) => `${tag} ${pushed?.getTime()}`),
    ['2 10800000', '1 7200000', '3 3600000'],
  )
  await using registry = await startFaultyRegistry()
  registry.addManifest('app', 'a', { schemaVersion: 2, config: registry.addBlob('app', Buffer.from('{}')), layers: [] })
  await rejects(listTags(test.engine, `${registry.host}/app`, { sort: 'pushed' }), 'NO_PUSH_TIMES')
})

test('listTags() takes a list of null for an empty one', async () => {
  await using test = await TestEngine.start()
  await using registry = await startFaultyRegistry()
  registry.fault(({ path }, response) => {
    if (!path.endsWith('/tags/list')) return false
    response.end('{"name":"app","tags":null}')
    return true
  })
  assert.deepEqual(await listTags(test.engine, `${registry.host}/app`), [])
})

test('listRepositories() filters and limits, and says where there is no list', async () => {
  await using test = await TestEngine.start()
  for (const path of ['team/app', 'team/deep/app', 'web'])
    await test.publish(path, ['1'], async (sink) => await randomImage(sink, small))
  const { host } = test.registry
  assert.deepEqual(await listRepositories(test.engine, host), ['team/app', 'team/deep/app', 'web'])
  assert.deepEqual(await listRepositories(test.engine, host, { limit: 1 }), ['team/app'])
  assert.deepEqual(await listRepositories(test.engine, host, { filters: ['team/*'] }), ['team/app'])
  assert.deepEqual(await listRepositories(test.engine, host, { filters: ['team/**'], limit: 5 }), ['team/app', 'team/deep/app'])
  assert.deepEqual(await listRepositories(test.engine, host, { filters: ['eb'] }), ['web'])
  await using registry = await startFaultyRegistry()
  registry.fault(({ path }, response) => path.endsWith('_catalog') && refuse(response, 404, 'NOT_FOUND', 'no'))
  const error = await rejects(listRepositories(test.engine, registry.host), 'NO_CATALOG')
  assert.match(error.hint ?? '', /gantry tags /)
})
