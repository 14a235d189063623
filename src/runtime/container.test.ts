import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exitStatusOf } from './runtime-error.ts'
import { isGantryError } from '../lib/errors.ts'
import {
  containerState,
  createContainer,
  deleteContainer,
  killContainer,
  removeFalseGroups,
  startContainer,
} from './container.ts'
import { containersSkip, TestSandbox } from './test-sandbox.ts'
import { waitContainer } from './wait.ts'

for (const kind of ['crun', 'runc'] as const)
  describe(`createContainer() with ${kind}`, { skip: containersSkip(kind), concurrency: 3 }, () => {
    let sandbox: TestSandbox
    before(async () => {
      sandbox = await TestSandbox.create(kind)
    })
    after(async () => {
      await sandbox[Symbol.asyncDispose]()
    })

    test('isolates processes, names, IPC and the network', async () => {
      const run = await sandbox.run(
        ['sh', '-c', 'echo $$; hostname; ls /proc/sysvipc >/dev/null; ls /sys/class/net; ifconfig lo; ps -o pid | tail -n +2'],
        {
          hostname: 'box',
        },
      )
      const [pid, name, ...rest] = run.stdout.split('\n')
      assert.deepEqual([pid, name, rest[0]], ['1', 'box', 'lo'])
      assert.match(run.stdout, /UP LOOPBACK RUNNING/)
      assert.doesNotMatch(run.stdout, /eth|veth/)
      assert.ok(Number(rest.findLast((line) => /^\s*\d+$/.test(line))) < 20)
      assert.equal(run.status, 0)
      const namespaces = await sandbox.run(['sh', '-c', 'cd /proc/self/ns; for n in ipc mnt net pid uts; do readlink $n; done'])
      for (const line of namespaces.stdout.trim().split('\n')) {
        const [name = ''] = line.split(':')
        assert.notEqual(line, await readLink(`/proc/self/ns/${name}`))
      }
    })

    test("uses the host's network when asked to", async () => {
      const run = await sandbox.run(['readlink', '/proc/self/ns/net'], { network: 'host' })
      assert.equal(run.stdout.trim(), await readLink('/proc/self/ns/net'))
    })

    test('sets the environment, the user, its groups and the working folder', async () => {
      const run = await sandbox.run(['sh', '-c', 'id -u; id -g; id -G; pwd; echo "$HOME $A $HOSTNAME"; ls -ld .'], {
        user: 'app',
        env: ['A=b c'],
        workingFolder: '/made/here',
        hostname: 'box',
      })
      const [uid, gid, groups, folder, variables, listing] = run.stdout.split('\n')
      assert.deepEqual([uid, gid, groups, folder, variables], ['1000', '1001', '1001 29 44', '/made/here', '/home/app b c box'])
      assert.match(listing ?? '', /^drwxr-xr-x .* root +root /)
    })

    test('passes exit statuses on', async () => {
      assert.equal((await sandbox.run(['sh', '-c', 'exit 3'])).status, 3)
      assert.equal((await sandbox.run(['sh', '-c', 'sleep 100 & kill -9 $!; wait $!'])).status, 137)
    })

    const broken: readonly (readonly [string, readonly string[], RegExp, number])[] = [
      ['is not in PATH', ['nosuch'], /exec: "nosuch": executable file not found in \$PATH: unknown$/, 127],
      ['is not there', ['/bin/nosuch'], /exec: "\/bin\/nosuch": stat \/bin\/nosuch: no such file or directory: unknown$/, 127],
      ['is not executable', ['/etc/passwd'], /exec: "\/etc\/passwd": permission denied: unknown$/, 126],
      ['is a folder', ['/etc'], /exec: "\/etc": permission denied: unknown$/, 126],
      ['has no name', [''], /exec: "": executable file not found in \$PATH: unknown$/, 127],
    ]
    for (const [what, args, message, status] of broken)
      test(`says what docker says when the program ${what}`, async () => {
        const spec = sandbox.spec(args)
        await assert.rejects(
          sandbox.create(spec),
          (error) => isGantryError(error) && message.test(error.message) && exitStatusOf(error) === status,
        )
        assert.equal(await containerState(sandbox.tools, { id: spec.id, folder: join(sandbox.base, spec.id) }), undefined)
      })

    test('shows its state from creation to the end, and what it was killed with', async () => {
      const place = await sandbox.create(sandbox.spec(['sleep', '1000']))
      assert.deepEqual(await containerState(sandbox.tools, place), { status: 'created', pid: place.pid })
      await startContainer(sandbox.tools, place)
      assert.deepEqual(await containerState(sandbox.tools, place), { status: 'running', pid: place.pid })
      await assert.rejects(deleteContainer(sandbox.tools, place), { kind: 'conflict', code: 'RUNNING' })
      const waiting = [waitContainer(sandbox.tools, place), waitContainer(sandbox.tools, place)]
      await killContainer(sandbox.tools, place, 'sigkill')
      assert.deepEqual(await Promise.all(waiting), [137, 137])
      const state = await containerState(sandbox.tools, place)
      assert.ok(state?.status === 'exited' && state.exitStatus === 137 && Math.abs((state.finished ?? 0) - Date.now()) < 60_000)
      await assert.rejects(killContainer(sandbox.tools, place, 'TERM'), { kind: 'conflict', code: 'NOT_RUNNING' })
      await deleteContainer(sandbox.tools, place)
      await deleteContainer(sandbox.tools, place)
      await deleteContainer(sandbox.tools, place, { force: true })
    })

    test('passes signals by name and number to a program that handles them', async () => {
      for (const signal of ['SIGTERM', 'int', '10', 'RTMIN+1']) {
        const script =
          'for s in TERM INT USR1 35; do trap "echo got $s; exit 7" $s; done; echo ready; while :; do sleep 0.01; done'
        const place = await sandbox.create(sandbox.spec(['sh', '-c', script]))
        await startContainer(sandbox.tools, place)
        await until(async () => (await readFile(join(place.folder, 'log'), 'utf8')).includes('ready'))
        await killContainer(sandbox.tools, place, signal)
        assert.equal(await waitContainer(sandbox.tools, place), 7, signal)
      }
    })

    test('runs several containers at once', async () => {
      const runs = await Promise.all([1, 2, 3, 4].map((n) => sandbox.run(['sh', '-c', `echo ${n}; sleep 0.1; exit ${n}`])))
      assert.deepEqual(
        runs.map((run) => [run.stdout, run.status]),
        [1, 2, 3, 4].map((n) => [`${n}\n`, n]),
      )
    })

    test('uses the same folder and root again', async () => {
      const root = await sandbox.root()
      const spec = sandbox.spec(['sh', '-c', 'cat /kept; echo again > /kept'])
      const options = { spec, root, folder: join(sandbox.base, spec.id), readRootFile: sandbox.readRootFile }
      for (const status of [0, 0]) {
        const place = { id: spec.id, folder: options.folder }
        await createContainer(sandbox.tools, options)
        await startContainer(sandbox.tools, place)
        assert.equal(await waitContainer(sandbox.tools, place), status)
        await deleteContainer(sandbox.tools, place)
      }
      assert.match(await readFile(join(options.folder, 'log'), 'utf8'), /No such file[^]*F again\n$/)
    })

    test('ends a container that waits or runs when it is deleted by force', async () => {
      const created = await sandbox.create(sandbox.spec(['sleep', '1000']))
      const running = await sandbox.create(sandbox.spec(['sleep', '1000']))
      await startContainer(sandbox.tools, running)
      for (const place of [created, running]) {
        await deleteContainer(sandbox.tools, place, { force: true })
        assert.equal(await waitContainer(sandbox.tools, place), 137)
      }
    })

    test('fails clearly when a mount is not possible, and leaves nothing', async () => {
      const root = await sandbox.root()
      await rm(root.upper, { recursive: true })
      await assert.rejects(sandbox.create(sandbox.spec(['true']), { root }), /ENOENT|no such file/i)
      await mkdir(root.upper)
    })
  })

