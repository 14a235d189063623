import assert from 'node:assert/strict'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { compareImages } from './compare-images.ts'
import { TestBuilds } from './test-builds.ts'

test('compareImages() names the file and the attribute, and the field of the config', async () => {
  await using builds = await TestBuilds.open()
  const text = 'FROM scratch\nCOPY same /same\nCOPY tree /tree\n'
  const build = async (files: Readonly<Record<string, string>>, more = '') => {
    const context = await builds.context({ ...files, same: 'same', Dockerfile: text + more })
    await chmod(join(context, 'tree/mode'), files['tree/mode'] === 'm' ? 0o600 : 0o640)
    return (await builds.build({ context, buildArgs: { SOURCE_DATE_EPOCH: '1000' } })).config
  }
  const first = await build({ 'tree/mode': 'm', 'tree/text': 'one', 'tree/size': '1', 'tree/gone': '' }, 'ENV a=1')
  const second = await build({ 'tree/mode': 'n', 'tree/text': 'two', 'tree/size': '22', 'tree/new': '' }, 'ENV a=2')
  assert.deepEqual(await compareImages(builds.layers, first, first), [])
  const found = await compareImages(builds.layers, first, second)
  assert.deepEqual(
    found.flatMap((one) => (one.kind === 'config' ? [one.field] : [])),
    ['config.Env', 'history 3'],
  )
  const files = found.flatMap((one) => (one.kind === 'file' ? [one] : []))
  assert.deepEqual(new Set(files.map(({ layer, step }) => `${layer} ${step}`)), new Set(['2 COPY tree /tree # buildkit']))
  assert.deepEqual(
    files.map(({ path, what }) => `${path} ${what.replaceAll(/sha256:\w+/g, 'sha256:')}`),
    [
      '/tree/gone only the first build has it',
      '/tree/mode mode 600 → 640',
      '/tree/mode content sha256:… → sha256:…',
      '/tree/size size 1 → 2',
      '/tree/text content sha256:… → sha256:…',
      '/tree/new only the second build has it',
    ],
  )
  const { config: less } = await builds.dockerfile('FROM scratch\nCOPY same /same\n', { same: 'same' })
  assert.deepEqual((await compareImages(builds.layers, first, less)).at(-1), { kind: 'layers', first: 2, second: 1 })
})
