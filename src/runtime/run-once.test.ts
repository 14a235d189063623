import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { ContainerSpec, RootFileSystem } from './interfaces.ts'
import { runOnce } from './run-once.ts'
import { containersSkip, TestSandbox } from './test-sandbox.ts'

for (const kind of ['crun', 'runc'] as const)
  describe(`runOnce() with ${kind}`, { skip: containersSkip(kind), concurrency: 3 }, () => {
    let sandbox: TestSandbox
    before(async () => {
      sandbox = await TestSandbox.create(kind)
    })
    after(async () => {
      await sandbox[Symbol.asyncDispose]()
    })

    const run = async (
      args: readonly string[],
      options: Partial<ContainerSpec> & {
        readonly root?: RootFileSystem
        readonly signal?: AbortSignal
        readonly onText?: (text: string) => void
      } = {},
    ): Promise<{ readonly status: number; readonly stdout: string; readonly stderr: string }> => {
      const { root, signal, onText, ...more } = options
      const spec = sandbox.spec(args, more)
      sandbox.place(spec)
      const output = { stdout: '', stderr: '' }
      const status = await runOnce(sandbox.tools, {
        spec,
        root: root ?? (await sandbox.root()),
        bundle: join(sandbox.base, spec.id),
        readRootFile: sandbox.readRootFile,
        ...(signal === undefined ? {} : { signal }),
        onOutput: (stream, chunk) => {
          output[stream] += Buffer.from(chunk).toString('latin1')
          onText?.(output[stream])
        },
      })
      return { status, ...output }
    }

    test('passes the output on, whole, and says the exit status', async () => {
      const { status, stdout, stderr } = await run(['sh', '-c', 'seq 200000; echo err >&2; cat; exit 3'])
      assert.deepEqual([status, stderr, stdout.length], [3, 'err\n', 1_288_895])
      assert.equal((await run(['sh', '-c', 'sleep 100 & kill -9 $!; wait $!'])).status, 137)
      assert.equal((await run(['true'])).status, 0)
    })

    test("has the host's names on the host's network, and leaves nothing of them", async () => {
      await rm(join(sandbox.image, 'dev'), { recursive: true, force: true })
      const root = await sandbox.root()
      const { stdout } = await run(
        ['sh', '-c', 'wc -l </etc/hosts; cat /etc/resolv.conf >/dev/null; hostname; ls /proc/1 >/dev/null; touch /made'],
        {
          root,
          network: 'host',
          hostname: 'builder',
        },
      )
      assert.match(stdout, /^\d+\nbuilder\n$/)
      assert.deepEqual(tree(root.upper), ['etc', 'made'])
    })

    test('leaves the times of a folder alone that it only mounted in', async () => {
      const root = await sandbox.root()
      await utimes(join(sandbox.image, 'etc'), 1_000_000_000, 1_000_000_000)
      await run(['true'], { root })
      assert.equal((await stat(join(root.upper, 'etc'))).mtimeMs, 1_000_000_000_000)
      await run(['touch', '/etc/new'], { root })
      assert.notEqual((await stat(join(root.upper, 'etc'))).mtimeMs, 1_000_000_000_000)
      assert.deepEqual(tree(root.upper), ['etc', 'etc/new'])
    })

    test('keeps what was put into a mount point, and what was there', async () => {
      const root = await sandbox.root()
      const source = join(sandbox.base, `source-${kind}`)
      await mkdir(source)
      await mkdir(join(root.upper, 'etc'))
      await writeFile(join(root.upper, 'etc/hosts'), '')
      await run(['sh', '-c', 'mkdir -p /there; echo in >/data/file'], {
        root,
        binds: [{ source, target: '/data', readOnly: false }],
      })
      assert.deepEqual(tree(root.upper), ['etc', 'etc/hosts', 'there'])
      assert.deepEqual(tree(source), ['file'])
    })

    test('does not follow links out of the root when it cleans up', async () => {
      const root = await sandbox.root()
      const victim = join(sandbox.base, `victim-${kind}`)
      await mkdir(victim)
      await writeFile(join(victim, 'hosts'), '')
      await writeFile(join(victim, 'resolv.conf'), '')
      await run(['sh', '-c', `cd /; mv etc old; ln -s ${victim} etc`], { root, privileged: true })
      assert.deepEqual(tree(victim), ['hosts', 'resolv.conf'])
      const other = await sandbox.root()
      await symlink(victim, join(other.upper, 'etc'))
      await run(['true'], { root: other }).catch(() => undefined)
      assert.deepEqual(tree(victim), ['hosts', 'resolv.conf'])
    })

    test('says what docker says when the program cannot be run', async () => {
      await assert.rejects(run(['nosuch']), {
        code: 'EXEC_NOT_FOUND',
        message: /exec: "nosuch": executable file not found in \$PATH: unknown$/,
      })
      await assert.rejects(run(['/etc/passwd']), { code: 'EXEC_NOT_EXECUTABLE' })
    })

    test('kills the container with all that runs in it when the signal aborts', async () => {
      for (const when of ['early', 'running', 'before'] as const) {
        const abort = new AbortController()
        const running = run(['sh', '-c', 'sleep 1000 & sleep 1000 & echo up; wait'], {
          signal: abort.signal,
          ...(when === 'running' ? { onText: () => abort.abort() } : {}),
        })
        if (when === 'before') abort.abort()
        if (when === 'early') setTimeout(() => abort.abort(), 12)
        await assert.rejects(running, { kind: 'canceled' })
      }
    })

    test('runs several steps at once', async () => {
      const runs = await Promise.all([1, 2, 3].map((n) => run(['sh', '-c', `echo ${n}; exit ${n}`])))
      assert.deepEqual(
        runs.map(({ status, stdout }) => [status, stdout]),
        [1, 2, 3].map((n) => [n, `${n}\n`]),
      )
    })
  })

/** Paths of all that is in a folder. */
const tree = (folder: string): readonly string[] =>
  existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]).toSorted() : []
