import assert from 'node:assert/strict'
import { existsSync, lstatSync, mkdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { openLayout } from '../../src/content/layout.ts'
import { randomIndex } from '../../src/testing/random-image.ts'
import { startDockerRegistry, stop, TestGantry, lacking } from '../support.ts'

interface Listed {
  readonly subject: { readonly digest: string }
  readonly referrers: readonly {
    readonly digest: string
    readonly artifactType: string
    readonly annotations?: object
    readonly referrers?: Listed['referrers']
  }[]
}

test('artifact push and pull carry files and folders', async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  mkdirSync(gantry.path('docs/deep'), { recursive: true })
  writeFileSync(gantry.path('docs/deep/a.txt'), 'a\n')
  symlinkSync('deep/a.txt', gantry.path('docs/link'))
  writeFileSync(gantry.path('README.md'), '# read me\n')
  const push = (to: string): string =>
    gantry.run(
      'artifact',
      'push',
      '-q',
      '--artifact-type',
      'application/x.docs',
      '-a',
      'k=v=w',
      to,
      'README.md:text/markdown',
      './docs/',
    )
  const digest = push(`${host}/docs:1`)
  assert.equal(push(`${host}/docs:2`), digest, 'the same files are the same artifact')
  assert.equal(push('oci:layout:docs'), digest)
  for (const from of [`${host}/docs:1`, 'oci:layout:docs']) {
    const output = gantry.run('artifact', 'pull', '-o', 'out', from)
    assert.equal(output, `README.md\ndocs\nDigest: ${digest}`)
    assert.equal(readFileSync(gantry.path('out/README.md'), 'utf8'), '# read me\n')
    assert.equal(readFileSync(gantry.path('out/docs/deep/a.txt'), 'utf8'), 'a\n')
    assert.equal(readlinkSync(gantry.path('out/docs/link')), 'deep/a.txt')
  }
  writeFileSync(gantry.path('out/README.md'), 'mine\n')
  const kept = gantry.try(['artifact', 'pull', '-k', '-o', 'out', `${host}/docs:1`])
  assert.match(kept.stderr, /Cannot write "README\.md": it is there already/)
  assert.equal(readFileSync(gantry.path('out/README.md'), 'utf8'), 'mine\n')
  const raw = JSON.parse(gantry.run('manifest', 'inspect', `${host}/docs:1`)) as Record<string, unknown>
  assert.equal(raw.artifactType, 'application/x.docs')
  assert.deepEqual(raw.annotations, { k: 'v=w' })
})

test('artifact pull writes nothing outside of its folder', async () => {
  await using gantry = new TestGantry()
  await gantry.hub()
  const layout = await openLayout(gantry.path('layout'), { create: true })
  const { writeArtifact } = await import('../../src/engine/artifacts/write-artifact.ts')
  const { describe } = await import('../../src/oci/manifest.ts')
  const { streamOf, collect } = await import('../../src/lib/bytes.ts')
  const { writeTar } = await import('../../src/lib/tar/writer.ts')
  const bytes = Buffer.from('evil')
  const titled = async (name: string, title: string, content: Buffer = bytes, more = {}): Promise<void> => {
    const descriptor = {
      ...describe(content, 'application/x'),
      annotations: { 'org.opencontainers.image.title': title, ...more },
    }
    await writeArtifact(layout, { files: [{ descriptor, open: () => streamOf(content) }] }, { to: name })
  }
  for (const [at, title] of ['../evil', '/evil', 'a/../../evil', '..', 'C:evil', 'a\\..\\evil', ''].entries()) {
    await titled(`t${at}`, title)
    const result = gantry.try(['artifact', 'pull', '-o', 'out', `oci:layout:t${at}`])
    assert.equal(result.status, 1, title)
    assert.match(result.stderr, /the path leads out of the folder/)
  }
  assert.equal(existsSync(gantry.path('out')), false, 'refused before anything is made')
  const owner = { uid: 0, gid: 0, mode: 0o755, mtime: { seconds: 0, nanoseconds: 0 }, size: 0 }
  const evil = { name: 'd/link/evil', kind: 'file' as const, ...owner, size: 4, body: streamOf(bytes) }
  const tars = {
    above: [{ name: 'd', kind: 'symlink' as const, linkName: '..', ...owner }],
    absolute: [{ name: 'd', kind: 'symlink' as const, linkName: '/', ...owner }],
    through: [
      { name: 'd', kind: 'folder' as const, ...owner },
      { name: 'd/link', kind: 'symlink' as const, linkName: '../e', ...owner },
      evil,
    ],
    dots: [{ ...evil, name: '../evil', body: streamOf(bytes) }],
    hard: [{ name: 'd', kind: 'hardlink' as const, linkName: '../layout/index.json', ...owner }],
  }
  for (const [name, entries] of Object.entries(tars)) {
    const tar = await collect(writeTar(entries), 1 << 20)
    await titled(name, 'd', tar, { 'io.deis.oras.content.unpack': 'true' })
    const result = gantry.try(['artifact', 'pull', '-o', `out-${name}/inner`, `oci:layout:${name}`])
    assert.equal(result.status, 1, name)
    assert.match(result.stderr, /Cannot (?:write|unpack) /)
    assert.equal(existsSync(gantry.path(`out-${name}/evil`)), false)
  }
  symlinkSync(gantry.path('elsewhere'), gantry.path('linked'))
  mkdirSync(gantry.path('elsewhere'))
  mkdirSync(gantry.path('home'))
  symlinkSync(gantry.path('elsewhere'), gantry.path('home/sub'))
  await titled('sub', 'sub/file')
  assert.match(gantry.try(['artifact', 'pull', '-o', 'home', 'oci:layout:sub']).stderr, /"[^"]*\/home\/sub" is no folder/)
  assert.equal(existsSync(gantry.path('elsewhere/file')), false)
  await titled('plain', 'file')
  symlinkSync(gantry.path('elsewhere/target'), gantry.path('home/file'))
  gantry.run('artifact', 'pull', '-o', 'home', 'oci:layout:plain')
  assert.equal(lstatSync(gantry.path('home/file')).isFile(), true, 'a link is replaced, not followed')
})

