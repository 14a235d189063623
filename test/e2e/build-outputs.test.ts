import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, utimesSync } from 'node:fs'
import { test } from 'node:test'
import { lacking, TestGantry } from '../support.ts'

const dockerfile = `FROM scratch
ARG TARGETARCH
COPY tool /bin/tool
COPY tool /arch-$TARGETARCH
CMD ["/bin/tool"]
`

const open = (): TestGantry => new TestGantry({ GANTRY_STORAGE_DRIVER: 'folder' })

const contextIn = (gantry: TestGantry): string => {
  const context = gantry.context({ Dockerfile: dockerfile, tool: '#!/x' })
  utimesSync(`${context}/tool`, 1_600_000_000, 1_600_000_000)
  return context
}

const both = ['--platform', 'linux/amd64,linux/arm64']

test('build --platform --push makes one image of several platforms, here and in the registry', async () => {
  await using gantry = open()
  const name = `${await gantry.hub()}/team/app:1`
  const args = ['--metadata-file', 'meta.json', '--iidfile', 'iid', '--provenance=true', '--annotation', 'index:a=b']
  const id = gantry.run('build', '-q', ...both, ...args, '-t', name, '--push', contextIn(gantry)).trim()
  const metadata = JSON.parse(readFileSync(gantry.path('meta.json'), 'utf8')) as Readonly<Record<string, string>>
  assert.equal(metadata['containerimage.config.digest'], id)
  assert.equal(metadata['image.name'], name)
  assert.equal(typeof metadata['buildx.build.provenance/linux/arm64'], 'object')
  assert.equal(readFileSync(gantry.path('iid'), 'utf8'), id)
  const pushed = JSON.parse(gantry.run('manifest', 'inspect', `docker://${name}`)) as {
    readonly annotations: object
    readonly manifests: readonly { readonly digest: string; readonly platform: { readonly architecture: string } }[]
  }
  assert.deepEqual(pushed.annotations, { a: 'b' })
  assert.deepEqual(
    pushed.manifests.map(({ platform }) => platform.architecture),
    ['amd64', 'arm64', 'unknown', 'unknown'],
  )
  const digest = String(metadata['containerimage.digest'])
  assert.ok(gantry.run('images', '--digests').includes(digest), 'the store and the registry have the same')
  assert.equal(gantry.run('images').trim().split('\n').length, 2, 'one row')
  const repository = name.slice(0, name.lastIndexOf(':'))
  assert.match(gantry.run('referrers', `${repository}@${pushed.manifests[1]?.digest}`), /attestation/)
  const again = gantry.run('build', '-q', ...both, '--no-cache', '-t', 'again:1', contextIn(gantry)).trim()
  assert.equal(again, id)
})

test('build --output writes folders, tars and archives, and nothing else to standard output', async () => {
  await using gantry = open()
  const context = contextIn(gantry)
  assert.equal(gantry.run('build', '-q', '-o', 'out', '-o', 'type=oci,dest=a.tar', '-t', 'app:1', context).trim().length, 71)
  assert.deepEqual(readdirSync(gantry.path('out')).toSorted(), ['arch-amd64', 'bin'])
  assert.equal(gantry.run('images', '-q'), '', 'no image was asked for')
  assert.match(gantry.run('load', '-i', 'a.tar'), /app:1/)
  const { stdout } = gantry.try(['build', '-o', '-', context])
  const listed = spawnSync('tar', ['t'], { input: stdout, encoding: 'utf8' })
  assert.deepEqual(listed.stdout.trim().split('\n'), ['arch-amd64', 'bin/', 'bin/tool'])
  const wrong = gantry.try(['build', '-o', 'type=local', context])
  assert.deepEqual([wrong.status, wrong.stderr.split('\n')[0]], [2, 'gantry build: dest is required for local exporter'])
  const nameless = gantry.try(['build', '--push', context])
  assert.match(nameless.stderr, /tag is needed when pushing to registry\nhint: name the image/)
})

test('the archives are read by skopeo', { skip: lacking(['skopeo']) }, async () => {
  await using gantry = open()
  const outputs = [
    'type=oci,dest=o.tar',
    'type=docker,dest=d.tar',
    'type=oci,tar=false,dest=layout',
    'type=oci,dest=z.tar,compression=zstd',
  ]
  const flags = outputs.flatMap((output) => ['-o', output])
  const id = gantry.run('build', '-q', ...both, '--provenance=mode=max', ...flags, '-t', 'app:1', contextIn(gantry)).trim()
  for (const [place, type] of [
    ['oci-archive:o.tar', 'gzip'],
    ['docker-archive:d.tar', 'gzip'],
    ['oci:layout', 'gzip'],
    ['oci-archive:z.tar', 'zstd'],
  ]) {
    const copied = spawnSync(
      'skopeo',
      ['copy', '--quiet', '--override-arch', 'amd64', String(place), `dir:${gantry.path('copy')}`],
      {
        cwd: gantry.folder,
        encoding: 'utf8',
      },
    )
    assert.equal(copied.status, 0, `${place} ${type}: ${copied.stderr}`)
    const manifest = JSON.parse(readFileSync(gantry.path('copy', 'manifest.json'), 'utf8')) as {
      readonly config: { readonly digest: string }
    }
    assert.equal(manifest.config.digest, id, place)
  }
})

test('build --squash and --squash-from make fewer layers', async () => {
  await using gantry = open()
  const context = contextIn(gantry)
  const layers = (...flags: readonly string[]): number => {
    gantry.run('build', '-q', ...flags, '-t', 'app:1', context)
    return gantry.run('inspect', '--format', '{{range .RootFS.Layers}}{{println .}}{{end}}', 'app:1').trim().split('\n').length
  }
  assert.deepEqual([layers(), layers('--squash'), layers('--squash-from', '2'), layers('--squash-from', '1-2')], [2, 1, 2, 1])
  const wrong = gantry.try(['build', '--squash-from', 'nothing', context])
  assert.match(wrong.stderr, /Cannot squash from "nothing": there is no such layer or stage\nhint: the build makes 2 layers/)
})

test(
  'build --verify-reproducible says what differs, and fails',
  { skip: lacking(['crun', 'busybox'], { root: true }) },
  async () => {
    await using gantry = new TestGantry()
    const run = (text: string) => {
      const context = gantry.context({
        Dockerfile: `FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/busybox\nRUN ${text}\n`,
      })
      spawnSync('cp', ['/bin/busybox', context])
      return gantry.try(['build', '-q', '-t', 'app:1', '--verify-reproducible', context])
    }
    const good = run('busybox touch /file')
    assert.equal(good.status, 0, good.stderr)
    const bad = run('busybox cat /proc/sys/kernel/random/uuid > /id')
    assert.notEqual(bad.status, 0)
    assert.match(bad.stderr, /^layer 3: RUN .*\n {2}\/id: content sha256:/m)
    assert.match(bad.stderr, /Cannot reproduce the image: sha256:\w+ the first time, sha256:\w+ the second/)
  },
)
