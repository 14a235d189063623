import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { collect, streamOf } from '../../lib/bytes.ts'
import { isGantryError } from '../../lib/errors.ts'
import { writeTar } from '../../lib/tar/writer.ts'
import { startPeer } from '../../testing/http-peer.ts'
import { TestEngine } from '../test-engine.ts'
import { importImage } from './import.ts'
import { findImage } from './lookup.ts'

const owner = { uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } } as const
const tar = async (): Promise<Buffer> =>
  await collect(
    writeTar([{ name: 'motd', kind: 'file', mode: 0o644, size: 2, body: streamOf(Buffer.from('hi')), ...owner }]),
    1 << 20,
  )

test('importImage() applies every instruction that docker takes', async () => {
  await using test = await TestEngine.start()
  const id = await importImage(test.engine, streamOf(await tar()), {
    name: 'imported:1',
    message: 'by hand',
    platform: 'linux/arm64',
    changes: [
      'ENV A=1 B="two words"',
      'CMD ["cat", "/motd"]',
      'ENTRYPOINT /bin/sh',
      'EXPOSE 80/tcp 53/udp',
      'LABEL x=y',
      'ONBUILD RUN true',
      'USER 1000:1000',
      'VOLUME /data',
      'WORKDIR /w',
      'HEALTHCHECK --interval=5s CMD true',
      'STOPSIGNAL SIGINT',
    ],
  })
  const found = await findImage(test.engine, 'imported:1')
  assert.equal(found.id, id)
  const { config } = found.image
  assert.deepEqual([config.architecture, config.history?.[0]?.comment], ['arm64', 'by hand'])
  const run = config.config ?? {}
  assert.deepEqual(run.Env, ['A=1', 'B=two words'])
  assert.deepEqual([run.Entrypoint, run.OnBuild], [['/bin/sh', '-c', '/bin/sh'], ['RUN true']])
  assert.deepEqual([run.User, run.WorkingDir, run.StopSignal, run.Labels], ['1000:1000', '/w', 'SIGINT', { x: 'y' }])
  assert.deepEqual([run.ExposedPorts, run.Volumes], [{ '80/tcp': {}, '53/udp': {} }, { '/data': {} }])
  assert.deepEqual(run.Healthcheck, { Test: ['CMD-SHELL', 'true'], Interval: 5_000_000_000 })
  for (const change of ['RUN true', 'FOO', 'ENV a=b\nCOPY . /', ''])
    await assert.rejects(
      importImage(test.engine, streamOf(await tar()), { changes: [change] }),
      (error) =>
        isGantryError(error, 'invalid_argument') && /(RUN|FOO|COPY|change:) +is not a valid change command/.test(error.message),
      change,
    )
})

test('importImage() gives the same layer whatever the tar is wrapped in and wherever it comes from', async () => {
  await using test = await TestEngine.start()
  const plain = await tar()
  const file = join(test.folder, 'rootfs.tar')
  await writeFile(file, plain)
  await using peer = await startPeer(({ path }, response) => {
    if (path === '/moved') response.writeHead(302, { location: '/rootfs.tar.zst' }).end()
    else if (path === '/rootfs.tar.zst') response.writeHead(200).end(zstdCompressSync(plain))
    else response.writeHead(404).end()
    return true
  })
  const sources = [streamOf(plain), file, streamOf(gzipSync(plain)), `${peer.url}/moved`]
  const layers = new Set<string>()
  const comments: (string | undefined)[] = []
  for (const [index, source] of sources.entries()) {
    await importImage(test.engine, source, { name: `imported:${index}` })
    const { config } = (await findImage(test.engine, `imported:${index}`)).image
    layers.add(config.rootfs.diff_ids.join())
    comments.push(config.history?.[0]?.comment)
  }
  assert.equal(layers.size, 1)
  assert.deepEqual(comments, ['Imported from -', 'Imported from -', 'Imported from -', `Imported from ${peer.url}/moved`])
  await assert.rejects(
    importImage(test.engine, `${peer.url}/none`),
    (error) => isGantryError(error, 'not_found') && /404/.test(error.message),
  )
  await assert.rejects(
    importImage(test.engine, `http://user:secret@${peer.host}/rootfs.tar.zst`),
    (error) => isGantryError(error, 'unsupported') && !error.message.includes('secret'),
  )
  await assert.rejects(importImage(test.engine, join(test.folder, 'none')), (error) => isGantryError(error, 'not_found'))
})
