import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { lock, tryLock } from './lock.ts'

test('lock() is free again, with nothing left beside it, when its holder is killed', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'lock')
  const code = `
    import { lock } from '${import.meta.resolve('./lock.ts')}'
    const held = await lock(${JSON.stringify(path)})
    process.stdout.write('held')
    setTimeout(() => held.release(), 60_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  assert.equal(await tryLock(path, 'shared'), undefined)
  child.kill('SIGKILL')
  await once(child, 'exit')
  ;(await lock(path)).release()
  assert.deepEqual(readdirSync(folder.path), ['lock'])
})

test('lock() has many shared holders or one exclusive', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'lock')
  const [first, second] = [await lock(path, 'shared'), await lock(path, 'shared')]
  assert.equal(await tryLock(path), undefined)
  first.release()
  second.release()
  await using _exclusive = await lock(path)
  assert.equal(await tryLock(path, 'shared'), undefined)
})
