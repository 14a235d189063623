import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isGantryError } from '../../lib/errors.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { randomIndex } from '../../testing/random-image.ts'
import { TestEngine } from '../test-engine.ts'
import { imageHistory } from './history.ts'
import { inspectImage } from './inspect.ts'
import { loadImages } from './load.ts'
import { platformsHere } from './platforms.ts'
import { pullPlatforms } from './pull-platforms.ts'
import { saveImages } from './save.ts'

const host = { os: 'linux', architecture: 'amd64' }
const arm64 = parsePlatform('linux/arm64', host)

test('save, load, inspect and history take one platform of a multi-platform image', async () => {
  await using test = await TestEngine.start()
  const index = await test.publish(
    'multi',
    ['1'],
    async (sink) => await randomIndex(sink, { layers: 1, files: 1, attestation: true }),
  )
  const name = test.name('multi:1')
  await pullPlatforms(test.engine, name, { platforms: 'all' })
  const inspected = (await inspectImage(test.engine, name, { platform: arm64 })) as {
    readonly Id: string
    readonly Architecture: string
  }
  assert.equal(inspected.Architecture, 'arm64')
  assert.equal((await imageHistory(test.engine, name, { platform: arm64 }))[0]?.id, inspected.Id)

  const [all, one] = [join(test.folder, 'all.tar'), join(test.folder, 'one.tar')]
  await writeFile(all, await saveImages(test.engine, [name]))
  await writeFile(one, await saveImages(test.engine, [name], { platform: arm64 }))

  const loadInto = async (file: string, options: Parameters<typeof loadImages>[2] = {}): Promise<string> => {
    await using other = await TestEngine.start()
    const [loaded] = await loadImages(other.engine, file, options)
    assert.equal(loaded?.name, name)
    const store = await other.engine.content()
    const target = await store.resolve(name)
    return `${target.digest === index.digest ? 'index' : 'image'}: ${await platformsHere(store, target)}`
  }
  assert.equal(await loadInto(all), 'index: linux/amd64, linux/arm64/v8, linux/arm/v7')
  assert.equal(await loadInto(all, { platform: arm64 }), 'index: linux/arm64/v8')
  assert.equal(await loadInto(one), 'image: linux/arm64/v8')
  const missing = parsePlatform('linux/s390x', host)
  await assert.rejects(
    loadInto(one, { platform: missing }),
    (error) => isGantryError(error, 'not_found') && error.code === 'NO_PLATFORM',
  )
  await assert.rejects(saveImages(test.engine, [name], { platform: missing }), (error) => isGantryError(error, 'not_found'))
})
