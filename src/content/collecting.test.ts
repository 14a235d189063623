import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import type { Descriptor } from '../oci/descriptor.ts'
import { temporaryFolder, temporaryStore } from '../testing/content-store-folder.ts'
import { randomImage, randomIndex } from '../testing/random-image.ts'
import { collectGarbage } from './collect-garbage.ts'
import { openDiskStore } from './disk-store/disk-store.ts'
import type { DiskStore } from './interfaces.ts'
import { act, assertWhole, audit, steps } from './test-collecting.ts'
import { walk } from './walk.ts'

const smallImages = async (source: DiskStore): Promise<readonly Descriptor[]> => {
  const options = { layers: 2, files: 1, fileSize: 50 }
  return [
    await randomImage(source, { ...options, seed: 1 }),
    await randomImage(source, { ...options, seed: 1, layers: 3 }),
    await randomIndex(source, { ...options, seed: 2, platforms: [{ os: 'linux', architecture: 'amd64' }] }),
  ]
}

/** Nothing is lost, and nothing is left once nobody works. */
const assertTidy = async (store: DiskStore): Promise<void> => {
  await collectGarbage(store, { partialsBefore: Infinity })
  const roots = (await store.names()).map(({ descriptor }) => descriptor)
  for (const root of roots) await assertWhole(store, root, 'named in the end')
  const used = new Set<string>()
  for await (const { descriptor } of walk(store, roots)) used.add(descriptor.digest)
  assert.deepEqual(new Set((await Array.fromAsync(store.list())).map(({ digest }) => digest)), used)
  const leases = readdirSync(join(store.folder, 'leases')).filter((name) => name !== 'collecting.lock')
  assert.deepEqual(leases, [])
  assert.deepEqual(readdirSync(join(store.folder, 'ingest')), [])
}

test('whatever is named or leased stays whole, whoever collects meanwhile', async () => {
  await using source = await temporaryStore()
  const images = await smallImages(source.subject)
  const step = fc.tuple(fc.constantFrom(...steps), fc.nat(30))
  const lists = fc.array(fc.array(step, { minLength: 2, maxLength: 10 }), { minLength: 2, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(lists, async (lists) => {
      await using folder = await temporaryFolder()
      const actors = await Promise.all(lists.map(async () => await openDiskStore({ folder: folder.path })))
      const working = lists.map(async (list, index) => {
        const store = actors[index] as DiskStore
        for (const [step, number] of list) await act({ store, source: source.subject, images }, step, number)
      })
      await Promise.all(working)
      const store = actors[0] as DiskStore
      await audit(store)
      await assertTidy(store)
    }),
    { numRuns: 12, endOnFailure: true },
  )
})

test('whatever is named or leased stays whole in many processes, some of which are killed', async () => {
  await using source = await temporaryStore()
  await using folder = await temporaryFolder()
  const images = await smallImages(source.subject)
  const code = `
    import { openDiskStore } from '${import.meta.resolve('./disk-store/disk-store.ts')}'
    import { act, steps } from '${import.meta.resolve('./test-collecting.ts')}'
    import { createRandom } from '${import.meta.resolve('../testing/random-image.ts')}'
    const [seed, time] = process.argv.slice(1).map(Number)
    const actor = {
      store: await openDiskStore({ folder: ${JSON.stringify(folder.path)} }),
      source: await openDiskStore({ folder: ${JSON.stringify(source.subject.folder)} }),
      images: ${JSON.stringify(images)},
    }
    const random = createRandom(seed)
    const number = (limit) => Math.floor(random() * limit)
    for (const end = performance.now() + time; performance.now() < end; )
      await act(actor, steps[number(steps.length)], number(30))`
  const run = (seed: number, time: number): ReturnType<typeof spawn> =>
    spawn(process.execPath, ['--input-type=module', '-e', code, String(seed), String(time)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  const workers = [1, 2, 3].map((seed) => run(seed, 2500))
  const ended = workers.map(async (worker) => (await once(worker, 'exit')) as [number | null])
  for (let seed = 10; workers.some((worker) => worker.exitCode === null && worker.signalCode === null); seed++) {
    const victim = run(seed, 10_000)
    await sleep(200 + 37 * (seed % 7))
    victim.kill('SIGKILL')
    await once(victim, 'exit')
  }
  for (const [status] of await Promise.all(ended)) assert.equal(status, 0)
  await assertTidy(await openDiskStore({ folder: folder.path }))
})
