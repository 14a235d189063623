import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { checkout, lacking, TestGantry } from '../support.ts'

const skip = lacking(['crun', 'conmon', 'busybox'], { root: true })

/** Mounts, processes and cgroups that hold a container of this gantry. */
const traces = (gantry: TestGantry): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(gantry.folder))

test('run isolates, merges and exits as docker does', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  const run = (...args: readonly string[]): string => gantry.run('run', '--rm', ...args)
  assert.equal(run('bb', 'sh', '-c', 'echo $$'), '1\n')
  assert.equal(run('--hostname', 'box', 'bb', 'hostname'), 'box\n')
  assert.equal(run('--network', 'none', 'bb', 'ls', '/sys/class/net'), 'lo\n')
  assert.equal(run('-e', 'A=b', '-e', 'FROM_CALLER', 'bb', 'sh', '-c', 'echo $A'), 'b\n')
  assert.equal(run('-w', '/some/new/folder', 'bb', 'pwd'), '/some/new/folder\n')
  assert.equal(run('-u', '1000:1001', 'bb', 'id'), 'uid=1000 gid=1001 groups=1001\n')
  assert.equal(run('--entrypoint', 'echo', 'bb', 'x'), 'x\n')
  const shared = gantry.path('shared')
  mkdirSync(shared)
  writeFileSync(`${shared}/in`, 'from the host\n')
  assert.equal(run('-v', `${shared}:/mnt`, 'bb', 'sh', '-c', 'cat /mnt/in; echo back > /mnt/out'), 'from the host\n')
  assert.equal(readFileSync(`${shared}/out`, 'utf8'), 'back\n')
  assert.notEqual(gantry.try(['run', '--rm', '-v', `${shared}:/mnt:ro`, 'bb', 'touch', '/mnt/x']).status, 0)
  assert.equal(gantry.try(['run', '--rm', 'bb', 'sh', '-c', 'exit 7']).status, 7)
  assert.equal(gantry.try(['run', '--rm', 'bb', 'sh', '-c', "sh -c 'kill -9 $$'; exit $?"]).status, 137)
  assert.equal(gantry.try(['run', '--rm', 'bb', 'nothing-there']).status, 127)
  assert.match(gantry.try(['run', '--rm', 'bb', 'nothing-there']).stderr, /executable file.*not found in \$PATH/)
  assert.equal(gantry.try(['run', '--rm', 'bb', '/bin']).status, 126)
  const both = gantry.try(['run', '--rm', 'bb', 'sh', '-c', 'echo out; echo err >&2'])
  assert.deepEqual([both.stdout, both.stderr], ['out\n', 'err\n'])
  assert.equal(gantry.run('ps', '-aq'), '')
  assert.deepEqual(traces(gantry), [])
})

test('run -i hands on standard input, whole and binary', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  const input = Buffer.alloc(3_000_000, Buffer.from([0, 1, 2, 253, 254, 255, 10, 13, 3, 4]))
  const result = spawnSync(`${checkout}/bin/gantry`, ['run', '--rm', '-i', 'bb', 'md5sum'], {
    env: gantry.environment,
    input,
    encoding: 'utf8',
  })
  const expected = spawnSync('md5sum', { input, encoding: 'utf8' }).stdout
  assert.equal(result.stdout, expected)
  const output = spawnSync(`${checkout}/bin/gantry`, ['run', '--rm', 'bb', 'sh', '-c', 'head -c 5000000 /dev/zero'], {
    env: gantry.environment,
    maxBuffer: 1 << 24,
  })
  assert.equal(output.stdout.length, 5_000_000)
})

test('a container keeps its layer until it is removed', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  gantry.run('run', '--name', 'kept', 'bb', 'sh', '-c', 'echo state > /file; echo shown')
  assert.match(gantry.run('ps', '-a'), /kept\n$/)
  assert.match(gantry.run('ps', '-a', '--format', '{{.Status}}'), /^Exited \(0\)/)
  assert.equal(gantry.run('logs', 'kept'), 'shown\n')
  const [details] = JSON.parse(gantry.run('inspect', 'kept')) as [
    { readonly Id: string; readonly State: { readonly ExitCode: number } },
  ]
  assert.equal(details.State.ExitCode, 0)
  assert.equal(readFileSync(gantry.path('root', 'containers', details.Id, 'upper', 'file'), 'utf8'), 'state\n')
  assert.match(gantry.try(['run', '--name', 'kept', 'bb', 'true']).stderr, /is already in use by container/)
  assert.match(gantry.try(['rmi', 'bb']).stderr, /container .* is using its referenced image/)
  assert.equal(gantry.run('rm', 'kept'), 'kept\n')
  assert.equal(gantry.run('ps', '-aq'), '')
})

test('run -d outlives its starter; stop and rm end it', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  const id = gantry
    .run(
      'run',
      '-d',
      '--name',
      'loop',
      'bb',
      'sh',
      '-c',
      'trap "echo bye; exit 3" TERM; while true; do echo tick; sleep 0.1; done',
    )
    .trim()
  assert.match(id, /^[0-9a-f]{64}$/)
  await sleep(500)
  assert.match(gantry.run('logs', '--tail', '1', 'loop'), /tick/)
  assert.match(gantry.run('ps'), /Up .*loop/)
  assert.match(gantry.try(['rm', 'loop']).stderr, /running/)
  assert.equal(gantry.run('stop', 'loop'), 'loop\n')
  assert.match(gantry.run('logs', 'loop'), /bye\n$/)
  assert.match(gantry.run('ps', '-a', '--format', '{{.Status}}'), /Exited \(3\)/)
  gantry.run('run', '-d', '--name', 'second', 'bb', 'sleep', '1000')
  gantry.run('rm', '-f', 'loop', 'second')
  assert.equal(gantry.run('ps', '-aq'), '')
  assert.deepEqual(traces(gantry), [])
})

test('a signal to run reaches the process', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  const child = gantry.start(
    'run',
    '--rm',
    'bb',
    'sh',
    '-c',
    'trap "echo got it; exit 9" TERM; echo ready; while true; do sleep 0.1; done',
  )
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => void (output += chunk.toString()))
  while (!output.includes('ready')) await sleep(50)
  child.kill('SIGTERM')
  const status = await new Promise((resolve) => child.once('exit', resolve))
  assert.equal(status, 9)
  assert.equal(output, 'ready\ngot it\n')
})

test('a killed run leaves nothing mounted and its container can be removed', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  const child = gantry.start('run', '--name', 'orphan', 'bb', 'sh', '-c', 'echo ready; sleep 1000')
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  child.kill('SIGKILL')
  await new Promise((resolve) => child.once('exit', resolve))
  assert.match(gantry.run('ps'), /orphan/)
  gantry.run('rm', '-f', 'orphan')
  assert.deepEqual(traces(gantry), [])
  assert.equal(gantry.run('ps', '-aq'), '')
})

test('run -t gives a terminal', { skip: skip || lacking(['script']) }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  const command = `${checkout}/bin/gantry run --rm -it bb sh -c 'tty; stty size; read x; echo "<$x>"; exit 4'`
  const result = spawnSync('script', ['-qefc', `stty rows 33 cols 77; ${command}`, '/dev/null'], {
    env: gantry.environment,
    input: 'typed\n',
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.match(result.stdout, /\/dev\/pts\/0\r\n33 77\r\n/)
  assert.match(result.stdout, /<typed>/)
  assert.equal(result.status, 4)
})
