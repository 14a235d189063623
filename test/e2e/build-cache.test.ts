import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacking, TestGantry } from '../support.ts'

const runs = { skip: lacking(['crun', 'conmon', 'busybox'], { root: true }) }

/** Resolves when what the process writes matches; goes on reading, so that it can go on writing. */
const says = async (child: ChildProcess, pattern: RegExp): Promise<void> => {
  let text = ''
  await new Promise<void>((resolve, reject) => {
    child.stderr?.on('data', (chunk) => {
      text += String(chunk)
      if (pattern.test(text)) resolve()
    })
    child.once('exit', () => reject(new Error(`it ended without ${pattern}: ${text}`)))
  })
}

const ended = async (child: ChildProcess): Promise<number | null> => {
  child.stderr?.resume()
  child.stdout?.resume()
  return await new Promise((resolve) => child.once('exit', resolve))
}

test('build says why a step is done again, and build --explain says it afterwards', async () => {
  await using gantry = new TestGantry()
  const folder = gantry.context({
    Dockerfile: 'FROM scratch\nCOPY src /src\nCOPY package.json /\n',
    'src/a.ts': '1',
    'package.json': '{}',
  })
  const none = gantry.try(['build', '--explain', folder])
  assert.equal(none.status, 1)
  assert.match(
    none.stderr,
    /Cannot explain the build of ".*": it was not built here yet\nhint: the folder, --file, --target and --platform/,
  )
  gantry.run('build', '-q', folder)
  appendFileSync(join(folder, 'src/a.ts'), '2')
  assert.match(gantry.try(['build', '--progress', 'plain', folder]).stderr, /#\d+ runs again: src\/a\.ts changed\n/)
  assert.match(
    gantry.run('build', '--explain', folder),
    /^Built .* ago: 1 of 2 steps were done, the rest was cached\ndone {4}\[1\] COPY src \/src\n +because: src\/a\.ts changed\ncached {2}\[2\] COPY package\.json \/\n$/,
  )
  assert.match(gantry.try(['build', '--explain', '-']).stderr, /only builds of folders are remembered/)
  assert.equal(gantry.try(['build', '--explain', '-f', join(folder, 'Other'), folder]).status, 1)
})

test('build takes steps from a registry and puts them there', async () => {
  await using here = new TestGantry()
  await using there = new TestGantry()
  const hub = await here.hub()
  const folder = here.context({ Dockerfile: 'FROM scratch AS one\nCOPY a /a\nFROM scratch\nCOPY --from=one /a /b\n', a: 'A' })
  const ref = `${hub}/cache/app`
  const id = here.run('build', '-q', '--cache-to', `type=registry,ref=${ref},mode=max`, folder)
  const { stderr, status } = there.try(['build', '--cache-from', `type=registry,ref=${ref}`, folder])
  assert.equal(status, 0, stderr)
  assert.equal(stderr.match(/CACHED/g)?.length, 2, stderr)
  assert.equal(there.run('build', '-q', folder), id)
  const missing = there.try(['build', '--no-cache', '--cache-from', `${hub}/nothing`, folder])
  assert.deepEqual([missing.status, /warning/.test(missing.stderr)], [0, false], 'what is done anew asks no cache')
  appendFileSync(join(folder, 'a'), 'B')
  const warned = there.try(['build', '--cache-from', `${hub}/nothing`, folder])
  assert.equal(warned.status, 0)
  assert.match(warned.stderr, /warning: cannot import the cache from ".*\/nothing": /)
  const wrong = there.try(['build', '--cache-to', 'type=regstry,ref=x', folder])
  assert.equal(wrong.status, 1)
  assert.match(
    wrong.stderr,
    /invalid argument "type=regstry,ref=x" for "--cache-to" flag: unknown type "regstry" \(did you mean registry\?\)/,
  )
})

test('a build that waits for a step of another one does it when that is killed', runs, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('busybox:1')
  const folder = gantry.context({ Dockerfile: 'FROM busybox:1\nRUN echo begun; sleep 2; echo made > /made\n' })
  const first = gantry.start('build', '-t', 'first', '--progress', 'plain', folder)
  await says(first, /^#\d+ \d.* begun$/m)
  const second = gantry.start('build', '-t', 'second', '--progress', 'rawjson', folder)
  await says(second, /waiting for another build of this step/)
  first.kill('SIGKILL')
  assert.equal(await ended(second), 0)
  assert.equal(gantry.run('run', '--rm', '--network', 'none', 'second', 'cat', '/made'), 'made\n')
  assert.match(gantry.try(['build', folder]).stderr, /CACHED/)
  // the next build has removed what the killed one left
  assert.deepEqual(
    readdirSync(gantry.path('root', 'tmp')).filter((name) => name.startsWith('build-')),
    [],
  )
})

test('a file that changes within the same tick of the clock is seen', async () => {
  await using gantry = new TestGantry()
  const folder = gantry.context({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: '0' })
  const ids = new Set<string>()
  for (let round = 0; round < 4; round++) {
    writeFileSync(join(folder, 'f'), String(round))
    ids.add(gantry.run('build', '-q', folder))
  }
  assert.equal(ids.size, 4)
})
