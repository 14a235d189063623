import { spawn, spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'

// The gate: format, lint, types, dead code, unit tests. Below two minutes on two cores.
const root = join(import.meta.dirname, '..')
const bin = (name: string): string => join(root, 'node_modules', '.bin', name)

// what Node.js compiled is kept: most of a test file's time is its start
const environment = { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled') }
const options = { cwd: root, env: environment } as const

const tests = [...globSync('src/**/*.test.ts', { cwd: root }), 'test/architecture.test.ts'].toSorted()

/** Tests that start no containers and change nothing of their process: those of a group share one, which starts once. */
const groups: readonly RegExp[] = [/^src\/(?:oci|lib|content|remote|cli)\//, /^src\/(?:registry|engine)\//]

const runTests = async (flags: readonly string[], files: readonly string[]): Promise<number> => {
  const child = spawn(process.execPath, ['--test', '--test-timeout=120000', ...flags, ...files], {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const output: Buffer[] = []
  child.stdout.on('data', (bytes: Buffer) => void output.push(bytes))
  return await new Promise((resolve) => {
    child.once('close', (status) => {
      process.stdout.write(Buffer.concat(output))
      resolve(status ?? 1)
    })
  })
}

const runAllTests = async (): Promise<number> => {
  const others = tests.filter((file) => !groups.some((group) => group.test(file)))
  const statuses = await Promise.all([
    ...groups.map(
      async (group) =>
        await runTests(
          ['--test-isolation=none'],
          tests.filter((file) => group.test(file)),
        ),
    ),
    runTests(['--test-concurrency=2'], others),
  ])
  return statuses.find((status) => status !== 0) ?? 0
}

const run = (command: string, ...args: readonly string[]): number =>
  spawnSync(bin(command), args, { ...options, stdio: 'inherit' }).status ?? 1

const steps: readonly (readonly [name: string, run: () => number | Promise<number>])[] = [
  ['format', () => run('oxfmt', '--check', '.')],
  ['lint', () => run('oxlint', '--type-aware', '--deny-warnings')],
  ['types', () => run('tsc', '-p', '.')],
  ['dead code', () => run('knip')],
  ['tests', runAllTests],
]

for (const [name, step] of steps) {
  const start = performance.now()
  const status = await step()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  if (status !== 0) {
    console.error(`check: ${name} failed after ${seconds} s`)
    process.exit(status)
  }
  console.error(`check: ${name} passed in ${seconds} s`)
}
