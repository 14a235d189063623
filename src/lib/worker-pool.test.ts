import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { GantryError } from './errors.ts'
import { WorkerPool } from './worker-pool.ts'
import { workerUrl } from './worker.ts'

const folder = mkdtempSync(join(tmpdir(), 'gantry-pool-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const module = (name: string): string => new URL(name, import.meta.url).pathname

const write = (name: string, text: string): URL => {
  writeFileSync(join(folder, name), text)
  return pathToFileURL(join(folder, name))
}

const worker = write(
  'jobs.worker.ts',
  `import { threadId } from 'node:worker_threads'
  import { GantryError } from '${module('errors.ts')}'
  import { serveJobs } from '${module('worker.ts')}'
  serveJobs(async (job: { kind: string; ms?: number }) => {
    if (job.kind === 'fail') throw new GantryError('data_loss', 'LOST', 'Cannot find "it"', { detail: { at: 7 }, hint: 'look', cause: new Error('why') })
    if (job.kind === 'throw') throw new TypeError('a fault')
    if (job.kind === 'exit') process.exit(3)
    if (job.kind === 'grow') (globalThis as { kept?: unknown }).kept = Array.from({ length: 1_000_000 }, (_, at) => ({ at }))
    if (job.kind === 'crash') return setTimeout(() => { throw new Error('late') })
    await new Promise((resolve) => setTimeout(resolve, job.ms ?? 0))
    return threadId
  })`,
)

test('WorkerPool runs jobs in at most so many workers and uses them again', async () => {
  await using pool = new WorkerPool(worker, { size: 2 })
  pool.warm()
  const threads = await Promise.all(Array.from({ length: 6 }, () => pool.run<number>({ kind: 'wait', ms: 20 })))
  assert.equal(new Set(threads).size, 2)
  assert.ok(threads.includes(await pool.run<number>({ kind: 'wait' })))
})

test('WorkerPool starts no second worker for patient jobs', async () => {
  await using pool = new WorkerPool(worker, { size: 2 })
  const patient = Array.from({ length: 3 }, () => pool.run<number>({ kind: 'wait', ms: 50 }, { patient: true }))
  const other = pool.run<number>({ kind: 'wait', ms: 50 })
  const [first, ...more] = await Promise.all(patient)
  assert.notEqual(await other, first)
  assert.ok(more.length === 2 && new Set([...more, first, await other]).size <= 2)
})

test('WorkerPool gives jobs that wait for a worker that died to another', async () => {
  await using pool = new WorkerPool(worker, { size: 1 })
  const dies = assert.rejects(pool.run({ kind: 'exit' }), { code: 'WORKER_FAILED' })
  const waits = [pool.run<number>({ kind: 'wait' }), pool.run<number>({ kind: 'wait' })]
  await dies
  assert.equal(new Set(await Promise.all(waits)).size, 1)
})

test('WorkerPool ends a worker whose heap has grown large', async () => {
  await using pool = new WorkerPool(worker, { size: 1 })
  const first = pool.run<number>({ kind: 'grow' })
  const second = pool.run<number>({ kind: 'wait' })
  assert.notEqual(await first, await second)
  assert.equal(await pool.run({ kind: 'wait' }), await second)
})

test('WorkerPool.run() throws what the job throws', async () => {
  await using pool = new WorkerPool(worker, { size: 1 })
  const thread = await pool.run<number>({ kind: 'wait' })
  const error = await pool.run({ kind: 'fail' }).catch((error: unknown) => error as GantryError)
  assert.ok(error instanceof GantryError)
  assert.deepEqual([error.kind, error.code, error.detail, error.hint], ['data_loss', 'LOST', { at: 7 }, 'look'])
  assert.equal((error.cause as Error).message, 'why')
  await assert.rejects(pool.run({ kind: 'throw' }), TypeError)
  assert.equal(await pool.run({ kind: 'wait' }), thread)
})

test('WorkerPool goes on after a worker died', async () => {
  await using pool = new WorkerPool(worker, { size: 1 })
  await assert.rejects(pool.run({ kind: 'exit' }), { code: 'WORKER_FAILED' })
  assert.equal(typeof (await pool.run({ kind: 'wait' })), 'number')
  await pool.run({ kind: 'crash' }).catch(() => undefined)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(typeof (await pool.run({ kind: 'wait' })), 'number')
})

test('WorkerPool ends idle workers after a while', async () => {
  await using pool = new WorkerPool(worker, { size: 1, idle: 10 })
  const first = await pool.run<number>({ kind: 'wait' })
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.notEqual(await pool.run<number>({ kind: 'wait' }), first)
})

const main = `
  import { WorkerPool } from '${module('worker-pool.ts')}'
  import { workerUrl } from '${module('worker.ts')}'
  const pool = new WorkerPool(workerUrl(import.meta.url, './jobs.worker.ts'))
  console.log(typeof (await pool.run({ kind: 'wait' })))`

test('WorkerPool keeps no process alive that is done', () => {
  const result = spawnSync(process.execPath, [write('main.ts', main).pathname], { encoding: 'utf8', timeout: 20_000 })
  assert.deepEqual([result.stdout, result.status], ['number\n', 0], result.stderr)
})

test('workerUrl() finds the worker in a bundle', async () => {
  write('main.ts', main)
  const out = join(folder, 'bundle')
  await build({
    entryPoints: { main: join(folder, 'main.ts'), 'jobs.worker': join(folder, 'jobs.worker.ts') },
    outdir: out,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  })
  writeFileSync(join(out, 'package.json'), '{"type":"module"}')
  const result = spawnSync(process.execPath, [join(out, 'main.js')], { encoding: 'utf8', timeout: 20_000 })
  assert.deepEqual([result.stdout, result.status], ['number\n', 0], result.stderr)
  assert.equal(workerUrl('file:///a/src/layers/x.ts', './deep/y.worker.ts').pathname, '/a/src/layers/deep/y.worker.ts')
  assert.equal(workerUrl('file:///a/dist/chunk.js', './deep/y.worker.ts').pathname, '/a/dist/y.worker.js')
})
