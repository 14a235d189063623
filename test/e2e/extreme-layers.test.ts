import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { createImage, type NewLayer } from '../../src/content/mutate.ts'
import { file, folder, tarOf, type LayerFixture } from '../../src/layers/erofs/test-layers.ts'
import { streamOf } from '../../src/lib/bytes.ts'
import { encodeTarHeader } from '../../src/lib/tar/encode.ts'
import { digestOf, type Digest } from '../../src/oci/digest.ts'
import { describe } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { createCredentialStore, createRegistryClient, type RemoteRepository } from '../../src/remote/index.ts'
import { busyboxPath, lacking, TestGantry } from '../support.ts'

const skip = lacking(['crun', 'conmon', 'busybox'], { root: true })

/** Most memory that any process of a pull may take, in MiB. What a pull of a tiny image takes is about 85. */
const memoryLimit = 150

interface Blob {
  readonly bytes: Buffer
  readonly mediaType: string
  readonly diffId: Digest
}

const packed = (tar: Buffer): Blob => ({
  bytes: gzipSync(tar, { level: 1 }),
  mediaType: mediaTypes.ociLayerGzip,
  diffId: digestOf(tar),
})

/** Publishes images, made here, in a hub of their own. */
class Publisher {
  readonly host: string
  readonly #client = createRegistryClient({ credentials: createCredentialStore({}), environment: {}, plainHttp: true })

  constructor(host: string) {
    this.host = host
  }

  async publish(name: string, blobs: readonly Blob[]): Promise<string> {
    const reference = `${this.host}/${name}:1`
    const repository: RemoteRepository = this.#client.repository(parseReference(reference))
    const layers: NewLayer[] = []
    for (const { bytes, mediaType, diffId } of blobs) {
      const descriptor = describe(bytes, mediaType)
      await repository.write(descriptor, streamOf(bytes))
      layers.push({ descriptor, diffId })
    }
    const config = {
      os: 'linux',
      architecture: process.arch === 'x64' ? 'amd64' : 'arm64',
      config: { Env: ['PATH=/bin'] },
    } as const
    const image = await createImage(repository, { config: { ...config, rootfs: { type: 'layers', diff_ids: [] } }, layers })
    await repository.tag('1', image)
    return reference
  }

  [Symbol.dispose](): void {
    this.#client.close()
  }
}

/** Runs a command that has to succeed; answers the most memory that its process has had, in MiB. */
const memoryOf = (gantry: TestGantry, ...args: readonly string[]): number => {
  const hook = gantry.path('hook.cjs')
  const report = gantry.path('status')
  // not what getrusage() says: that counts from before the program was started, with the memory of who started it
  writeFileSync(
    hook,
    `const { readFileSync, writeFileSync } = require('node:fs')
    if (require('node:worker_threads').isMainThread)
      process.on('exit', () => writeFileSync(${JSON.stringify(report)}, readFileSync('/proc/self/status')))`,
  )
  const result = gantry.try(args, { env: { NODE_OPTIONS: `--require=${hook}` } })
  assert.equal(result.status, 0, result.stderr)
  const peak = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(report, 'utf8'))?.[1]
  return Math.round(Number(peak) / 1024)
}

const base = async (): Promise<Blob> => {
  const busybox = readFileSync(busyboxPath())
  const links = ['cat', 'ls', 'wc', 'sh', 'tail'].map((name): LayerFixture => ({
    name: `bin/${name}`,
    kind: 'hardlink',
    linkName: 'bin/busybox',
  }))
  return packed(await tarOf([folder('bin'), file('bin/busybox', busybox, { mode: 0o755 }), ...links]))
}

/** Where the layer with this digest is. */
const tarSize = (gantry: TestGantry, diffId: Digest): number =>
  statSync(join(gantry.path('root', 'layers', 'sha256'), diffId.slice('sha256:'.length), 'tar')).size

test('images of 1, 40 and 127 layers are pulled within little memory, and run', { skip }, async () => {
  await using gantry = new TestGantry()
  using publisher = new Publisher(await gantry.hub())
  const all = [await base()]
  for (let index = 1; index < 127; index++)
    all.push(packed(await tarOf([folder('layers'), file(`layers/${index}`, `${index}\n`), file('top', `${index}\n`)])))
  for (const count of [1, 40, 127]) {
    const name = await publisher.publish(`layers-${count}`, all.slice(0, count))
    const peak = memoryOf(gantry, 'pull', '-q', name)
    assert.ok(peak < memoryLimit, `${count} layers took ${peak} MiB`)
    assert.equal(gantry.run('run', '--rm', '--network', 'none', name, 'cat', '/bin/busybox').length > 1000, true)
    if (count === 1) continue
    const seen = gantry.run('run', '--rm', '--network', 'none', name, 'sh', '-c', 'cat /top; ls /layers | wc -l')
    assert.equal(seen, `${count - 1}\n${count - 1}\n`)
    gantry.run('rmi', name)
  }
})