const attachAndList = (gantry: TestGantry, name: string): Listed => {
  writeFileSync(gantry.path('sbom.json'), '{}\n')
  const attach = (...args: readonly string[]): string => gantry.run('artifact', 'attach', '-q', '--artifact-type', ...args).trim()
  const sbom = attach('application/spdx+json', name, 'sbom.json:application/spdx+json')
  assert.equal(attach('application/spdx+json', name, 'sbom.json:application/spdx+json'), sbom)
  const review = attach('application/x.review', '-a', 'by=ann', name)
  const signature = attach('application/x.sig', `${name.slice(0, name.lastIndexOf(':'))}@${sbom}`, 'sbom.json')
  const list = (...args: readonly string[]): Listed =>
    JSON.parse(gantry.run('referrers', '--format', 'json', ...args, name)) as Listed
  const all = list('--depth', '2')
  assert.deepEqual(
    new Map(all.referrers.map(({ digest, artifactType }) => [digest, artifactType])),
    new Map([
      [sbom, 'application/spdx+json'],
      [review, 'application/x.review'],
    ]),
  )
  assert.deepEqual(all.referrers.find(({ digest }) => digest === review)?.annotations, { by: 'ann' })
  assert.equal(all.referrers.find(({ digest }) => digest === sbom)?.referrers?.[0]?.digest, signature)
  assert.deepEqual(
    list('--artifact-type', 'application/spdx+json').referrers.map(({ digest }) => digest),
    [sbom],
  )
  return all
}

test(
  'attach and referrers work on a hub, in layouts, and by the fallback tag',
  { skip: lacking(['docker-registry']) },
  async () => {
    await using gantry = new TestGantry()
    const host = await gantry.hub()
    const registry = await startDockerRegistry(gantry.path('registry'))
    try {
      const layout = await openLayout(gantry.path('layout'), { create: true })
      const index = await randomIndex(layout)
      await layout.tag('app', index)
      for (const name of [`${host}/team/app:1`, `${registry.host}/team/app:1`]) {
        gantry.run('image', 'copy', '-q', 'oci:layout:app', name)
        assert.equal(attachAndList(gantry, name).subject.digest, index.digest)
      }
      const fallback = `http://${registry.host}/v2/team/app/manifests/${index.digest.replace(':', '-')}`
      const tagged = (await (
        await fetch(fallback, { headers: { accept: 'application/vnd.oci.image.index.v1+json' } })
      ).json()) as {
        readonly manifests: readonly object[]
      }
      assert.equal(tagged.manifests.length, 2)
      gantry.run('image', 'copy', '-q', '--referrers', `${registry.host}/team/app:1`, 'oci:back:app')
      const back = JSON.parse(gantry.run('referrers', '--format', 'json', 'oci:back:app')) as Listed
      assert.equal(back.referrers.length, 2)
      gantry.run('image', 'copy', '-q', '--referrers', 'oci:back:app', `${host}/back:1`)
      gantry.run('image', 'copy', '-q', '--referrers', 'oci:back:app', 'oci-archive:back.tar:team/app:1')
      assert.equal(gantry.run('load', '-i', 'back.tar'), 'Loaded image: team/app:1\n')
      const lines = gantry.run('referrers', '--depth', '3', `${host}/back:1`).split('\n')
      assert.equal(lines[0], `${host}/back@${index.digest}`)
      assert.match(lines.join('\n'), /^[├└]── application\/x\.review {2}sha256:[0-9a-f]{64}\n[│ ] {7}by: ann$/m)
      assert.match(lines.join('\n'), /^[│ ] {3}└── application\/x\.sig {2}sha256:/m)
      assert.match(
        gantry.run('referrers', '--format', 'table', `${host}/back:1`),
        /^DIGEST +ARTIFACT TYPE +SIZE\nsha256:\S+ +application\/\S+ +\d+B\n/,
      )
    } finally {
      await stop(registry.process)
    }
  },
)

test('attach says what is missing', async () => {
  await using gantry = new TestGantry()
  assert.match(gantry.try(['attach', 'x']).stderr, /say what it is with --artifact-type\nhint: /)
  assert.match(gantry.try(['attach', '--artifact-type', 'a/b', 'x']).stderr, /Cannot attach nothing/)
  assert.match(
    gantry.try(['attach', '--artifact-type', 'a/b', 'oci:layout:x', 'file']).stderr,
    /Cannot open ".*layout": it is no OCI layout/,
  )
  const layout = await openLayout(gantry.path('layout'), { create: true })
  await layout.tag('x', await randomIndex(layout))
  assert.match(
    gantry.try(['attach', '--artifact-type', 'a/b', 'oci:layout:x', 'nothing']).stderr,
    /Cannot read ".*nothing": ENOENT/,
  )
  assert.match(gantry.try(['artifact', 'push', 'store:x', 'nothing']).stderr, /Cannot (?:add to "store:x"|read ".*nothing")/)
  assert.equal(gantry.try(['referrers', '--depth', '0', 'oci:layout:x']).status, 1)
})
