import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Leases, type LiveLeases } from './leases.ts'

const withFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-leases-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const relied = (leases: LiveLeases): readonly string[] => [...leases.values()].flatMap((names) => [...names]).toSorted()

test('live() has what each holder relies on, until its last lease ends', async () => {
  await withFolder(async (folder) => {
    const [a, b] = [new Leases(folder), new Leases(folder)]
    await a.rely(['nothing is held yet'])
    const first = await a.take()
    await a.rely(['one', 'two'])
    const second = await a.take()
    await a.rely(['two', 'three'])
    const other = await b.take()
    await b.rely(['four'])
    for (const leases of [a, b, new Leases(folder)])
      assert.deepEqual(relied(await leases.live()), ['four', 'one', 'three', 'two'])
    await first[Symbol.asyncDispose]()
    assert.deepEqual(relied(await b.live()), ['four', 'three', 'two'])
    await a.rely(['five'])
    assert.deepEqual(relied(await b.live()), ['five', 'four', 'three', 'two'])
    await second[Symbol.asyncDispose]()
    await second[Symbol.asyncDispose]()
    assert.deepEqual(relied(await b.live()), ['four'])
    await other[Symbol.asyncDispose]()
    assert.deepEqual(readdirSync(folder), [])
  })
})

test('live() removes what dead holders left, and has no line that has not come whole', async () => {
  await withFolder(async (folder) => {
    const leases = new Leases(folder)
    await using _lease = await leases.take()
    const owner = await leases.owner()
    writeFileSync(join(folder, '0123456789abcdef'), 'dead\n')
    writeFileSync(join(folder, '0123456789abcdef.lock'), '')
    writeFileSync(join(folder, '0123456789abcde0.lock-journal'), '')
    await leases.rely(['one'])
    writeFileSync(join(folder, owner), 'one\ntw')
    assert.deepEqual([...(await leases.live())], [[owner, new Set(['one'])]])
    assert.ok(readdirSync(folder).every((name) => name.startsWith(owner)))
  })
})

test('rely() waits for a collection that may not have seen it, and not for one that has died', async () => {
  await withFolder(async (folder) => {
    const [holder, collector] = [new Leases(folder), new Leases(folder)]
    await using _lease = await holder.take()
    await holder.rely(['known'])
    const order: string[] = []
    let relying: Promise<void> | undefined
    await collector.collect(async (leases) => {
      assert.deepEqual(relied(leases), ['known'])
      await holder.rely(['known'])
      relying = holder.rely(['late']).then(() => void order.push('relied'))
      await new Promise((resolve) => setTimeout(resolve, 50))
      order.push('collected')
    })
    await relying
    assert.deepEqual(order, ['collected', 'relied'])
    writeFileSync(join(folder, 'collecting'), '')
    await holder.rely(['after a crash'])
    assert.ok(!existsSync(join(folder, 'collecting')))
  })
})

test('owner() needs a lease', async () => {
  await assert.rejects(new Leases('/nowhere').owner(), { code: 'NO_LEASE' })
})
