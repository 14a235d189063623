import assert from 'node:assert/strict'
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { cacheRecords } from '../../build/cache.ts'
import { buildImage } from '../build.ts'
import { TestEngine } from '../test-engine.ts'
import { forgetCache, type CacheLimits } from './forget-cache.ts'

let host: TestEngine
before(async () => void (host = await TestEngine.start()))
after(async () => await host[Symbol.asyncDispose]())

const folder = (): string => host.engine.path('build-cache')
/** The files that cached steps made, oldest use first. */
const cached = async (): Promise<readonly string[]> => [
  ...new Set((await cacheRecords(folder())).toSorted((a, b) => a.usedAt - b.usedAt).map(({ step }) => step.replace(/^.*\//, ''))),
]

/** Caches layers of 100 kB, `one` used first, and `kept`, which an image has. */
const fill = async (): Promise<void> => {
  const context = join(host.folder, 'context')
  await mkdir(context, { recursive: true })
  for (const [index, name] of ['kept', 'one', 'two', 'three'].entries()) {
    await writeFile(join(context, name), name.padEnd(100_000, 'x'))
    await writeFile(join(context, 'Dockerfile'), `FROM scratch\nCOPY ${name} /${name}\n`)
    const { target } = await buildImage(host.engine, { context, tags: [`${name}:1`], pull: false })
    if (name !== 'kept') await (await host.engine.content()).untag(`docker.io/library/${name}:1`, target.digest)
    for (const { key, step } of await cacheRecords(folder()))
      if (step.endsWith(`/${name}`))
        await utimes(join(folder(), 'records', key.slice(0, 2), `${key}.json`), 1000 + index, 1000 + index)
  }
}

const forget = async (limits: CacheLimits, cache: 'unused' | 'all' = 'unused'): Promise<readonly string[]> => {
  await fill()
  await forgetCache(host.engine, { cache, limits })
  return await cached()
}

test('forgetCache() forgets what was of no use for the longest time, as far as limits ask for it', async () => {
  await fill()
  assert.deepEqual(await cached(), ['kept', 'one', 'two', 'three'])
  assert.deepEqual(await forget({ maxUsed: 1_000_000 }), ['kept', 'one', 'two', 'three'])
  assert.deepEqual(await forget({ maxUsed: 250_000 }), ['kept', 'two', 'three'])
  assert.deepEqual(await forget({ reserved: 150_000 }), ['kept', 'three'])
  assert.deepEqual(await forget({ maxUsed: 1, reserved: 250_000 }), ['kept', 'two', 'three'])
  assert.deepEqual(await forget({ minFree: 1 }), ['kept', 'one', 'two', 'three'])
  assert.deepEqual(await forget({ minFree: Number.MAX_SAFE_INTEGER }), ['kept'])
  assert.deepEqual(await forget({ minFree: Number.MAX_SAFE_INTEGER, reserved: 150_000 }), ['kept', 'three'])
  assert.deepEqual(await forget({ maxUsed: 1 }, 'all'), ['kept'], 'what an image has is nothing that the cache keeps')
  assert.deepEqual(await forget({}), ['kept'])
  assert.deepEqual(await forget({}, 'all'), [])
})

test('forgetCache() forgets steps whose layers are gone, and leaves nothing of what it forgets', async () => {
  await fill()
  const layers = await host.engine.layers()
  const gone = (await cacheRecords(folder())).find(({ step }) => step.endsWith('/two'))
  await layers.remove(gone!.layer)
  await forgetCache(host.engine, { cache: 'unused', limits: { maxUsed: 1_000_000 } })
  assert.deepEqual(await cached(), ['kept', 'one', 'three'])
  await forgetCache(host.engine, { cache: 'all' })
  for (const kind of ['records', 'files', 'locks'])
    for (const entry of await readdir(join(folder(), kind), { recursive: true, withFileTypes: true }))
      assert.ok(!entry.isFile(), `${kind}/${entry.name}`)
})

test('A step that is found is of use now, but is not written down each time', async () => {
  await fill()
  const before = (await cacheRecords(folder())).find(({ step }) => step.endsWith('/three'))
  const context = join(host.folder, 'context')
  const use = async (): Promise<number> => {
    await buildImage(host.engine, { context, tags: [], pull: false })
    return Math.max(...(await cacheRecords(folder())).map(({ usedAt }) => usedAt))
  }
  const first = await use()
  assert.ok(first > before!.usedAt)
  assert.equal(await use(), first)
})
