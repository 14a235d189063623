import assert from 'node:assert/strict'
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runSkip } from '../../build/test-builds.ts'
import { streamOf } from '../../lib/bytes.ts'
import { buildImage } from '../build.ts'
import { TestEngine } from '../test-engine.ts'

const build = async ({ engine, folder }: TestEngine, dockerfile: string, cacheTo: readonly string[] = []) => {
  const context = join(folder, 'context')
  await mkdir(context, { recursive: true })
  await cp('/bin/busybox', join(context, 'busybox'))
  await writeFile(join(context, 'Dockerfile'), `FROM scratch\nCOPY busybox /bin/sh\nCOPY busybox /bin/busybox\n${dockerfile}`)
  return await buildImage(engine, { context, tags: ['app:1'], pull: false, verifyReproducible: true, cacheTo })
}

const environment = { PATH: '/usr/bin:/usr/sbin:/bin:/sbin' }

test('buildImage() proves that an image is the same when it is built again elsewhere', { skip: runSkip }, async () => {
  await using fixture = await TestEngine.start({ environment })
  const run = 'RUN busybox mkdir /d; echo a > /d/a; busybox ln -s a /d/l; busybox touch /now; busybox chmod 4711 /d/a'
  const { tags } = await build(fixture, run, ['type=inline'])
  assert.deepEqual(tags, ['app:1'])
  assert.deepEqual(await readdir(fixture.engine.path('tmp')), [])
})

test('buildImage() names what differs, and makes nothing then', { skip: runSkip }, async () => {
  await using fixture = await TestEngine.start({ environment })
  await assert.rejects(
    build(fixture, 'RUN busybox cat /proc/sys/kernel/random/uuid > /id; echo same > /same'),
    (error: unknown) => {
      const { code, detail } = error as { code?: string; detail?: { excerpt?: string } }
      assert.equal(code, 'NOT_REPRODUCIBLE')
      assert.match(detail?.excerpt ?? '', /^layer 3: RUN .*\n {2}\/id: content sha256:\w+… → sha256:\w+…$/s)
      return true
    },
  )
  assert.deepEqual(await (await fixture.engine.content()).names(), [])
  assert.deepEqual(await readdir(fixture.engine.path('tmp')), [])
})

test('buildImage() cannot build twice what can be read once', async () => {
  await using fixture = await TestEngine.start()
  const context = streamOf(Buffer.from('FROM scratch\nLABEL a=b'))
  const options = { context, tags: [], pull: false, verifyReproducible: true }
  await assert.rejects(buildImage(fixture.engine, options), { code: 'NO_SECOND_BUILD' })
})
