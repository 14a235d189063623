import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { lacking, sh, TestGantry } from '../support.ts'

/** Images of plain files: no container is needed to make them. */
const build = (gantry: TestGantry, name: string, files: Readonly<Record<string, string>>): string => {
  const copies = Object.keys(files).map((file) => `COPY ${file} /${file}\n`)
  return gantry
    .run('build', '-q', '-t', name, gantry.context({ ...files, Dockerfile: `FROM scratch\n${copies.join('')}` }))
    .trim()
}

const blobs = (gantry: TestGantry): readonly string[] => readdirSync(gantry.path('root', 'content', 'blobs', 'sha256'))
const layers = (gantry: TestGantry): readonly string[] => readdirSync(gantry.path('root', 'layers', 'sha256'))
const blobFile = (gantry: TestGantry, digest: string): string =>
  gantry.path('root', 'content', 'blobs', 'sha256', digest.replace('sha256:', ''))

const flip = (path: string): void => {
  chmodSync(path, 0o644)
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

test('rmi removes several images at once, and says what cannot be removed', async () => {
  await using gantry = new TestGantry()
  const id = build(gantry, 'one', { a: '1' })
  build(gantry, 'two', { a: '2' })
  gantry.run('tag', 'one', 'other/one:2')
  const result = gantry.try(['image', 'rm', 'nothing', 'two', 'one'])
  assert.equal(result.status, 1)
  assert.match(result.stdout, /^Untagged: two:latest\nDeleted: sha256:[0-9a-f]{64}\nUntagged: one:latest\n$/)
  assert.match(result.stderr, /No such image: nothing:latest/)
  gantry.run('tag', 'other/one:2', 'third:3')
  assert.match(gantry.try(['rmi', id]).stderr, /must be forced.*multiple repositories/)
  assert.equal(gantry.run('rmi', '-f', '--no-prune', id), `Untagged: third:3\nUntagged: other/one:2\nDeleted: ${id}\n`)
  assert.equal(blobs(gantry).length, 3)
  assert.match(gantry.run('image', 'prune', '-f'), /^Total reclaimed space: \d+B\n$/)
  assert.deepEqual(blobs(gantry), [])
})

test('image prune removes what has no name, and all that is not used with -a', async () => {
  await using gantry = new TestGantry()
  const older = build(gantry, 'moving', { a: '1' })
  const newer = build(gantry, 'moving', { a: '2' })
  const asked = gantry.try(['image', 'prune'], { input: 'n\n' })
  assert.equal(asked.status, 1)
  assert.equal(asked.stdout, 'WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] ')
  assert.match(asked.stderr, /image prune has been cancelled/)
  const done = gantry.try(['image', 'prune'], { input: 'y\n' })
  assert.match(done.stdout, new RegExp(`Deleted Images:\ndeleted: ${older}\n\nTotal reclaimed space: \\d+B\n$`))
  assert.equal(gantry.run('image', 'prune', '-af', '--filter', 'until=24h'), 'Total reclaimed space: 0B\n')
  assert.equal(gantry.run('image', 'prune', '-af', '--filter', 'label=x'), 'Total reclaimed space: 0B\n')
  assert.match(gantry.try(['image', 'prune', '-f', '--filter', 'color=red']).stderr, /invalid filter 'color'/)
  assert.match(
    gantry.run('image', 'prune', '-af', '--filter', 'label!=x'),
    new RegExp(`^Deleted Images:\nuntagged: moving:latest\ndeleted: ${newer}\n`),
  )
  assert.deepEqual(blobs(gantry), [])
})

test('system prune and builder prune give back what only the cache keeps', async () => {
  await using gantry = new TestGantry()
  build(gantry, 'kept', { a: '1' })
  build(gantry, 'gone', { b: '2' })
  gantry.run('rmi', 'gone')
  assert.equal(layers(gantry).length, 2)
  const partial = gantry.path('root', 'content', 'ingest', `sha256-${'a'.repeat(64)}`)
  writeFileSync(partial, 'a part')
  const pruned = gantry.run('system', 'prune', '-f')
  assert.match(pruned, /^Deleted build cache objects:\n[0-9a-f]{64}\n[0-9a-f]{64}\n\nTotal reclaimed space: [\d.]+kB\n$/)
  assert.equal(layers(gantry).length, 1)
  assert.ok(existsSync(partial), 'a download that may be resumed')
  assert.match(gantry.run('builder', 'prune', '-af'), /Deleted build cache objects:/)
  assert.equal(layers(gantry).length, 1)
  assert.match(gantry.run('system', 'prune', '-af', '--volumes'), /untagged: kept:latest/)
  assert.deepEqual([layers(gantry), blobs(gantry), existsSync(partial)], [[], [], false])
})

test('system df counts every byte once', async () => {
  await using gantry = new TestGantry()
  const text = 'x'.repeat(100_000)
  build(gantry, 'one', { big: text })
  build(gantry, 'two', { big: text, small: 'y' })
  const table = gantry.run('system', 'df')
  assert.match(table, /^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +2 +0 +1\d\d[.\d]*kB/)
  assert.match(table, /compressed, .* unpacked; .* in one image, .* in several/)
  const rows = gantry.run('system', 'df', '--format', '{{.Type}}|{{.TotalCount}}|{{.Size}}').trim().split('\n')
  assert.deepEqual(rows.slice(1), ['Containers|0|0B', 'Local Volumes|0|0B', 'Build Cache|4|0B'])
  const [all] = gantry
    .run('system', 'df', '-v', '--format', 'json')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly Images: readonly Record<string, string>[] })
  assert.deepEqual(all?.Images.map(({ Repository }) => Repository).toSorted(), ['one', 'two'])
  for (const image of all.Images) assert.match(image.SharedSize ?? '', /^1\d\d[.\d]*kB$/)
  assert.match(gantry.run('system', 'df', '-v'), /Images space usage:[\s\S]*Build cache usage: 0B/)
})