test('a layer of 100,000 empty files is pulled within little memory, and run', { skip }, async () => {
  await using gantry = new TestGantry()
  using publisher = new Publisher(await gantry.hub())
  const owner = { mode: 0o644, uid: 0, gid: 0, size: 0, mtime: { seconds: 1_700_000_000, nanoseconds: 0 } }
  const headers: Buffer[] = []
  for (let at = 0; at < 100_000; at++)
    headers.push(encodeTarHeader({ name: `d${Math.floor(at / 1000)}/empty-${at}`, kind: 'file', ...owner }))
  const name = await publisher.publish('many-files', [await base(), packed(Buffer.concat([...headers, Buffer.alloc(1024)]))])
  // the peak depends on when the garbage collector runs beside other work: what counts is what the pull can do with
  const peaks: number[] = []
  while (peaks.length < 3 && !peaks.some((peak) => peak < memoryLimit)) {
    if (peaks.length > 0) gantry.run('rmi', name)
    peaks.push(memoryOf(gantry, 'pull', '-q', name))
  }
  assert.ok(Math.min(...peaks) < memoryLimit, `it took ${peaks.join(', ')} MiB`)
  assert.equal(
    gantry.run('run', '--rm', '--network', 'none', name, 'sh', '-c', 'ls /d99 | wc -l; ls -d /d[0-9]* | wc -l'),
    '1000\n100\n',
  )
})

test('a layer of 5 GiB that is packed well is pulled within little memory, and run', { skip }, async () => {
  await using gantry = new TestGantry()
  using publisher = new Publisher(await gantry.hub())
  const size = 5 * 1024 ** 3
  const part = Buffer.alloc(16 * 1024 * 1024)
  const owner = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 1_700_000_000, nanoseconds: 0 } }
  const head = encodeTarHeader({ name: 'zeros', kind: 'file', size, ...owner })
  const tail = await tarOf([file('after', 'after\n')])
  const parts = Array.from({ length: size / part.length }, () => part)
  const hash = createHash('sha256')
  for (const bytes of [head, ...parts, tail]) hash.update(bytes)
  // as many gzip members as parts: one has to be compressed
  const member = gzipSync(part)
  const blob: Blob = {
    bytes: Buffer.concat([gzipSync(head), ...parts.map(() => member), gzipSync(tail)]),
    mediaType: mediaTypes.ociLayerGzip,
    diffId: `sha256:${hash.digest('hex')}` as Digest,
  }
  const name = await publisher.publish('large', [await base(), blob])
  const peak = memoryOf(gantry, 'pull', '-q', name)
  assert.ok(peak < memoryLimit, `it took ${peak} MiB`)
  assert.equal(tarSize(gantry, blob.diffId), head.length + size + tail.length)
  assert.equal(
    gantry.run('run', '--rm', '--network', 'none', name, 'sh', '-c', 'busybox stat -c %s /zeros; cat /after'),
    `${size}\nafter\n`,
  )
})

test('layers without anything in them are pulled and run', { skip }, async () => {
  await using gantry = new TestGantry()
  using publisher = new Publisher(await gantry.hub())
  const nothing = Buffer.alloc(0)
  const contents = gantry.run(
    'run',
    '--rm',
    '--network',
    'none',
    await publisher.publish('base', [await base()]),
    'sh',
    '-c',
    'ls /; ls /bin',
  )
  const end = Buffer.alloc(1024)
  const empties: Readonly<Record<string, Blob>> = {
    'no-bytes': { bytes: nothing, mediaType: mediaTypes.ociLayer, diffId: digestOf(nothing) },
    // what docker takes for an empty layer, too
    'no-bytes-gzip': { bytes: nothing, mediaType: mediaTypes.ociLayerGzip, diffId: digestOf(nothing) },
    'empty-gzip': packed(nothing),
    'two-blocks': { bytes: end, mediaType: mediaTypes.ociLayer, diffId: digestOf(end) },
    'two-blocks-gzip': packed(end),
  }
  for (const [kind, blob] of Object.entries(empties)) {
    const name = await publisher.publish(kind, [await base(), blob])
    gantry.run('pull', '-q', name)
    assert.equal(tarSize(gantry, blob.diffId), blob.diffId === digestOf(end) ? 1024 : 0, kind)
    assert.equal(gantry.run('run', '--rm', '--network', 'none', name, 'sh', '-c', 'ls /; ls /bin'), contents, kind)
    gantry.run('rmi', name)
  }
})
