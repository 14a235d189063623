import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lacking } from '../support.ts'
import { FaultyRoot, type RunningGantry } from './gantry-process.ts'

const skip = lacking(['crun', 'busybox'], { root: true })

/** A context whose one RUN says `up` and then sleeps for a while that no other process sleeps. */
const writeContext = (root: FaultyRoot, seconds: string): string => {
  const folder = join(root.folder, 'context')
  mkdirSync(folder, { recursive: true })
  copyFileSync('/bin/busybox', join(folder, 'busybox'))
  const text = `FROM scratch
COPY --chmod=755 busybox /bin/busybox
RUN --mount=type=cache,target=/c,sharing=locked ["/bin/busybox", "sh", "-c", "echo up; /bin/busybox sleep ${seconds} & wait"]
`
  writeFileSync(join(folder, 'Dockerfile'), text)
  return folder
}

/** The processes whose command line holds a text. */
const processes = (text: string): readonly number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').includes(text)
      } catch {
        return false
      }
    })
    .map(Number)

const until = async (what: () => boolean, message: string): Promise<void> => {
  for (let round = 0; round < 400; round++) {
    if (what()) return
    await sleep(25)
  }
  assert.fail(message)
}

const running = async (root: FaultyRoot, folder: string, seconds: string): Promise<RunningGantry> => {
  const gantry = root.start(['build', '--progress', 'plain', folder])
  await until(() => processes(`sleep ${seconds}`).length > 0, 'the step begins')
  return gantry
}

const containers = (root: FaultyRoot): readonly string[] => {
  const run = join(root.folder, 'run')
  return readdirSync(run, { recursive: true })
    .map(String)
    .filter((name) => /gantry-build-[^/]*$/.test(name))
}

test('a build that is killed in the middle of RUN leaves nothing that runs', { skip }, async () => {
  await using root = new FaultyRoot()
  const folder = writeContext(root, '7101')
  const { child, ended } = await running(root, folder, '7101')
  child.kill('SIGKILL')
  await ended
  await until(() => processes('sleep 7101').length === 0, 'the container goes')
  await until(() => containers(root).length === 0, 'and what the runtime keeps of it')
  await until(() => processes(root.folder).length === 0, 'and what watched it')
  assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(root.folder))
})

test('what a build leaves whose watchdog was killed too goes with the next build', { skip }, async () => {
  await using root = new FaultyRoot()
  const folder = writeContext(root, '7102')
  const { child, ended } = await running(root, folder, '7102')
  const watchdog = processes('watchdog').find((pid) => processes(root.folder).includes(pid))
  assert.ok(watchdog !== undefined)
  process.kill(watchdog, 'SIGKILL')
  child.kill('SIGKILL')
  await sleep(200)
  assert.equal(processes('sleep 7102').length > 0, true)
  // its pipes are those of the step, which still runs
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n')
  assert.equal((await root.run('build', '-q', folder)).status, 0)
  await ended
  assert.deepEqual(processes('sleep 7102'), [])
  assert.deepEqual(containers(root), [])
  assert.deepEqual(
    readdirSync(join(root.root, 'tmp')).filter((name) => name.startsWith('build-')),
    [],
  )
})

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  test(`a build that ${signal} ends takes its container along, and says so`, { skip }, async () => {
    await using root = new FaultyRoot()
    const seconds = signal === 'SIGINT' ? '7103' : '7104'
    const folder = writeContext(root, seconds)
    const { child, ended } = await running(root, folder, seconds)
    child.kill(signal)
    const { status, stderr } = await ended
    assert.equal(status, 130, stderr)
    assert.match(stderr, /Canceled/)
    assert.deepEqual(processes(`sleep ${seconds}`), [])
    assert.deepEqual(containers(root), [])
    assert.deepEqual(
      readdirSync(join(root.root, 'tmp')).filter((name) => name.startsWith('build-')),
      [],
    )
    await until(() => processes(root.folder).length === 0, 'nothing is left')
  })