test('info tells what there is, as JSON too', async () => {
  await using gantry = new TestGantry()
  build(gantry, 'one', { a: '1' })
  assert.match(gantry.run('system', 'info'), /^ Containers: 0\n[\s\S]* Images: 1\n[\s\S]* Storage Driver: (?:erofs|folder)\n/)
  const info = JSON.parse(gantry.run('info', '--format', 'json')) as { readonly Images: number; readonly DockerRootDir: string }
  assert.deepEqual([info.Images, info.DockerRootDir], [1, gantry.path('root')])
})

test('system verify finds damage, and --repair undoes it', async () => {
  await using gantry = new TestGantry()
  const name = `${await gantry.hub()}/team/app:1`
  build(gantry, name, { a: 'some text', b: 'x'.repeat(2_000_000) })
  gantry.run('push', name)
  gantry.run('rmi', name)
  gantry.run('system', 'prune', '-af')
  gantry.run('pull', '-q', name)
  const verify = (...args: readonly string[]) => gantry.try(['system', 'verify', ...args])
  const clean = verify()
  assert.equal(clean.status, 0)
  assert.match(clean.stdout, /^Checked 4 blobs and 2 layers, .*: no damage\n$/)

  type Manifest = { readonly config: { readonly digest: string }; readonly layers: readonly { readonly digest: string }[] }
  const index = JSON.parse(readFileSync(gantry.path('root', 'content', 'index.json'), 'utf8')) as {
    readonly manifests: readonly [{ readonly digest: string }]
  }
  const target = index.manifests[0].digest
  const manifest = JSON.parse(readFileSync(blobFile(gantry, target), 'utf8')) as Manifest
  const [first, second] = manifest.layers.map(({ digest }) => digest) as [string, string]
  const [layer, otherLayer] = layers(gantry) as [string, string]
  const damages: readonly (readonly [RegExp, () => void])[] = [
    [/layer blob \S+: its \d+ bytes have the digest .* \(used by \S+\/team\/app:1\)/, () => flip(blobFile(gantry, first))],
    [/layer blob \S+: it is missing \(used by/, () => rmSync(blobFile(gantry, second))],
    [
      /layer blob \S+: it has 5 bytes and not \d+/,
      () => {
        chmodSync(blobFile(gantry, second), 0o644)
        truncateSync(blobFile(gantry, second), 5)
      },
    ],
    [/config \S+: its bytes have the digest/, () => flip(blobFile(gantry, manifest.config.digest))],
    [/manifest \S+: it is missing/, () => rmSync(blobFile(gantry, target))],
    [
      /layer \S+: its tar of 100 bytes has the digest/,
      () => truncateSync(gantry.path('root', 'layers', 'sha256', layer, 'tar'), 100),
    ],
    [/layer \S+: its tar of \d+ bytes has the digest/, () => flip(gantry.path('root', 'layers', 'sha256', otherLayer, 'tar'))],
    [/index \S+: its index is missing/, () => rmSync(gantry.path('root', 'layers', 'sha256', layer, 'index'))],
    [/index \S+: its index is not what its tar gives/, () => flip(gantry.path('root', 'layers', 'sha256', otherLayer, 'index'))],
    [
      /blob sha256:0{64}: its 3 bytes have the digest .* \(used by nothing\)/,
      () => writeFileSync(blobFile(gantry, '0'.repeat(64)), 'odd'),
    ],
  ]
  for (const [line, damage] of damages) {
    damage()
    const found = verify()
    assert.equal(found.status, 1, String(line))
    assert.match(found.stdout, line)
    const repaired = verify('--repair')
    assert.equal(repaired.status, 0, repaired.stdout)
    assert.match(repaired.stdout, /: repaired: [\s\S]*0 not repaired\n$/)
    assert.equal(verify().status, 0)
  }
  // all at once
  for (const [, damage] of damages.toSpliced(1, 2)) damage()
  assert.match(verify().stdout, / damaged\n$/)
  assert.equal(verify('--repair').status, 0)
  assert.match(verify().stdout, /no damage/)
})

test('system verify says what cannot be repaired, and rmi removes a damaged image', async () => {
  await using gantry = new TestGantry()
  const id = build(gantry, '127.0.0.1:1/app', { a: 'some text' })
  build(gantry, 'fine', { a: 'other text' })
  rmSync(blobFile(gantry, id))
  const result = gantry.try(['system', 'verify', '--repair'])
  assert.equal(result.status, 1)
  assert.match(result.stdout, /config sha256:\S+: it is missing \(used by 127\.0\.0\.1:1\/app:latest\): not repaired: .*refused/)
  assert.equal(gantry.try(['system', 'verify', 'fine']).status, 0)
  const [row] = gantry.try(['system', 'verify', '--format', 'json']).stdout.trim().split('\n')
  assert.equal((JSON.parse(row ?? '') as { readonly Kind: string }).Kind, 'config')
  assert.match(gantry.run('rmi', '127.0.0.1:1/app'), /^Untagged: 127\.0\.0\.1:1\/app:latest\nDeleted: sha256:/)
  assert.equal(gantry.try(['system', 'verify']).status, 0)
  assert.equal(blobs(gantry).length, 3)
})

test('rmi and system prune make room on a disk that is full', { skip: lacking(['mount'], { root: true }) }, async () => {
  await using gantry = new TestGantry()
  const disk = gantry.path('root')
  mkdirSync(disk)
  sh(['mount', '-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', disk])
  try {
    for (const remove of [
      ['rmi', 'large'],
      ['system', 'prune', '-af'],
    ]) {
      build(gantry, 'large', { a: 'x'.repeat(1_000_000) })
      assert.notEqual(spawnSync('sh', ['-c', 'cat /dev/zero > "$1/fill"', 'sh', disk]).status, 0)
      gantry.run(...remove)
      assert.deepEqual(blobs(gantry), [])
      rmSync(gantry.path('root', 'fill'))
      assert.match(gantry.run('system', 'prune', '-af'), /Total reclaimed space/)
    }
  } finally {
    sh(['umount', disk])
  }
})
