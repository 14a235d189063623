import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { attachContainer } from './attach.ts'
import { containerState, deleteContainer, startContainer, type ContainerPlace } from './container.ts'
import type { ContainerSpec } from './interfaces.ts'
import { collector, containersSkip, TestSandbox } from './test-sandbox.ts'
import { waitContainer } from './wait.ts'

type Starter = ChildProcessByStdio<null, Readable, null>

describe('a container', { skip: containersSkip('crun'), concurrency: 3 }, () => {
  let sandbox: TestSandbox
  before(async () => {
    sandbox = await TestSandbox.create()
  })
  after(async () => {
    await sandbox[Symbol.asyncDispose]()
  })

  /** Another process of Node.js that creates a container, starts it if asked to, and stays. It says when it begins and when it is done. */
  const starter = async (
    spec: ContainerSpec,
    start: boolean,
  ): Promise<{ readonly place: ContainerPlace; readonly process: Starter }> => {
    const place = sandbox.place(spec)
    const file = join(sandbox.base, `${spec.id}.mjs`)
    const module = JSON.stringify(new URL('container.ts', import.meta.url).href)
    const options = { spec, folder: place.folder, root: await sandbox.root() }
    await writeFile(
      file,
      `import { createContainer, startContainer } from ${module}
       const { tools, options, start } = ${JSON.stringify({ tools: sandbox.tools, options, start })}
       process.stdout.write('go ')
       await createContainer(tools, { ...options, readRootFile: async () => undefined })
       if (start) await startContainer(tools, { id: options.spec.id, folder: options.folder })
       process.stdout.write('done')
       setInterval(() => undefined, 1000)`,
    )
    return { place, process: spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] }) }
  }

  const says = async (child: Starter, word: string): Promise<void> => {
    let said = ''
    while (!said.includes(word)) said += String((await once(child.stdout, 'data'))[0])
  }

  const kill = async (child: Starter): Promise<void> => {
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  test('outlives the process that started it, with its output and its exit status', async () => {
    const { place, process } = await starter(
      sandbox.spec(['sh', '-c', 'echo first; read line; echo "$line"; exit 5'], { interactive: true }),
      true,
    )
    await says(process, 'done')
    await kill(process)
    assert.equal((await containerState(sandbox.tools, place))?.status, 'running')
    assert.ok(!readFileSync('/proc/self/mountinfo', 'utf8').includes(sandbox.base), 'something is mounted on the host')
    const stdout = collector()
    const stdin = new PassThrough()
    const { result } = attachContainer(place.folder, { stdin, stdout: stdout.stream }, { terminal: false })
    stdin.end('second\n')
    assert.equal(await result, 'ended')
    assert.equal(await waitContainer(sandbox.tools, place), 5)
    assert.match(await readFile(join(place.folder, 'log'), 'utf8'), / stdout F first\n.* stdout F second\n$/)
    assert.equal(stdout.text(), 'second\n')
  })

  test('that was created can be started, or taken away, by another process', async () => {
    const [used, unused] = await Promise.all([
      starter(sandbox.spec(['sh', '-c', 'exit 6']), false),
      starter(sandbox.spec(['true']), false),
    ])
    await Promise.all([says(used.process, 'done'), says(unused.process, 'done')])
    await Promise.all([kill(used.process), kill(unused.process)])
    assert.equal((await containerState(sandbox.tools, used.place))?.status, 'created')
    await startContainer(sandbox.tools, used.place)
    assert.equal(await waitContainer(sandbox.tools, used.place), 6)
    await deleteContainer(sandbox.tools, unused.place, { force: true })
    assert.equal(await waitContainer(sandbox.tools, unused.place), 137)
  })

  test('leaves nothing that cannot be taken away when its maker is killed at any moment', async () => {
    for (const delay of [5, 15, 25, 40, 60]) {
      const { place, process: child } = await starter(sandbox.spec(['sleep', '1000']), true)
      await says(child, 'go')
      await sleep(delay)
      await kill(child)
      await sleep(150)
      await deleteContainer(sandbox.tools, place, { force: true })
      await waitContainer(sandbox.tools, place)
      assert.equal((await containerState(sandbox.tools, place))?.status ?? 'exited', 'exited')
    }
  })

  test('ends with its conmon, and whoever waits hears of it', async () => {
    const place = await sandbox.create(sandbox.spec(['sleep', '1000']))
    await startContainer(sandbox.tools, place)
    const stdout = collector()
    const { result } = attachContainer(place.folder, { stdout: stdout.stream }, { terminal: false })
    const waiting = waitContainer(sandbox.tools, place)
    process.kill(place.monitorPid, 'SIGKILL')
    assert.equal(await result, 'ended')
    assert.equal(await waiting, 137)
    assert.equal((await containerState(sandbox.tools, place))?.status, 'exited')
    assert.equal(await waitContainer(sandbox.tools, place), 137)
  })

  test('runs the exit command when it has ended, which can remove all of it', async () => {
    const root = await sandbox.root()
    const told = join(sandbox.base, 'told')
    const exitCommand = ['/bin/sh', '-c', 'rm -r "$0" && echo "$SAID" >"$1"', dirname(root.path), told]
    const place = await sandbox.create(sandbox.spec(['sh', '-c', 'echo x >/x; cat /x; exit 9']), {
      exitCommand,
      exitEnvironment: { SAID: 'removed' },
      root,
    })
    await startContainer(sandbox.tools, place)
    assert.equal(await waitContainer(sandbox.tools, place), 9)
    for (let tries = 0; tries < 100; tries++) {
      if ((await readFile(told, 'utf8').catch(() => '')) === 'removed\n') return
      await sleep(10)
    }
    assert.fail('the exit command did not remove the root')
  })

  test('keeps its stdin open when asked to', async () => {
    const place = await sandbox.create(sandbox.spec(['cat'], { interactive: true }), { keepStdin: true })
    await startContainer(sandbox.tools, place)
    const abort = new AbortController()
    const first = attachContainer(
      place.folder,
      { stdin: Readable.from([Buffer.from('one\n')]), stdout: collector().stream },
      { terminal: false, signal: abort.signal },
    )
    await sleep(100)
    abort.abort()
    await assert.rejects(first.result, { kind: 'canceled' })
    const second = collector()
    const { result } = attachContainer(
      place.folder,
      { stdin: Readable.from([Buffer.from('two\n')]), stdout: second.stream },
      { terminal: false },
    )
    await sleep(100)
    assert.equal(second.text(), 'two\n')
    await deleteContainer(sandbox.tools, place, { force: true })
    assert.equal(await result, 'ended')
  })

  test('can be waited for until a signal aborts', async () => {
    const place = await sandbox.create(sandbox.spec(['sleep', '1000']))
    const abort = new AbortController()
    const waiting = waitContainer(sandbox.tools, place, { signal: abort.signal })
    setTimeout(() => abort.abort(), 20)
    await assert.rejects(waiting, { kind: 'canceled' })
    await assert.rejects(waitContainer(sandbox.tools, place, { signal: abort.signal }), { kind: 'canceled' })
  })
})
