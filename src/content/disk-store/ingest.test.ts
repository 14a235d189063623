import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { collect, type ByteStream } from '../../lib/bytes.ts'
import { describe as describeBytes } from '../../oci/manifest.ts'
import { temporaryStore } from '../../testing/content-store-folder.ts'
import { chunksOf, randomBytes } from '../../testing/random-image.ts'
import { partialPath } from './ingest.ts'

const size = 6 << 20
const bytes = randomBytes(1, size)
const descriptor = describeBytes(bytes, 'application/octet-stream')

/** Runs a module in another process; `store`, `bytes`, `descriptor` and `chunksOf` are there. */
const runChild = (folder: string, code: string): ChildProcess => {
  const imports = `
    import { openDiskStore } from '${import.meta.resolve('./disk-store.ts')}'
    import { chunksOf, randomBytes } from '${import.meta.resolve('../../testing/random-image.ts')}'
    const store = await openDiskStore({ folder: ${JSON.stringify(folder)} })
    const bytes = randomBytes(1, ${size})
    const descriptor = ${JSON.stringify(descriptor)}
  `
  return spawn(process.execPath, ['--input-type=module', '-e', imports + code], { stdio: ['pipe', 'pipe', 'inherit'] })
}

const ingested = (folder: string): readonly string[] => readdirSync(join(folder, 'ingest'))

test('writeFrom() goes on where a process was killed', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const child = runChild(
    store.folder,
    `async function* stuck() {
      yield* chunksOf(bytes.subarray(0, 5 << 20), 65536)
      process.stdout.write('stuck')
      await new Promise((resolve) => setTimeout(resolve, 60_000))
    }
    await store.write(descriptor, stuck())`,
  )
  await once(child.stdout!, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(await store.has(descriptor), false)
  const kept = statSync(partialPath(store.folder, descriptor.digest)).size
  assert.ok(kept >= 4 << 20, `${kept} bytes were kept`)
  const offsets: number[] = []
  await store.writeFrom(descriptor, async (offset) => {
    offsets.push(offset)
    return chunksOf(bytes.subarray(offset), 65_536)
  })
  assert.deepEqual(offsets, [kept])
  assert.ok((await collect(await store.open(descriptor), size)).equals(bytes))
  assert.deepEqual(ingested(store.folder), [])
})

test('writeFrom() begins anew when what was kept is wrong', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  await assert.rejects(store.write(descriptor, breaking(bytes.subarray(0, 3 << 20))))
  const path = partialPath(store.folder, descriptor.digest)
  writeFileSync(path, readFileSync(path).fill(0, 0, 10))
  const offsets: number[] = []
  await store.writeFrom(descriptor, async (offset) => {
    offsets.push(offset)
    return chunksOf(bytes.subarray(offset), 65_536)
  })
  assert.deepEqual(offsets, [3 << 20, 0])
  assert.ok((await collect(await store.open(descriptor), size)).equals(bytes))
})

test('writeFrom() needs no bytes when all of them had come', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  await assert.rejects(store.write(descriptor, breaking(bytes)))
  await store.writeFrom(descriptor, () => assert.fail('no bytes are missing'))
  assert.ok(await store.has(descriptor))
  await store.writeFrom(descriptor, () => assert.fail('the blob is there'))
})

test('writeFrom() keeps nothing of wrong bytes', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const wrong = Buffer.from(bytes).fill(0, size - 10)
  await assert.rejects(
    store.writeFrom(descriptor, async () => chunksOf(wrong, 65_536)),
    { code: 'DIGEST_MISMATCH' },
  )
  assert.deepEqual(
    ingested(store.folder).filter((name) => !name.endsWith('.lock')),
    [],
  )
  await store.write(descriptor, chunksOf(bytes, 65_536))
  assert.deepEqual(ingested(store.folder), [])
})

test('writeFrom() in two processes at once fetches the blob once', async () => {
  await using fixture = await temporaryStore()
  const code = `
    let opened = 0
    async function* slow() {
      for await (const chunk of chunksOf(bytes, 1 << 20)) {
        yield chunk
        await new Promise((resolve) => setTimeout(resolve, 40))
      }
    }
    process.stdout.write('ready ')
    await new Promise((resolve) => process.stdin.once('data', resolve))
    await store.writeFrom(descriptor, async () => (opened++, slow()))
    process.stdout.write(String(opened))
    process.stdin.unref()`
  const children = [1, 2, 3].map(() => runChild(fixture.subject.folder, code))
  const output = children.map((child) => collect(child.stdout as ByteStream, 100))
  await Promise.all(children.map(async (child) => await once(child.stdout!, 'readable')))
  for (const child of children) child.stdin!.end('go')
  const texts = await Promise.all(output.map(async (text) => (await text).toString()))
  assert.deepEqual(texts.toSorted(), ['ready 0', 'ready 0', 'ready 1'])
  assert.deepEqual(ingested(fixture.subject.folder), [])
})

test('tag() of many processes at once loses no name', async () => {
  await using fixture = await temporaryStore()
  const store = fixture.subject
  const small = await store.ingest(chunksOf(Buffer.from('x'), 1), 'application/vnd.oci.image.manifest.v1+json')
  const code = (child: number): string =>
    `for (let n = 0; n < 8; n++) await store.tag('child${child}:' + n, ${JSON.stringify(small)})`
  const children = [1, 2, 3].map((child) => runChild(store.folder, code(child)))
  const exits = await Promise.all(children.map(async (child) => (await once(child, 'exit')) as [number]))
  assert.deepEqual(
    exits.map(([status]) => status),
    [0, 0, 0],
  )
  assert.equal((await store.names()).length, 24)
})

async function* breaking(kept: Uint8Array): ByteStream {
  yield* chunksOf(kept, 65_536)
  throw new Error('the connection broke')
}
