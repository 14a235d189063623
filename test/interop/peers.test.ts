import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dropFolder, lacking, podmanCommand, sh, startDockerRegistry, stop, TestGantry } from '../support.ts'

const base = ['crun', 'conmon', 'busybox', 'skopeo']

test(
  'what gantry pushes to docker-registry skopeo reads by the same digest',
  { skip: lacking([...base, 'docker-registry'], { root: true }) },
  async () => {
    await using gantry = new TestGantry()
    const registry = await startDockerRegistry(gantry.path('registry'))
    try {
      const name = `${registry.host}/team/app:1`
      gantry.busybox(name)
      const digest = /digest: (sha256:[0-9a-f]{64})/.exec(gantry.run('push', name))?.[1]
      assert.ok(digest)
      assert.equal(sh(['skopeo', 'inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${name}`]).trim(), digest)
      gantry.run('tag', name, `${registry.host}/other/app:2`)
      const again = gantry.try(['push', '--progress', 'plain', `${registry.host}/other/app:2`])
      assert.match(again.stderr, /Mounted/)
      gantry.run('rmi', name, `${registry.host}/other/app:2`)
      gantry.run('pull', `${registry.host}/team/app@${digest}`)
      assert.equal(gantry.run('run', '--rm', `${registry.host}/team/app@${digest}`, 'echo', 'by digest'), 'by digest\n')
    } finally {
      await stop(registry.process)
    }
  },
)

test(
  'what skopeo and podman push to the hub gantry pulls and runs',
  { skip: lacking([...base, 'podman', 'buildah'], { root: true }) },
  async () => {
    await using gantry = new TestGantry()
    const host = await gantry.hub()
    const podman = podmanCommand(gantry.path('podman'))
    try {
      gantry.busybox('seed')
      gantry.run('save', '-o', 'seed.tar', 'seed')
      for (const format of ['oci', 'v2s2']) {
        const name = `${host}/from-skopeo/${format}`
        sh([
          'skopeo',
          'copy',
          '-q',
          '--format',
          format,
          '--dest-tls-verify=false',
          `docker-archive:${gantry.path('seed.tar')}`,
          `docker://${name}:1`,
        ])
        gantry.run('pull', `${name}:1`)
        assert.equal(gantry.run('run', '--rm', `${name}:1`, 'echo', format), `${format}\n`)
      }
      sh([...podman.command, 'load', '-q', '-i', gantry.path('seed.tar')], podman.environment)
      sh(
        [...podman.command, 'push', '-q', '--tls-verify=false', 'docker.io/library/seed:latest', `${host}/from-podman`],
        podman.environment,
      )
      gantry.run('pull', `${host}/from-podman`)
      assert.equal(gantry.run('run', '--rm', `${host}/from-podman`, 'echo', 'podman'), 'podman\n')
    } finally {
      dropFolder(gantry.path('podman'))
    }
  },
)

test("gantry's layout is read by umoci and skopeo", { skip: lacking([...base, 'umoci'], { root: true }) }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('example.com/layout:1')
  const folder = gantry.path('root', 'content')
  assert.match(sh(['skopeo', 'inspect', `oci:${folder}:example.com/layout:1`]), /"Architecture"/)
  sh(['skopeo', 'copy', '-q', `oci:${folder}:example.com/layout:1`, `oci:${gantry.path('copy')}:one`])
  sh(['umoci', 'unpack', '--image', `${gantry.path('copy')}:one`, gantry.path('bundle')])
  assert.match(sh(['ls', gantry.path('bundle', 'rootfs', 'bin')]), /busybox/)
  assert.match(sh(['umoci', 'ls', '--layout', folder]), /example\.com\/layout:1/)
})
