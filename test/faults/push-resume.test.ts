import assert from 'node:assert/strict'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openDiskStore } from '../../src/content/disk-store/disk-store.ts'
import { createRegistryClient } from '../../src/remote/client.ts'
import { collect } from '../../src/lib/bytes.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { noDockerRegistry, startDockerRegistry } from '../../src/testing/docker-registry.ts'
import { startFaultyRegistry } from '../../src/testing/faulty-registry.ts'
import { startTestRegistry } from '../../src/testing/registry-server.ts'
import { FaultyRoot } from './gantry-process.ts'
import { writeLargeImage } from './large-image.ts'
import { startRelay } from './relay.ts'

const size = 48_000_000
/** Bytes that may be on their way, in buffers of sockets and registries, when a connection is cut. */
const underWay = 10_000_000

/** An image with one large layer, ready to be pushed. */
const prepare = async (root: FaultyRoot, host: string): Promise<{ readonly name: string; readonly layer: Descriptor }> => {
  const store = await openDiskStore({ folder: join(root.root, 'content') })
  const { target, layers } = await writeLargeImage(store, [size])
  const name = `${host}/team/app:1`
  await store.tag(name, target)
  return { name, layer: layers[0]! }
}

const journal = (root: FaultyRoot): readonly string[] => {
  const folder = join(root.root, 'uploads')
  return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
}

const until = async (condition: () => boolean): Promise<void> => {
  for (let wait = 0; !condition(); wait += 5) {
    if (wait > 60_000) throw new Error('it never happened')
    await sleep(5)
  }
}

const assertStored = async (host: string, layer: Descriptor): Promise<void> => {
  using client = createRegistryClient({ certificateFolders: [] })
  const repository = client.repository({ domain: host, path: 'team/app' })
  assert.equal((await collect(await repository.open(layer), 2 * size)).length, layer.size)
}

// docker-registry signs the number of bytes into an upload's location, and drops an upload that has others than its location says:
// so one that breaks within a request is never gone on with there
const registries = [
  { name: 'a registry that can do everything', skip: false, keeps: true, start: startFaultyRegistry },
  { name: "gantry's own registry", skip: false, keeps: true, start: startTestRegistry },
  { name: "Debian's docker-registry", skip: noDockerRegistry, keeps: false, start: startDockerRegistry },
] as const

for (const { name: kind, skip, keeps, start } of registries) {
  test(`a push that was killed amid a layer goes on in the next process: ${kind}`, { skip }, async () => {
    await using registry = await start()
    await using relay = await startRelay(registry.host)
    await using root = new FaultyRoot()
    const { name, layer } = await prepare(root, relay.host)
    relay.up.rate = 60_000_000
    const { child, ended } = root.start(['push', name])
    await until(() => relay.up.passed > size / 2)
    child.kill('SIGKILL')
    await ended
    const [record] = journal(root)
    assert.ok(record !== undefined, 'the upload is not in the journal')
    assert.equal(statSync(join(root.root, 'uploads', record)).mode & 0o777, 0o600)
    await sleep(200)
    relay.up.rate = undefined
    const first = relay.up.passed
    const { status, stderr, stdout } = await root.run('push', name)
    assert.equal(status, 0, stderr)
    assert.doesNotMatch(stderr + stdout, /_state|uploads/)
    const second = relay.up.passed - first
    assert.ok(second < (keeps ? size / 2 : size) + underWay, `the second push sent ${second} bytes`)
    assert.deepEqual(journal(root), [])
    await assertStored(registry.host, layer)
  })

  test(`a push whose connection is cut again and again goes on from where it was: ${kind}`, { skip }, async () => {
    await using registry = await start()
    await using relay = await startRelay(registry.host)
    await using root = new FaultyRoot()
    const { name, layer } = await prepare(root, relay.host)
    relay.up.cutAfter = 12_000_000
    const { status, stderr } = await root.run('push', name)
    if (!keeps) {
      // each attempt begins anew, unless the registry is asked before it has noticed
      assert.equal(status, 1, stderr)
      assert.match(stderr, /^hint: .* have been sent: the next push goes on from what the registry has kept$/m)
      assert.ok(relay.cuts >= 5, `${relay.cuts} cuts`)
      relay.up.cutAfter = undefined
      assert.equal((await root.run('push', name)).status, 0)
      return await assertStored(registry.host, layer)
    }
    assert.equal(status, 0, stderr)
    assert.ok(relay.cuts >= 3, `${relay.cuts} cuts`)
    assert.match(stderr, /Retrying in \d+ seconds?.*: /)
    assert.ok(relay.up.passed < size + relay.cuts * underWay, `${relay.up.passed} bytes were sent`)
    await assertStored(registry.host, layer)
  })
}

test('a push begins anew when the registry has forgotten the upload', async () => {
  await using registry = await startFaultyRegistry()
  await using relay = await startRelay(registry.host)
  await using root = new FaultyRoot()
  const { name, layer } = await prepare(root, relay.host)
  relay.up.rate = 60_000_000
  const { child, ended } = root.start(['push', name])
  await until(() => relay.up.passed > size / 4)
  child.kill('SIGKILL')
  await ended
  registry.uploads.clear()
  relay.up.rate = undefined
  const { status, stderr } = await root.run('push', name)
  assert.equal(status, 0, stderr)
  await assertStored(registry.host, layer)
  assert.deepEqual(journal(root), [])
})

test('a push that is interrupted says what has been sent, and two at once send a layer once', async () => {
  await using registry = await startFaultyRegistry()
  await using relay = await startRelay(registry.host)
  await using root = new FaultyRoot()
  const { name, layer } = await prepare(root, relay.host)
  relay.up.rate = 60_000_000
  const first = root.start(['push', name])
  await until(() => relay.up.passed > size / 4)
  first.child.kill('SIGINT')
  const interrupted = await first.ended
  assert.equal(interrupted.status, 130, interrupted.stderr)
  assert.match(
    interrupted.stderr,
    /hint: [\d.]+MB of 48\.\d+MB have been sent: the next push goes on from what the registry has kept/,
  )
  assert.equal(journal(root).length, 1)
  const results = await Promise.all([root.run('push', name), root.run('push', name)])
  for (const { status, stderr } of results) assert.equal(status, 0, stderr)
  assert.ok(relay.up.passed < size + underWay, `${relay.up.passed} bytes were sent`)
  await assertStored(registry.host, layer)
})
