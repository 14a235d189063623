import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const module = join(import.meta.dirname, 'go-time.ts')

/** In a process of its own, since the zone is the process's. */
const shown = (zone: string): readonly string[] => {
  const script = `import { goTime, rfc3339 } from ${JSON.stringify(module)}
    const date = new Date(Date.UTC(2024, 0, 2, 3, 4, 5))
    console.log(goTime(date) + '|' + rfc3339(date))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, TZ: zone },
    encoding: 'utf8',
  })
  return stdout.trim().split('|')
}

test('goTime() and rfc3339() write a time as docker does, in the local zone', () => {
  assert.deepEqual(shown('UTC'), ['2024-01-02 03:04:05 +0000 UTC', '2024-01-02T03:04:05Z'])
  assert.deepEqual(shown('Europe/Berlin'), ['2024-01-02 04:04:05 +0100 CET', '2024-01-02T04:04:05+01:00'])
  assert.deepEqual(shown('America/Sao_Paulo'), ['2024-01-02 00:04:05 -0300 -03', '2024-01-02T00:04:05-03:00'])
})
