import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { digestOf } from '../oci/digest.ts'
import { startTestRegistry } from '../testing/registry-server.ts'

const program = (folder: string): string => `
  import { openFilesystemStorage } from ${JSON.stringify(join(import.meta.dirname, 'filesystem/storage.ts'))}
  import { createRegistryServer } from ${JSON.stringify(join(import.meta.dirname, 'server.ts'))}
  const storage = await openFilesystemStorage({ folder: ${JSON.stringify(folder)} })
  const server = await createRegistryServer({ storage, listen: { host: '127.0.0.1', port: 0 } })
  process.stdout.write(server.address.url)
`

/** A registry in a process of its own, which can be killed. */
const startProcess = async (folder: string): Promise<{ readonly url: string; readonly child: ChildProcess }> => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(folder)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [url] = (await once(child.stdout, 'data')) as [Buffer]
  return { url: url.toString(), child }
}

const kill = async (child: ChildProcess): Promise<void> => {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

const begin = async (url: string, query = ''): Promise<string> => {
  const response = await fetch(`${url}/v2/app/blobs/uploads/${query}`, { method: 'POST' })
  return response.headers.get('location') ?? ''
}

/** A PATCH or PUT whose body is written bit by bit. */
const stream = (
  method: string,
  url: string,
  headers: Readonly<Record<string, string | number>> = {},
): { readonly out: ClientRequest; readonly answer: Promise<IncomingMessage> } => {
  const out = request(url, { method, headers })
  const answer = once(out, 'response').then(([response]) => (response as IncomingMessage).resume())
  answer.catch(() => undefined)
  return { out, answer }
}

const rangeOf = async (url: string): Promise<string | null> => (await fetch(url)).headers.get('range')

/** Waits until bytes of an upload are on disk; they are written half a MiB at a time. */
const untilBytesAre = async (url: string): Promise<void> => {
  while (!/^0-[1-9]/.test((await rangeOf(url)) ?? '')) await sleep(10)
}

const rest = (blob: Buffer, from: number): Uint8Array<ArrayBuffer> => new Uint8Array(blob.subarray(from))

test('createRegistryServer() carries an upload on after kill -9 in the middle of it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-killed-'))
  try {
    const blob = randomBytes(5_000_000)
    const first = await startProcess(folder)
    const location = await begin(first.url)
    const { out } = stream('PATCH', first.url + location)
    out.on('error', () => undefined)
    out.write(blob.subarray(0, 3_000_000))
    await untilBytesAre(first.url + location)
    await kill(first.child)

    const second = await startProcess(folder)
    const from = Number((await rangeOf(second.url + location))?.slice(2)) + 1
    assert.ok(from > 1 && from <= 3_000_000, String(from))
    const ended = await fetch(`${second.url}${location}?digest=${digestOf(blob)}`, {
      method: 'PUT',
      body: rest(blob, from),
      headers: { 'content-range': `${from}-${blob.length - 1}` },
    })
    assert.equal(ended.status, 201)
    const read = await fetch(`${second.url}/v2/app/blobs/${digestOf(blob)}`)
    assert.ok(Buffer.from(await read.arrayBuffer()).equals(blob))
    assert.deepEqual(await readdir(join(folder, 'uploads')), [])
    await kill(second.child)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('createRegistryServer() takes an upload whose requests go to different processes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-processes-'))
  const both = await Promise.all([startProcess(folder), startProcess(folder)])
  try {
    const blob = randomBytes(900_000)
    const location = await begin(both[0].url)
    for (let at = 0; at < blob.length; at += 100_000) {
      const { url } = both[(at / 100_000) % 2]!
      const patched = await fetch(url + location, {
        method: 'PATCH',
        body: rest(blob.subarray(0, at + 100_000), at),
        headers: { 'content-range': `${at}-${at + 99_999}` },
      })
      assert.equal(patched.status, 202)
    }
    assert.equal((await fetch(`${both[0].url}${location}?digest=${digestOf(blob)}`, { method: 'PUT' })).status, 201)
    for (const { url } of both) {
      const read = await fetch(`${url}/v2/app/blobs/${digestOf(blob)}`)
      assert.ok(Buffer.from(await read.arrayBuffer()).equals(blob))
    }
  } finally {
    await Promise.all(both.map(({ child }) => kill(child)))
    await rm(folder, { recursive: true })
  }
})