test('createContainer() says how to install conmon where it is missing', { skip: containersSkip() }, async () => {
  await using sandbox = await TestSandbox.create()
  const { conmon: _, ...tools } = sandbox.tools
  const spec = sandbox.spec(['true'])
  await assert.rejects(
    createContainer(tools, {
      spec,
      root: await sandbox.root(),
      folder: join(sandbox.base, spec.id),
      readRootFile: sandbox.readRootFile,
    }),
    { kind: 'failed_precondition', code: 'NO_MONITOR', hint: /apt-get install conmon/ },
  )
})

test('createContainer() passes on what a conmon says that does not start', { skip: containersSkip() }, async () => {
  await using sandbox = await TestSandbox.create()
  const program = join(sandbox.base, 'conmon')
  await writeFile(program, '#!/bin/sh\necho wrong option >&2\nexit 1\n', { mode: 0o755 })
  for (const [conmon, message] of [
    [program, /wrong option$/],
    ['/bin/false', /ended without saying why$/],
    ['/nonexistent/conmon', /ended without saying why$/],
  ] as const) {
    const spec = sandbox.spec(['true'])
    const options = { spec, root: await sandbox.root(), folder: join(sandbox.base, spec.id), readRootFile: sandbox.readRootFile }
    await assert.rejects(createContainer({ ...sandbox.tools, conmon }, options), { kind: 'failed_precondition', message })
  }
})

const readLink = async (path: string): Promise<string> => (await import('node:fs/promises')).readlink(path)

const until = async (condition: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 500; tries++) {
    if (await condition()) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.fail('it did not happen in five seconds')
}

test('removeFalseGroups() takes away the plain folders of one container', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'gantry-groups-'))
  t.after(() => rm(root, { recursive: true }))
  await Promise.all(['hugetlb/gantry-a', 'hugetlb/gantry-b', 'cpu'].map((name) => mkdir(join(root, name), { recursive: true })))
  for (const id of ['a', 'b']) await writeFile(join(root, `hugetlb/gantry-${id}/cgroup.procs`), '0')
  removeFalseGroups(root, 'a')
  assert.deepEqual((await readdir(root, { recursive: true })).toSorted(), [
    'cpu',
    'hugetlb',
    'hugetlb/gantry-b',
    'hugetlb/gantry-b/cgroup.procs',
  ])
})
