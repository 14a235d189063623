import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { zstdDecompressSync } from 'node:zlib'
import { dropFolder, lacking, podmanCommand, sh, startDockerRegistry, stop, TestGantry } from '../support.ts'

const base = ['crun', 'conmon', 'busybox', 'skopeo']

interface Manifest {
  readonly layers: readonly { readonly mediaType: string; readonly digest: string }[]
}

/** The one layer that is in a registry: its media type and its bytes. */
const layerOf = async (host: string, path: string): Promise<{ readonly mediaType: string; readonly bytes: Buffer }> => {
  const accept = 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json'
  const manifest = await fetch(`http://${host}/v2/${path}/manifests/1`, { headers: { accept } })
  const [layer] = ((await manifest.json()) as Manifest).layers
  assert.ok(layer)
  const blob = await fetch(`http://${host}/v2/${path}/blobs/${layer.digest}`)
  return { mediaType: layer.mediaType, bytes: Buffer.from(await blob.arrayBuffer()) }
}

test(
  'what is pushed with each compression gzip, skopeo and podman read',
  { skip: lacking([...base, 'podman', 'docker-registry', 'gzip'], { root: true }) },
  async () => {
    await using gantry = new TestGantry()
    const registry = await startDockerRegistry(gantry.path('registry'))
    const podman = podmanCommand(gantry.path('podman'))
    try {
      gantry.busybox('seed')
      const push = (path: string, ...flags: readonly string[]): void => {
        gantry.run('tag', 'seed', `${registry.host}/${path}:1`)
        gantry.run('push', '-q', ...flags, `${registry.host}/${path}:1`)
      }
      // the first two before gzip, with which the local image changes too
      push('none', '--compression', 'none')
      push('zstd', '--compression', 'zstd', '--compression-level', '1')
      push('gzip')
      push('forced', '--compression', 'zstd')
      push('kept', '--compression', 'zstd', '--force-compression=false')
      const none = await layerOf(registry.host, 'none')
      assert.equal(none.mediaType, 'application/vnd.oci.image.layer.v1.tar')
      for (const path of ['zstd', 'forced']) {
        const { mediaType, bytes } = await layerOf(registry.host, path)
        assert.equal(mediaType, 'application/vnd.oci.image.layer.v1.tar+zstd')
        assert.ok(none.bytes.equals(zstdDecompressSync(bytes)))
      }
      const gzip = await layerOf(registry.host, 'gzip')
      assert.equal(gzip.mediaType, 'application/vnd.oci.image.layer.v1.tar+gzip')
      assert.equal(spawnSync('gzip', ['-t'], { input: gzip.bytes }).status, 0)
      assert.ok(none.bytes.equals(spawnSync('gzip', ['-dc'], { input: gzip.bytes, maxBuffer: 1 << 28 }).stdout))
      assert.ok(gzip.bytes.equals((await layerOf(registry.host, 'kept')).bytes))
      const id = gantry.run('images', '-q', '--no-trunc', 'seed').trim()
      for (const path of ['none', 'zstd', 'gzip', 'forced']) {
        sh([
          'skopeo',
          'copy',
          '-q',
          '--src-tls-verify=false',
          `docker://${registry.host}/${path}:1`,
          `oci:${gantry.path(path)}:1`,
        ])
        const pulled = sh(
          [...podman.command, 'pull', '-q', '--tls-verify=false', `${registry.host}/${path}:1`],
          podman.environment,
        )
        assert.equal(`sha256:${pulled.trim()}`, id)
      }
    } finally {
      await stop(registry.process)
      dropFolder(gantry.path('podman'))
    }
  },
)

test('the layers of a docker archive are on the disk once', { skip: lacking(base, { root: true }) }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('seed')
  gantry.run('save', '-o', 'oci.tar', 'seed')
  const archive = `docker-archive:${gantry.path('docker.tar')}:docker.io/library/seed:2`
  sh(['skopeo', 'copy', '-q', `oci-archive:${gantry.path('oci.tar')}`, archive])
  const root = gantry.path('loaded')
  assert.equal(gantry.run('--root', root, 'load', '-i', 'docker.tar'), 'Loaded image: seed:2\n')
  assert.equal(gantry.run('--root', root, 'run', '--rm', 'seed:2', 'echo', 'loaded'), 'loaded\n')
  const [layer = ''] = readdirSync(`${root}/layers/sha256`)
  assert.equal(statSync(`${root}/layers/sha256/${layer}/tar`).ino, statSync(`${root}/content/blobs/sha256/${layer}`).ino)
})
