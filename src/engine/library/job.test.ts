import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startJob, type Job } from './job.ts'

const counting = (count: number, fail = false): Job<string, number> =>
  startJob(async (emit) => {
    for (let number = 0; number < count; number++) {
      emit(number)
      if (number % 3 === 0) await sleep(1)
    }
    if (fail) throw new Error('failed')
    return 'done'
  })

test('startJob() can be gone through and awaited, in either order', async () => {
  const job = counting(10)
  const seen: number[] = []
  for await (const event of job) seen.push(event)
  assert.deepEqual(seen, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  assert.equal(await job, 'done')
  const awaited = counting(3)
  assert.equal(await awaited, 'done')
  const late: number[] = []
  for await (const event of awaited) late.push(event)
  assert.deepEqual(late, [0, 1, 2])
})

test('startJob() goes on when the loop is left', async () => {
  const job = counting(10)
  for await (const event of job) if (event === 2) break
  assert.equal(await job, 'done')
})

test('startJob() throws in the loop and when awaited, and is no unhandled rejection meanwhile', async () => {
  const job = counting(2, true)
  await sleep(20)
  await assert.rejects(async () => {
    for await (const event of job) assert.ok(event < 2)
  }, /failed/)
  await assert.rejects(job, /failed/)
})

test('startJob() keeps only the newest of events that are the same', async () => {
  const job = startJob<void, { readonly name: string; readonly at: number }>(
    async (emit) => {
      for (let at = 0; at < 1000; at++) emit({ name: at % 2 === 0 ? 'a' : 'b', at })
    },
    ({ name }) => name,
  )
  await job
  const seen: number[] = []
  for await (const { at } of job) seen.push(at)
  assert.deepEqual(seen, [998, 999])
})
