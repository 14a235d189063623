import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runSkip, TestBuilds } from './test-builds.ts'

const dockerfile = `FROM base AS first
COPY a /a
ENV x=1
FROM first AS second
COPY b /b
WORKDIR /w
COPY <<E /a
changed
E
LABEL l=m
`
const files = { a: 'A', b: 'B' }

const withBase = async (): Promise<TestBuilds> => {
  const builds = await TestBuilds.open()
  const { descriptor } = await builds.dockerfile('FROM scratch\nCOPY base /base', { base: 'base' })
  await builds.content.tag('docker.io/library/base:latest', descriptor)
  return builds
}

test('buildImage() squashes the new layers into one, and says so in the history', async () => {
  await using builds = await withBase()
  const plain = await builds.dockerfile(dockerfile, files)
  const squashed = await builds.dockerfile(dockerfile, files, { squash: 'all' })
  assert.equal(squashed.config.rootfs.diff_ids.length, 2)
  assert.equal(squashed.config.rootfs.diff_ids[0], plain.config.rootfs.diff_ids[0])
  assert.deepEqual(await builds.listing(squashed), await builds.listing(plain))
  assert.deepEqual(squashed.config.config, plain.config.config)
  assert.equal(squashed.config.created, plain.config.created)
  const history = squashed.config.history ?? []
  assert.deepEqual(
    history.map(({ created_by: text = '', empty_layer: empty = false }) => `${text.split(' ')[0]} ${empty}`),
    ['COPY false', 'COPY true', 'ENV true', 'COPY true', 'WORKDIR true', 'COPY true', 'SQUASH false', 'LABEL true'],
  )
  assert.deepEqual(
    (await builds.dockerfile(dockerfile, files)).steps.map((step) => step.replace(/.* → /, '')),
    ['cached', 'cached', 'cached', 'cached', 'cached'],
    'the cache has the steps as before',
  )
  const again = await builds.dockerfile(dockerfile, files, { squash: 'all' })
  assert.equal(again.descriptor.digest, squashed.descriptor.digest)
})

test('buildImage() squashes the layers of a range: from a stage on, by number', async () => {
  await using builds = await withBase()
  const plain = await builds.dockerfile(dockerfile, files)
  const cases: readonly (readonly [from: string, layers: number])[] = [
    ['second', 3],
    ['SECOND', 3],
    ['first', 2],
    ['1-2', 4],
    ['3', 4],
    ['4', 5],
    ['2-4', 3],
  ]
  for (const [from, layers] of cases) {
    const squashed = await builds.dockerfile(dockerfile, files, { squash: { from } })
    assert.equal(squashed.config.rootfs.diff_ids.length, layers, from)
    assert.deepEqual(await builds.listing(squashed), await builds.listing(plain), from)
  }
  for (const from of ['third', '0', '5', '3-2', '1-9', ''])
    await assert.rejects(builds.dockerfile(dockerfile, files, { squash: { from } }), {
      code: 'SQUASH_RANGE',
      hint: 'the build makes 4 layers, in the stages first, second',
    })
  const nothing = await builds.dockerfile('FROM base\nENV x=y', {}, { squash: 'all' })
  assert.equal(nothing.config.rootfs.diff_ids.length, 1)
})

test('what RUN steps delete is gone from a squashed layer, and deleted from the base', { skip: runSkip }, async () => {
  await using builds = await TestBuilds.open()
  await builds.busybox()
  const text =
    'FROM busybox\nRUN echo secret > /made; mkdir /d; touch /d/x\nRUN rm -r /made /etc/passwd /d /root; mkdir /root; touch /root/n\n'
  const squashed = await builds.dockerfile(text, {}, { squash: 'all' })
  await using reader = await builds.layers.open(squashed.config.rootfs.diff_ids.at(-1)!)
  const tar = Buffer.concat(await Array.fromAsync(reader.tar())).toString('latin1')
  assert.ok(!tar.includes('secret') && !tar.includes('made'), 'not a byte of what was removed')
  assert.ok(tar.includes('etc/.wh.passwd') && tar.includes('root/.wh..wh..opq'))
  assert.deepEqual(await builds.listing(squashed), await builds.listing(await builds.dockerfile(text)))
})
