import assert from 'node:assert/strict'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { capabilitiesOfMask, defaultCapabilities } from './capabilities.ts'
import { maskedPaths, readonlyPaths } from './mounts.ts'
import { containersSkip, TestSandbox } from './test-sandbox.ts'

for (const kind of ['crun', 'runc'] as const)
  describe(`a container of ${kind}`, { skip: containersSkip(kind), concurrency: 3 }, () => {
    let sandbox: TestSandbox
    before(async () => {
      sandbox = await TestSandbox.create(kind)
    })
    after(async () => {
      await sandbox[Symbol.asyncDispose]()
    })

    const capabilities = async (more: Parameters<TestSandbox['run']>[1], set = 'Bnd'): Promise<readonly string[]> => {
      const { stdout } = await sandbox.run(['cat', '/proc/self/status'], more)
      return capabilitiesOfMask(new RegExp(`^Cap${set}:\\s*(\\S+)`, 'm').exec(stdout)?.[1] ?? '')
    }

    test("has docker's capabilities as far as the host has them", async () => {
      const expected = sandbox.tools.host.capabilities.filter((name) => defaultCapabilities.includes(name))
      assert.deepEqual(await capabilities({}), expected)
      assert.deepEqual(await capabilities({}, 'Eff'), expected)
      assert.deepEqual(await capabilities({}, 'Inh'), [])
      assert.deepEqual(await capabilities({}, 'Amb'), [])
    })

    test('has no effective capabilities as another user', async () => {
      assert.deepEqual(await capabilities({ user: '1000' }, 'Eff'), [])
      assert.deepEqual((await capabilities({ user: '1000' })).length, defaultCapabilities.length)
    })

    test('has what was added and dropped', async () => {
      assert.deepEqual(await capabilities({ capDrop: ['ALL'], capAdd: ['net_admin', 'CAP_CHOWN'] }, 'Eff'), [
        'CAP_CHOWN',
        'CAP_NET_ADMIN',
      ])
      assert.deepEqual(await capabilities({ privileged: true }, 'Eff'), sandbox.tools.host.capabilities)
    })

    test('cannot make namespaces or mounts, nor reach the keyring', async () => {
      const refused = await sandbox.run(
        [
          'sh',
          '-c',
          'unshare -r true; unshare -m true; mount -t tmpfs none /tmp; cat /proc/keys; grep Seccomp: /proc/self/status',
        ],
        {
          capAdd: ['SYS_PTRACE'],
        },
      )
      assert.equal(refused.stderr.match(/not permitted|denied/gi)?.length, 3, refused.stderr)
      assert.match(refused.stdout, /^Seccomp:\s+2\n$/)
      const privileged = await sandbox.run(
        ['sh', '-c', 'mount -t tmpfs none /tmp && echo mounted; grep Seccomp: /proc/self/status'],
        { privileged: true },
      )
      assert.match(privileged.stdout, /^mounted\nSeccomp:\s+0\n$/)
    })

    test('does not see what is masked, and cannot write what is read-only', async () => {
      const script = `for p in ${maskedPaths.join(' ')}; do [ -d $p ] && ls $p; [ -f $p ] && cat $p; done
        for p in ${readonlyPaths.join(' ')} /sys /sys/fs/cgroup/pids; do [ -e $p ] && grep " $p " /proc/self/mountinfo | grep -cE " $p ro,"; done; echo 1 > /proc/sys/kernel/panic`
      const { stdout, stderr } = await sandbox.run(['sh', '-c', script])
      assert.deepEqual([...new Set(stdout.trim().split('\n'))], ['1'])
      assert.match(stderr, /panic: Read-only file system/)
    })

    test('can make device nodes and not open those of the host', async () => {
      const script =
        'mknod /disk b 254 0 && echo made; cat /disk >/dev/null; mknod /n c 1 3 && echo x > /n && echo null; head -c 3 /dev/urandom | wc -c'
      const { stdout, stderr } = await sandbox.run(['sh', '-c', script])
      assert.equal(stdout, 'made\nnull\n3\n')
      assert.match(stderr, /disk.*not permitted/)
    })

    test('has all devices when privileged', async () => {
      const { stdout } = await sandbox.run(
        ['sh', '-c', 'stat -c "%t:%T %n" /dev/fuse /dev/null; head -c 1 /dev/vda | wc -c; stat -c %t /dev/vda'],
        { privileged: true },
      )
      const fuse = await stat('/dev/fuse').catch(() => undefined)
      if (fuse !== undefined) assert.match(stdout, /^a:e5 \/dev\/fuse$/m)
      assert.match(stdout, /^1:3 \/dev\/null$/m)
    })

    test('has limits that the host can give', async () => {
      const { stdout } = await sandbox.run(['sh', '-c', 'ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj'])
      const hard = Math.min(524_288, sandbox.tools.host.openFiles)
      assert.equal(stdout, `1024\n${hard}\n${Math.max(0, Number(await readFile('/proc/self/oom_score_adj', 'utf8')))}\n`)
    })

    test('cannot write to a read-only root', async () => {
      const { stdout, stderr } = await sandbox.run(
        ['sh', '-c', 'touch /x; touch /etc/hosts; touch /dev/shm/y && echo shm; grep " / " /proc/mounts'],
        { readOnlyRoot: true },
      )
      assert.match(stderr, /\/x: Read-only[^]*hosts: Read-only/)
      assert.match(stdout, /^shm\noverlay \/ overlay ro/)
    })

    test('has bind mounts of folders and files, written through or read-only', async () => {
      const source = join(sandbox.base, `binds-${kind}`)
      await mkdir(join(source, 'in'), { recursive: true })
      await writeFile(join(source, 'file'), 'file')
      const { stdout, stderr, status } = await sandbox.run(
        ['sh', '-c', 'cat /f; echo new > /a/b/in/written; touch /ro/x; cat /ro/file; ls /new; stat -c %F /new /etc/hosts'],
        {
          binds: [
            { source, target: '/a/b', readOnly: false },
            { source, target: '/ro/', readOnly: true },
            { source: join(source, 'file'), target: '/f', readOnly: true },
            { source: join(source, 'file'), target: '/etc/hosts', readOnly: true },
            { source: join(source, 'made/here'), target: '/new', readOnly: false },
          ],
        },
      )
      assert.equal(stdout, 'filefiledirectory\nregular file\n')
      assert.match(stderr, /\/ro\/x: Read-only file system/)
      assert.equal(status, 0)
      assert.equal(await readFile(join(source, 'in/written'), 'utf8'), 'new\n')
      assert.ok((await stat(join(source, 'made/here'))).isDirectory())
    })

    test('lets every user use low ports and ping in its own network', async () => {
      const { stdout } = await sandbox.run([
        'sh',
        '-c',
        'cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range',
      ])
      assert.equal(stdout, '0\n0\t2147483647\n')
    })

    test('keeps nothing open that gantry or conmon had open', async () => {
      const { stdout } = await sandbox.run(['sh', '-c', 'ls /proc/1/fd; true'])
      assert.equal(stdout, '0\n1\n2\n')
    })
  })
