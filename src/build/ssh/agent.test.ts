import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { accessSync, constants } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { isGantryError } from '../../lib/errors.ts'
import { openAgent } from './agent.ts'
import { readMessages } from './messages.ts'
import { parsePrivateKey } from './private-key.ts'
import { serveAgent } from './serve-agent.ts'
import { SshReader, sshInteger, sshNumber, sshString } from './wire.ts'

const run = promisify(execFile)

const sshSkip = ((): string | false => {
  try {
    for (const name of ['ssh-keygen', 'ssh-add', 'ssh-agent']) accessSync(`/usr/bin/${name}`, constants.X_OK)
    return false
  } catch {
    return 'needs openssh-client'
  }
})()

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gantry-ssh-'))
})
after(async () => await rm(folder, { recursive: true, force: true }))

/** Serves what `--ssh` names while `work` runs. */
const withAgent = async (paths: readonly string[], work: (socket: string) => Promise<void>): Promise<void> => {
  const own = await mkdtemp(join(folder, 'socket-'))
  await using served = await serveAgent(await openAgent({ id: 'default', paths }), own, { mode: 0o600, uid: 0, gid: 0 })
  await work(served.path)
}

const ask = async (socket: string, ...requests: readonly Buffer[]): Promise<readonly Buffer[]> => {
  const client = createConnection(socket)
  const replies: Buffer[] = []
  for (const request of requests) client.write(Buffer.concat([sshNumber(request.length), request]))
  for await (const reply of readMessages(client)) if (replies.push(reply) === requests.length) break
  client.destroy()
  return replies
}

test('keys in PEM sign as their public keys verify', async () => {
  const cases = [
    ['ed25519', generateKeyPairSync('ed25519'), 'ssh-ed25519', 0],
    ['rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'rsa-sha2-512', 4],
    ['rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }), 'rsa-sha2-256', 2],
    ['ec', generateKeyPairSync('ec', { namedCurve: 'P-384' }), 'ecdsa-sha2-nistp384', 0],
  ] as const
  for (const [name, pair, algorithm, flags] of cases) {
    const path = join(folder, `${name}.pem`)
    await writeFile(path, pair.privateKey.export({ format: 'pem', type: 'pkcs8' }))
    await withAgent([path], async (socket) => {
      const [list] = await ask(socket, Buffer.of(11))
      const reader = new SshReader(list!)
      assert.deepEqual([reader.byte(), reader.number()], [12, 1])
      const blob = reader.string()
      assert.equal(reader.text(), `${name}.pem`)
      const data = Buffer.from('what is signed')
      const [signed] = await ask(socket, Buffer.concat([Buffer.of(13), sshString(blob), sshString(data), sshNumber(flags)]))
      const answer = new SshReader(signed!)
      assert.equal(answer.byte(), 14)
      const signature = new SshReader(answer.string())
      assert.equal(signature.text(), algorithm)
      const bytes = signature.string()
      const publicKey = createPublicKey(pair.privateKey)
      if (name === 'ed25519') assert.ok(verify(null, data, publicKey, bytes))
      else if (name === 'rsa') assert.ok(verify(flags === 4 ? 'sha512' : 'sha256', data, publicKey, bytes))
      else {
        const numbers = new SshReader(bytes)
        const [r, s] = [numbers.integer(), numbers.integer()]
        const both = Buffer.concat([Buffer.alloc(48 - r.length), r, Buffer.alloc(48 - s.length), s])
        assert.ok(verify('sha384', data, { key: publicKey, dsaEncoding: 'ieee-p1363' }, both))
      }
    })
  }
})

test('keys of ssh-keygen are used by ssh-add and ssh-keygen', { skip: sshSkip }, async () => {
  for (const words of ['ed25519', 'rsa -b 2048', 'ecdsa -b 256', 'ecdsa -b 384', 'ecdsa -b 521']) {
    const path = join(folder, words.replaceAll(' ', ''))
    await run('ssh-keygen', ['-q', '-N', '', '-C', 'a comment', '-f', path, '-t', ...words.split(' ')])
    await withAgent([path], async (socket) => {
      const env = { PATH: process.env['PATH'], SSH_AUTH_SOCK: socket }
      const { stdout } = await run('ssh-add', ['-L'], { env })
      assert.equal(stdout, await readFile(`${path}.pub`, 'utf8'))
      await run('ssh-add', ['-T', `${path}.pub`], { env })
      await rm(join(folder, 'text.sig'), { force: true })
      await writeFile(join(folder, 'text'), 'signed')
      // only the public key is at hand: the agent has to sign
      await run('ssh-keygen', ['-q', '-Y', 'sign', '-n', 'file', '-f', `${path}.pub`, join(folder, 'text')], { env })
      await assert.rejects(run('ssh-add', ['-D'], { env }), /refused|Failed/i)
    })
  }
})

test('an agent that runs is forwarded, but can only be asked to sign', { skip: sshSkip }, async () => {
  const socket = join(folder, 'real')
  const path = join(folder, 'key')
  await run('ssh-keygen', ['-q', '-N', '', '-f', path, '-t', 'ed25519'])
  const { stdout } = await run('ssh-agent', ['-s', '-a', socket])
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1])
  try {
    await run('ssh-add', ['-q', path], { env: { PATH: process.env['PATH'], SSH_AUTH_SOCK: socket } })
    await withAgent([socket], async (served) => {
      const env = { PATH: process.env['PATH'], SSH_AUTH_SOCK: served }
      await run('ssh-add', ['-T', `${path}.pub`], { env })
      await assert.rejects(run('ssh-add', ['-D'], { env }))
      await assert.rejects(run('ssh-add', ['-x'], { env, timeout: 5000 }))
      assert.match((await run('ssh-add', ['-l'], { env })).stdout, /ED25519/)
      const answers = await ask(served, Buffer.of(19), Buffer.of(11), Buffer.of(22, 0, 0, 0, 0))
      assert.deepEqual(
        answers.map((one) => one[0]),
        [5, 12, 5],
      )
    })
  } finally {
    process.kill(pid)
  }
})

