import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dropFolder, lacking, podmanCommand, sh, startDockerRegistry, stop, TestGantry } from '../support.ts'
import { digestOfBytes, writeLayout } from './registry-support.ts'

const skopeoRaw = (reference: string): string =>
  digestOfBytes(sh(['skopeo', 'inspect', '--raw', '--tls-verify=false', reference]))

test(
  'skopeo reads every place that gantry copies to, and gantry what skopeo copies to',
  { skip: lacking(['skopeo', 'docker-registry', 'busybox']) },
  async () => {
    await using gantry = new TestGantry()
    const registry = await startDockerRegistry(gantry.path('registry'))
    try {
      const { layout, multi, one } = writeLayout(gantry.folder)
      const name = `${registry.host}/team/app`
      gantry.run('image', 'copy', `oci:${layout}:multi`, `${name}:multi`)
      gantry.run('image', 'copy', `${name}:multi`, `oci:out:x`)
      gantry.run('image', 'copy', `${name}:multi`, `dir:flat`)
      assert.equal(skopeoRaw(`docker://${name}:multi`), multi)
      assert.equal(skopeoRaw(`oci:${gantry.path('out')}:x`), multi)
      assert.equal(skopeoRaw(`dir:${gantry.path('flat')}`), multi)
      gantry.run('image', 'copy', '--platform', 'linux/amd64', `dir:flat`, `oci-archive:one.tar:app:1`)
      assert.equal(skopeoRaw(`oci-archive:${gantry.path('one.tar')}:app:1`), one)
      gantry.run('image', 'copy', '--platform', 'linux/amd64', `${name}:multi`, `docker-archive:docker.tar:app:1`)
      assert.match(sh(['skopeo', 'inspect', `docker-archive:${gantry.path('docker.tar')}:app:1`]), /"Architecture": "amd64"/)
      for (const place of ['dir:', 'oci:']) {
        const written = `${place}${gantry.path(`skopeo-${place.slice(0, -1)}`)}`
        sh(['skopeo', 'copy', '-q', '--all', '--src-tls-verify=false', `docker://${name}:multi`, written])
        assert.equal(gantry.run('image', 'copy', '-q', written, `${name}:${place.slice(0, -1)}`), `${multi}\n`)
      }
      sh(['skopeo', 'copy', '-q', `dir:${gantry.path('flat')}`, `docker-archive:${gantry.path('theirs.tar')}:their/app:1`])
      gantry.run('image', 'copy', 'docker-archive:theirs.tar:their/app:1', `${name}:theirs`)
      assert.match(sh(['skopeo', 'inspect', '--tls-verify=false', `docker://${name}:theirs`]), /"Architecture": "amd64"/)
      const sparse = ['image', 'copy', '--platform', 'linux/arm64', '--preserve-digests', `oci:${layout}:multi`]
      const refused = gantry.try([...sparse, `${registry.host}/other:1`])
      assert.equal(refused.status, 1)
      assert.match(refused.stderr, /hint: the registry takes no index with images that it lacks/)
    } finally {
      await stop(registry.process)
    }
  },
)

test('podman loads what gantry copies into an archive', { skip: lacking(['podman', 'busybox'], { root: true }) }, async () => {
  await using gantry = new TestGantry()
  const podman = podmanCommand(gantry.path('podman'))
  try {
    const { layout } = writeLayout(gantry.folder)
    gantry.run('image', 'copy', `oci:${layout}:one`, 'docker-archive:app.tar:example.com/app:1')
    assert.match(sh([...podman.command, 'load', '-q', '-i', gantry.path('app.tar')], podman.environment), /example\.com\/app:1/)
  } finally {
    dropFolder(gantry.path('podman'))
  }
})