test('createRegistryServer() keeps what came of a chunk whose connection broke', async () => {
  await using registry = await startTestRegistry()
  const blob = randomBytes(2_000_000)
  const location = registry.url + (await begin(registry.url))
  const { out } = stream('PATCH', location, { 'content-length': blob.length, 'content-range': `0-${blob.length - 1}` })
  out.on('error', () => undefined)
  out.write(blob.subarray(0, 1_500_000))
  await untilBytesAre(location)
  out.destroy()
  // the server has noticed when it lets another request go on
  let from = 0
  for (let status = 0; status !== 202; await sleep(10)) {
    from = Number((await rangeOf(location))?.slice(2)) + 1
    status = (
      await fetch(location, {
        method: 'PATCH',
        body: rest(blob, from),
        headers: { 'content-range': `${from}-${blob.length - 1}` },
      })
    ).status
    assert.ok([202, 409, 416].includes(status), String(status))
  }
  assert.ok(from > 1)
  assert.equal((await fetch(`${location}?digest=${digestOf(blob)}`, { method: 'PUT' })).status, 201)
})

test('createRegistryServer() leaves nothing of a single POST that broke', async () => {
  await using registry = await startTestRegistry()
  const { out } = stream('POST', `${registry.url}/v2/app/blobs/uploads/?digest=${digestOf('x')}`, { 'content-length': 1000 })
  out.on('error', () => undefined)
  out.write('x'.repeat(500))
  while ((await readdir(join(registry.folder, 'uploads'))).length === 0) await sleep(10)
  out.destroy()
  while ((await readdir(join(registry.folder, 'uploads'))).length > 0) await sleep(10)
  assert.deepEqual(await registry.storage.repositories(), [])
})

test('createRegistryServer() stores two uploads of one blob at once as one', async () => {
  await using registry = await startTestRegistry()
  const blob = randomBytes(1_000_000)
  const pushes = await Promise.all(
    Array.from({ length: 6 }, async () => {
      const location = await begin(registry.url)
      return fetch(`${registry.url}${location}?digest=${digestOf(blob)}`, { method: 'PUT', body: blob })
    }),
  )
  assert.deepEqual(
    pushes.map(({ status }) => status),
    Array(6).fill(201),
  )
  const files = (await readdir(join(registry.folder, 'blobs'), { recursive: true, withFileTypes: true })).filter((entry) =>
    entry.isFile(),
  )
  assert.equal(files.length, 1)
})

test('close() finishes an upload that is under way, and answers its client', async () => {
  await using registry = await startTestRegistry()
  const blob = randomBytes(1_000_000)
  const location = registry.url + (await begin(registry.url))
  const { out, answer } = stream('PUT', `${location}?digest=${digestOf(blob)}`, { 'content-length': blob.length })
  out.write(blob.subarray(0, 600_000))
  await untilBytesAre(location)
  const closing = registry.close()
  await assert.rejects(fetch(`${registry.url}/v2/`, { headers: { connection: 'close' } }))
  out.end(blob.subarray(600_000))
  const { statusCode, headers } = await answer
  assert.deepEqual([statusCode, headers.connection], [201, 'close'])
  await closing
  assert.deepEqual(await registry.storage.repository('app').blob(digestOf(blob)), { size: blob.length })
})

test('createRegistryServer() drops clients that stop sending, and keeps what they sent', async () => {
  await using registry = await startTestRegistry({ idleTimeout: 300 })
  const location = registry.url + (await begin(registry.url))
  const { out, answer } = stream('PATCH', location, { 'content-length': 1000 })
  out.on('error', () => undefined)
  out.write('x'.repeat(500))
  await assert.rejects(answer)
  await untilBytesAre(location)
  assert.equal(await rangeOf(location), '0-499')
})

test('createRegistryServer() closes when its signal aborts', async () => {
  const abort = new AbortController()
  await using registry = await startTestRegistry({ signal: abort.signal })
  assert.equal((await fetch(`${registry.url}/v2/`, { headers: { connection: 'close' } })).status, 200)
  abort.abort()
  await assert.rejects(fetch(`${registry.url}/v2/`))
})