test('what cannot be forwarded says why', { skip: sshSkip }, async () => {
  const path = join(folder, 'locked')
  await run('ssh-keygen', ['-q', '-N', 'passphrase', '-f', path, '-t', 'ed25519'])
  const refused = async (paths: readonly string[], message: RegExp): Promise<void> =>
    await assert.rejects(openAgent({ id: 'x', paths }), (error) => isGantryError(error) && message.test(error.message))
  await refused([path], /failed to parse .*locked: this private key is passphrase protected$/)
  await refused([join(folder, 'none')], /ENOENT/)
  await writeFile(join(folder, 'text'), 'no key')
  await refused([join(folder, 'text')], /it is no private key$/)
  await writeFile(join(folder, 'pem'), '-----BEGIN PRIVATE KEY-----\nsecretbytes\n-----END PRIVATE KEY-----\n')
  await refused([join(folder, 'pem')], /it is no private key$/)
})

test('the socket has the owner and mode that were asked for, however long its path', async () => {
  const deep = join(folder, 'd'.repeat(100), 'e'.repeat(100))
  await mkdir(deep, { recursive: true })
  const agent = await openAgent({ id: 'default', paths: [] })
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }
  {
    await using served = await serveAgent(agent, deep, { mode: 0o640, ...owner })
    const facts = await stat(served.path)
    assert.ok(facts.isSocket())
    assert.equal(facts.mode & 0o777, 0o640)
  }
  await assert.rejects(stat(join(deep, 'agent')), { code: 'ENOENT' })
})

test('hostile clients and keys are refused', async () => {
  await withAgent([], async (socket) => {
    const [answer] = await ask(socket, Buffer.of(13, 0, 0))
    assert.deepEqual(answer, Buffer.of(5))
    const client = createConnection(socket)
    client.write(Buffer.of(0xff, 0xff, 0xff, 0xff, 1, 2))
    for await (const _chunk of client) assert.fail('it is not answered')
  })
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const armored = (begin: Uint8Array): string =>
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.concat([begin, bytes]).toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`
      const none = Buffer.concat([Buffer.from('openssh-key-v1\0'), sshString('none'), sshString('none'), sshString('')])
      for (const text of [
        armored(Buffer.alloc(0)),
        armored(none),
        armored(Buffer.concat([none, sshNumber(1), sshString('')])),
        Buffer.from(bytes).toString('latin1'),
      ])
        assert.throws(
          () => parsePrivateKey(text, 'x'),
          (error) => isGantryError(error, 'invalid_argument'),
        )
    }),
    { numRuns: 300, seed: 4 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1 }), (bytes) => {
      const read = new SshReader(sshInteger(bytes)).integer()
      assert.deepEqual(Buffer.from(read.toString('hex').padStart(bytes.length * 2, '0'), 'hex'), Buffer.from(bytes))
    }),
    { seed: 5 },
  )
})
