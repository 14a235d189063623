import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { StatCache } from './stat-cache.ts'

void describe('StatCache', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-stat-cache-'))
  after(() => rmSync(folder, { recursive: true }))

  const reading = (path: string) => {
    const calls = { count: 0 }
    const load = async (): Promise<string> => {
      calls.count++
      return readFile(path, 'utf8')
    }
    return { calls, load }
  }

  test('get() loads once what has been unchanged for a while, and every time what is young', async () => {
    const path = join(folder, 'once')
    const cache = new StatCache<string>({ maxWeight: 10, weigh: () => 1 })
    const { calls, load } = reading(path)
    writeFileSync(path, 'one')
    for (let round = 0; round < 3; round++) assert.equal(await cache.get(path, load), 'one')
    assert.equal(calls.count, 3)
    await sleep(1100)
    for (let round = 0; round < 3; round++) assert.equal(await cache.get(path, load), 'one')
    assert.equal(calls.count, 4)
  })

  test('get() sees a change that leaves size and time of modification alone', async () => {
    const path = join(folder, 'change')
    const cache = new StatCache<string>({ maxWeight: 10, weigh: () => 1 })
    const { load } = reading(path)
    writeFileSync(path, 'one')
    utimesSync(path, 1, 1)
    await sleep(1100)
    assert.equal(await cache.get(path, load), 'one')
    for (const text of ['two', 'six', 'ten']) {
      writeFileSync(`${path}.new`, text)
      utimesSync(`${path}.new`, 1, 1)
      renameSync(`${path}.new`, path)
      assert.equal(await cache.get(path, load), text)
    }
    rmSync(path)
    assert.equal(await cache.get(path, load), undefined)
  })

  test('get() keeps the values that were used when the weight is exceeded', async () => {
    const cache = new StatCache<string>({ maxWeight: 3, weigh: () => 1 })
    const files = ['a', 'b', 'c', 'd', 'e'].map((name) => join(folder, name))
    for (const path of files) writeFileSync(path, path)
    await sleep(1100)
    const counted = files.map((path) => ({ path, ...reading(path) }))
    const [a, b, c, d, e] = counted as [(typeof counted)[0], ...typeof counted]
    for (const { path, load } of [a, b, c, a, d!, e!].map((one) => one!)) await cache.get(path, load)
    await cache.get(a.path, a.load)
    await cache.get(b!.path, b!.load)
    assert.deepEqual([a.calls.count, b!.calls.count, c!.calls.count], [1, 2, 1])
  })

  test('get() keeps nothing that load() does not know or that weighs too much', async () => {
    const path = join(folder, 'heavy')
    writeFileSync(path, 'x')
    await sleep(1100)
    const cache = new StatCache<string>({ maxWeight: 3, weigh: (value) => value.length })
    let calls = 0
    for (const value of ['heavy', undefined, 'ok', 'ok']) assert.equal(await cache.get(path, async () => (calls++, value)), value)
    assert.equal(calls, 3)
  })
})
