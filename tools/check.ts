import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'

// The gate: format, lint, types, dead code, unit tests. Below two minutes on two cores.
const root = join(import.meta.dirname, '..')
const bin = (name: string): string => join(root, 'node_modules', '.bin', name)
const tests = ['src/**/*.test.ts', 'test/architecture*.test.ts'].flatMap((pattern) => globSync(pattern, { cwd: root }))

// what Node.js compiled is kept: most of a test file's time is its start
const environment = { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'compiled') }

const steps: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ['format', bin('oxfmt'), ['--check', '.']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings']],
  ['types', bin('tsc'), ['-p', '.']],
  ['dead code', bin('knip'), []],
  ['tests', process.execPath, ['--test', '--test-concurrency=3', '--test-timeout=120000', ...tests.toSorted()]],
]

for (const [name, command, args] of steps) {
  const start = performance.now()
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: environment })
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  if (result.status !== 0) {
    console.error(`check: ${name} failed after ${seconds} s`)
    process.exit(result.status ?? 1)
  }
  console.error(`check: ${name} passed in ${seconds} s`)
}
