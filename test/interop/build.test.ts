import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { areas, recorded } from '../golden/corpus.ts'
import { Buildah } from '../golden/buildah.ts'
import { Docker } from '../golden/docker.ts'
import { Corpus } from '../golden/fixtures.ts'
import { openArchiveSink } from '../../src/content/archive/archive-sink.ts'
import { copy } from '../../src/content/copy.ts'
import { dropFolder, lacking } from '../support.ts'

// The peers themselves beside test/golden: docker still makes what is recorded of it, and buildah the same files as gantry.
const common = ['crun', 'busybox', 'tar']
const platform = process.arch === 'x64' ? false : 'the goldens are of amd64'
const dockerSkip = lacking([...common, 'dockerd', 'ip'], { root: true }) || platform
const buildahSkip = lacking([...common, 'buildah', 'skopeo'], { root: true })

let corpus: Corpus
before(async () => {
  if (dockerSkip === false || buildahSkip === false) corpus = await Corpus.open()
})
after(async () => await corpus?.[Symbol.asyncDispose]())

suite('docker', { skip: dockerSkip }, () => {
  let docker: Docker
  let made: ReadonlyMap<string, readonly string[]>
  before(
    async () => {
      docker = await Docker.start(join(corpus.builds.root, 'docker'))
      made = await docker.describe(corpus, Object.assign({}, ...Object.values(areas)))
    },
    { timeout: 840_000 },
  )
  after(async () => await docker?.[Symbol.asyncDispose]())

  for (const area of Object.keys(areas))
    for (const [name, golden] of Object.entries(recorded(area)))
      test(`docker makes of "${name}" what is recorded`, () => {
        const refused = golden[0]?.startsWith('refused: ') === true
        if (refused) assert.match(made.get(name)?.[0] ?? '', /^refused: /)
        else assert.deepEqual(made.get(name), golden)
      })

  test('docker loads and runs what gantry builds', async () => {
    const image = await corpus.builds.dockerfile('FROM base\nRUN echo built > /f\nENTRYPOINT ["cat"]\nCMD ["/f"]')
    await corpus.builds.content.tag('docker.io/library/made:1', image.descriptor)
    await using sink = await openArchiveSink({ temporaryFolder: join(corpus.builds.root, 'archives') })
    await copy(corpus.builds.content, sink, { from: 'docker.io/library/made:1', to: 'docker.io/library/made:1' })
    await docker.must(['load', '-q'], await sink.archive())
    assert.equal(await docker.must(['run', '--rm', '--network', 'none', 'made:1']), 'built\n')
  })
})

suite('buildah', { skip: buildahSkip, concurrency: 3 }, () => {
  let buildah: Buildah
  before(async () => {
    const folder = join(corpus.builds.root, 'buildah')
    await mkdir(folder)
    buildah = await Buildah.open(corpus, folder)
  })
  after(() => dropFolder(join(corpus.builds.root, 'buildah')))

  for (const [name, row] of Object.values(areas).flatMap((rows) => Object.entries(rows)))
    if (row.buildah === true)
      test(`buildah makes the same files of "${name}"`, async () => {
        const [peer, own] = [await buildah.build(name, row), await corpus.build(row)]
        assert.deepEqual(await corpus.builds.listing(own), await corpus.builds.listing(peer))
      })
})
