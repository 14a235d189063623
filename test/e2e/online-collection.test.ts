import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lacking, TestGantry } from '../support.ts'

const skip = lacking(['crun', 'conmon', 'busybox'], { root: true })

/** Runs a command beside others; answers its status (-1 if it was killed) and what it said. */
const run = async (gantry: TestGantry, words: readonly string[], killAfter?: number): Promise<readonly [number, string]> => {
  const child = gantry.start(...words)
  child.stdin?.end()
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => void (said += chunk.toString()))
  const killer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter)
  const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  clearTimeout(killer)
  return [status, said]
}

const duration = 12_000

test('images are removed while others pull, build and run, and some are killed', { skip }, async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  const [one, two] = [`${host}/team/one`, `${host}/team/two`]
  gantry.busybox(one)
  gantry.run('build', '-q', '-t', two, gantry.context({ Dockerfile: `FROM ${one}\nCOPY a /a\n`, a: 'x'.repeat(3_000_000) }))
  for (const name of [one, two]) gantry.run('push', name)
  const context = gantry.context({ Dockerfile: `FROM ${two}\nCOPY b /b\nRUN cat /a /b > /c\n`, b: 'text' })
  const end = performance.now() + duration
  const loop = async (work: (round: number) => Promise<void>): Promise<number> => {
    let rounds = 0
    while (performance.now() < end) await work(rounds++)
    return rounds
  }
  const must = async (...words: readonly string[]): Promise<void> => {
    const [status, said] = await run(gantry, words)
    assert.equal(status, 0, `gantry ${words.join(' ')}: ${said}`)
  }
  const rounds = await Promise.all([
    loop(async (round) => await must('pull', '-q', round % 2 === 0 ? one : two)),
    loop(async () => await must('run', '--rm', one, 'true')),
    loop(async (round) => await must('build', '-q', '-t', `built:${round % 2}`, context)),
    loop(async (round) => {
      await run(gantry, ['rmi', '-f', ...(round % 2 === 0 ? [one, 'built:0'] : [two, 'built:1'])])
    }),
    loop(async (round) => await must(...(round % 2 === 0 ? ['image', 'prune', '-af'] : ['system', 'prune', '-af']))),
    loop(async (round) => {
      const words = round % 2 === 0 ? ['pull', '-q', two] : ['build', '-q', '--no-cache', '-t', 'killed', context]
      await run(gantry, words, 150 + ((round * 137) % 900))
      await sleep(50)
    }),
  ])
  assert.ok(rounds.every((count) => count > 0))
  const verified = gantry.try(['system', 'verify'])
  assert.equal(verified.status, 0, verified.stdout)
  gantry.run('system', 'prune', '-af')
  assert.deepEqual(readdirSync(gantry.path('root', 'content', 'blobs', 'sha256')), [])
  assert.deepEqual(readdirSync(gantry.path('root', 'layers', 'sha256')), [])
  assert.deepEqual(readdirSync(gantry.path('root', 'content', 'ingest')), [])
  const leases = readdirSync(gantry.path('root', 'leases')).filter((name) => name !== 'collecting.lock')
  assert.deepEqual(leases, [])
})
