import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { PassThrough, Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { attachContainer, resizeTerminal } from './attach.ts'
import { deleteContainer, killContainer, startContainer } from './container.ts'
import { readLogs } from './logs.ts'
import { collector, containersSkip, TestSandbox } from './test-sandbox.ts'
import { waitContainer } from './wait.ts'

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('attachContainer()', { skip: containersSkip('crun'), concurrency: 3 }, () => {
  let sandbox: TestSandbox
  before(async () => {
    sandbox = await TestSandbox.create()
  })
  after(async () => {
    await sandbox[Symbol.asyncDispose]()
  })

  test('keeps stdout and stderr apart and whole', async () => {
    const script = 'dd if=/dev/urandom bs=64k count=64 2>/dev/null | tee /out | cat; sha256sum </out >&2'
    const place = await sandbox.create(sandbox.spec(['sh', '-c', script]))
    const [stdout, stderr] = [collector(), collector()]
    const { result } = attachContainer(place.folder, { stdout: stdout.stream, stderr: stderr.stream }, { terminal: false })
    await startContainer(sandbox.tools, place)
    assert.equal(await result, 'ended')
    assert.equal(stdout.bytes().length, 4 * 1024 * 1024)
    assert.equal(stderr.text().trim(), `${sha256(stdout.bytes())}  -`)
    assert.equal(await waitContainer(sandbox.tools, place), 0)
    const logged = { stdout: createHash('sha256'), stderr: createHash('sha256') }
    for await (const { stream, bytes } of readLogs(`${place.folder}/log`)) logged[stream].update(bytes)
    assert.deepEqual([logged.stdout.digest('hex'), logged.stderr.digest('hex')], [sha256(stdout.bytes()), sha256(stderr.bytes())])
  })

  test('loses nothing to a reader that is slow and late', async () => {
    const place = await sandbox.create(sandbox.spec(['sh', '-c', 'seq 100000; echo end >&2']))
    let text = ''
    let paused = 0
    const slow = new Writable({
      highWaterMark: 1000,
      write: (chunk: Buffer, _, done) => {
        text += chunk.toString('latin1')
        if (paused++ < 20) setTimeout(done, 10)
        else setImmediate(done)
      },
    })
    const { result } = attachContainer(place.folder, { stdout: slow }, { terminal: false })
    await startContainer(sandbox.tools, place)
    assert.equal(await result, 'ended')
    assert.equal(text.replace('end\n', ''), Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join(''))
    assert.match(text, /end\n/)
  })

  test('passes on stdin to its end, whatever the bytes', async () => {
    const input = Buffer.concat([randomBytes(3_000_000), Buffer.from([0, 16, 17, 3, 4, 26, 255])])
    const run = await sandbox.run(['sha256sum'], { stdin: input })
    assert.equal(run.stdout, `${sha256(input)}  -\n`)
    assert.equal((await sandbox.run(['wc', '-c'], { stdin: Buffer.alloc(0) })).stdout, '0\n')
    assert.equal((await sandbox.run(['cat'])).stdout, '')
  })

  test('gets all the output of a program that does not read its input', async () => {
    for (let times = 0; times < 5; times++) {
      const run = await sandbox.run(['sh', '-c', 'head -c 10 >/dev/null; seq 20000'], { stdin: randomBytes(2_000_000) })
      assert.equal(run.stdout.length, 108_894)
      assert.equal(run.status, 0)
    }
  })

  test('goes on with the output after the end of the input', async () => {
    const run = await sandbox.run(['sh', '-c', 'cat; sleep 0.2; echo late'], { stdin: Buffer.from('early\n') })
    assert.equal(run.stdout, 'early\nlate\n')
  })

  test('gives the container a terminal, and its size', async () => {
    const place = await sandbox.create(
      sandbox.spec(['sh', '-c', 'tty; stty size; read line; stty size; echo "$line $TERM"'], {
        terminal: true,
        interactive: true,
      }),
    )
    const [stdin, stdout] = [new PassThrough(), collector()]
    const { result } = attachContainer(place.folder, { stdin, stdout: stdout.stream }, { terminal: true })
    resizeTerminal(place.folder, { rows: 33, columns: 99 })
    await startContainer(sandbox.tools, place)
    await until(() => stdout.text().includes('99'))
    resizeTerminal(place.folder, { rows: 44, columns: 111 })
    await sleep(50)
    stdin.write('typed\r')
    assert.equal(await result, 'ended')
    assert.equal(stdout.text(), '/dev/pts/0\r\n33 99\r\ntyped\r\n44 111\r\ntyped xterm\r\n')
    assert.equal(await waitContainer(sandbox.tools, place), 0)
    resizeTerminal(place.folder, { rows: 1, columns: 1 })
  })

  test('lets go at the detach keys, and attaches again', async () => {
    const place = await sandbox.create(sandbox.spec(['cat'], { terminal: true, interactive: true }))
    const [stdin, stdout] = [new PassThrough(), collector()]
    const first = attachContainer(place.folder, { stdin, stdout: stdout.stream }, { terminal: true })
    await startContainer(sandbox.tools, place)
    stdin.write('one\r')
    await until(() => stdout.text() === 'one\r\none\r\n')
    stdin.write('\x10')
    stdin.write('\x11never')
    assert.equal(await first.result, 'detached')
    const again = collector()
    const second = attachContainer(
      place.folder,
      { stdin: Readable.from([Buffer.from('two\r'), Buffer.from('\x04')]), stdout: again.stream },
      { terminal: true },
    )
    assert.equal(await second.result, 'ended')
    assert.match(again.text(), /^two\r\ntwo\r\n$/)
    assert.equal(await waitContainer(sandbox.tools, place), 0)
  })

  test('serves several at once', async () => {
    const place = await sandbox.create(sandbox.spec(['sh', '-c', 'seq 1000']))
    const outputs = [collector(), collector(), collector()]
    const results = outputs.map(({ stream }) => attachContainer(place.folder, { stdout: stream }, { terminal: false }).result)
    await startContainer(sandbox.tools, place)
    assert.deepEqual(await Promise.all(results), ['ended', 'ended', 'ended'])
    for (const output of outputs) assert.equal(output.text().length, 3893)
  })

  test('stops when aborted; the container goes on', async () => {
    const place = await sandbox.create(sandbox.spec(['sleep', '100']))
    const abort = new AbortController()
    const { result } = attachContainer(place.folder, { stdout: collector().stream }, { terminal: false, signal: abort.signal })
    await startContainer(sandbox.tools, place)
    abort.abort()
    await assert.rejects(result, { kind: 'canceled' })
    await killContainer(sandbox.tools, place, 'KILL')
    assert.equal(await waitContainer(sandbox.tools, place), 137)
  })

  test('says so when the output breaks', async () => {
    const place = await sandbox.create(sandbox.spec(['yes']))
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error('EPIPE')) })
    const { result } = attachContainer(place.folder, { stdout: broken }, { terminal: false })
    await startContainer(sandbox.tools, place)
    await assert.rejects(result, { kind: 'unavailable', code: 'OUTPUT_BROKEN' })
    await deleteContainer(sandbox.tools, place, { force: true })
  })

  test('fails where nothing runs', () => {
    assert.throws(() => attachContainer(sandbox.base, { stdout: collector().stream }, { terminal: false }), {
      kind: 'conflict',
      code: 'NOT_RUNNING',
    })
  })
})

const until = async (condition: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 500 && !condition(); tries++) await sleep(10)
  assert.ok(condition(), 'it did not happen in five seconds')
}
