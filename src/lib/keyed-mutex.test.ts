import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as tick } from 'node:timers/promises'
import { KeyedMutex } from './keyed-mutex.ts'

test('KeyedMutex.run() runs one at a time for a key, in order, also after an error', async () => {
  const mutex = new KeyedMutex()
  const log: string[] = []
  const work = (name: string) => async () => {
    log.push(`+${name}`)
    await tick()
    log.push(`-${name}`)
    if (name === 'b') throw new Error(name)
    return name
  }
  const results = await Promise.allSettled(['a', 'b', 'c'].map((name) => mutex.run('key', work(name))))
  assert.deepEqual(log, ['+a', '-a', '+b', '-b', '+c', '-c'])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
})

test('KeyedMutex.run() runs different keys at once', async () => {
  const mutex = new KeyedMutex()
  const { promise, resolve } = Promise.withResolvers<void>()
  const waiting = mutex.run('a', () => promise)
  await mutex.run('b', async () => resolve())
  await waiting
})
