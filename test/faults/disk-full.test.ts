import assert from 'node:assert/strict'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { partialPath } from '../../src/content/disk-store/ingest.ts'
import { createRegistryClient } from '../../src/remote/client.ts'
import { startFaultyRegistry } from '../../src/testing/faulty-registry.ts'
import { dropFolder, lacking, sh } from '../support.ts'
import { checkStore } from './check-store.ts'
import { assertClearError, FaultyRoot } from './gantry-process.ts'
import { writeLargeImage } from './large-image.ts'
import { blobRequests } from './published-image.ts'

/** A file system of its own in a file. */
class SmallDisk implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gantry-small-disk-'))
  readonly path = join(this.folder, 'disk')

  constructor(size: number) {
    const image = join(this.folder, 'image')
    writeFileSync(image, '')
    truncateSync(image, size)
    sh(['mkfs.ext4', '-q', '-m', '0', image])
    mkdirSync(this.path)
    sh(['mount', '-o', 'loop', image, this.path])
  }

  get free(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Fills it but for some bytes; what was filled before is given back. */
  fill(left: number): void {
    const ballast = join(this.path, 'ballast')
    rmSync(ballast, { force: true })
    const fd = openSync(ballast, 'w')
    const block = Buffer.alloc(65_536)
    let size = block.length
    const isEnough = (): boolean => left > 0 && this.free <= left
    while (size >= 512 && !isEnough()) {
      try {
        writeSync(fd, block, 0, size)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
        // a file system gives back what it had set aside once it knows what is needed
        fsyncSync(fd)
        size /= 2
      }
    }
    closeSync(fd)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    dropFolder(this.folder)
  }
}

const canMount = (): boolean => {
  try {
    new SmallDisk(8 << 20)[Symbol.asyncDispose]().catch(() => undefined)
    return true
  } catch {
    return false
  }
}

const missing = lacking(['mkfs.ext4', 'mount'], { root: true })
const skip = missing === false && !canMount() ? 'needs loop devices' : missing

test(
  'a pull onto a disk that is full keeps what has arrived, says what is missing, and goes on when there is room',
  { skip },
  async () => {
    await using disk = new SmallDisk(96 << 20)
    await using registry = await startFaultyRegistry()
    using client = createRegistryClient({ certificateFolders: [] })
    const repository = client.repository({ domain: registry.host, path: 'team/app' }, { mountFrom: [] })
    const { target, layers } = await writeLargeImage(repository, [4_000_000, 9_000_000, 14_000_000])
    await repository.tag('1', target)
    const name = `${registry.host}/team/app:1`
    await using root = new FaultyRoot({}, join(disk.path, 'root'))
    // each time there is a little more room: blobs do not fit, then layers, then all of it
    for (const room of [6_000_000, 8_000_000, 12_000_000, 10_000_000]) {
      disk.fill(room)
      registry.requests.length = 0
      const before = await checkStore(root.root)
      const kept = new Map(
        layers.map(({ digest }) => [
          digest,
          statSync(partialPath(join(root.root, 'content'), digest), { throwIfNoEntry: false })?.size ?? 0,
        ]),
      )
      const failed = await root.run('pull', name)
      assertClearError(failed)
      assert.match(
        failed.stderr,
        /: no space is left in "[^"]+\/root\/(?:content|layers)": (?:[\d.]+[kM]?B more are needed, )?[\d.]+[kM]?B are free$/m,
      )
      assert.match(failed.stderr, /^hint: make room there, and try again/m)
      for (const { digest, range } of blobRequests(registry)) {
        assert.ok(!before.blobs.has(digest), `${digest} was fetched again`)
        const size = kept.get(digest) ?? 0
        if (size > 0) assert.match(range ?? '', new RegExp(`^bytes=${size}-`))
      }
      assert.equal((await checkStore(root.root)).names.size, 0)
    }
    rmSync(join(disk.path, 'ballast'))
    const { status, stderr } = await root.run('pull', name)
    assert.equal(status, 0, stderr)
    const { names, layers: stored } = await checkStore(root.root)
    assert.deepEqual([...names], [[name, target.digest]])
    assert.equal(stored.size, 3)
  },
)

test('names stay as they are when there is no room to change them', { skip }, async () => {
  await using disk = new SmallDisk(16 << 20)
  await using registry = await startFaultyRegistry()
  using client = createRegistryClient({ certificateFolders: [] })
  const repository = client.repository({ domain: registry.host, path: 'team/app' }, { mountFrom: [] })
  const { target } = await writeLargeImage(repository, [500_000])
  await repository.tag('1', target)
  const name = `${registry.host}/team/app:1`
  await using root = new FaultyRoot({}, join(disk.path, 'root'))
  assert.equal((await root.run('pull', name)).status, 0)
  const before = await checkStore(root.root)
  disk.fill(0)
  for (const args of [
    ['tag', name, 'other:1'],
    ['rmi', name],
  ]) {
    const failed = await root.run(...args)
    if (failed.status !== 0) {
      assertClearError(failed)
      assert.match(failed.stderr, /no space is left in/)
    } else assert.equal(args[0], 'rmi')
  }
  const after = await checkStore(root.root)
  if (after.names.size > 0) assert.deepEqual(after, before)
  // pushing needs no room
  if (after.names.size > 0) assert.equal((await root.run('push', name)).status, 0)
  rmSync(join(disk.path, 'ballast'))
  assert.equal((await root.run('pull', name)).status, 0)
  assert.deepEqual(await checkStore(root.root), before)
})
