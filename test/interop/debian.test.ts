import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { dropFolder, lacking, podmanCommand, sh, startDockerRegistry, stop, TestGantry } from '../support.ts'

const skip = lacking(['crun', 'conmon', 'mmdebstrap', 'skopeo', 'docker-registry', 'podman'], { root: true })

/** The Debian mirror that this machine's own apt uses, with its suite and its security suite. */
const sources = (): readonly string[] => {
  const targets = sh(['apt-get', 'indextargets', '--format', '$(SITE) $(RELEASE) $(COMPONENT)', 'Identifier: Packages'])
  return [...new Set(targets.trim().split('\n'))].filter((line) => line.endsWith(' main')).map((line) => `deb ${line}`)
}

test(
  'a real Debian root file system is imported, pushed, pulled by peers, run, and apt-get works in a RUN step',
  { skip },
  async () => {
    await using gantry = new TestGantry()
    const registry = await startDockerRegistry(gantry.path('registry'))
    const podman = podmanCommand(gantry.path('podman'))
    try {
      const suite = /VERSION_CODENAME=(\S+)/.exec(sh(['cat', '/etc/os-release']))?.[1] ?? 'stable'
      const rootfs = gantry.path('debian.tar')
      sh(['mmdebstrap', '--variant=apt', '--mode=root', '--quiet', suite, rootfs, ...sources()])
      const name = `${registry.host}/debian:mine`
      gantry.run(
        'import',
        '-c',
        'CMD ["bash"]',
        '-c',
        'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        rootfs,
        name,
      )
      assert.match(gantry.run('run', '--rm', name, 'cat', '/etc/os-release'), /ID=debian/)
      assert.equal(gantry.run('run', '--rm', name, 'dpkg-query', '-W', '-f', '${Status}', 'dpkg'), 'install ok installed')

      const digest = /digest: (sha256:[0-9a-f]{64})/.exec(gantry.run('push', name))?.[1]
      assert.equal(sh(['skopeo', 'inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${name}`]).trim(), digest)
      sh([...podman.command, 'pull', '-q', '--tls-verify=false', name], podman.environment)
      assert.match(
        sh([...podman.command, 'run', '--rm', '--network', 'none', name, 'cat', '/etc/os-release'], podman.environment),
        /ID=debian/,
      )

      gantry.run('rmi', name)
      gantry.run('pull', name)
      assert.match(
        gantry.run('run', '--rm', name, 'bash', '-c', 'ls -ld /tmp; stat -c %U:%G /etc/shadow'),
        /^drwxrwxrwt[\s\S]*root:shadow\n$/,
      )

      const context = gantry.context({
        Dockerfile: `FROM ${name}\nRUN apt-get update && apt-get install -y --no-install-recommends hello && rm -rf /var/lib/apt/lists/*\nCMD ["hello"]\n`,
      })
      gantry.run('build', '-t', 'with-hello', context)
      assert.equal(gantry.run('run', '--rm', 'with-hello'), 'Hello, world!\n')
    } finally {
      await stop(registry.process)
      dropFolder(gantry.path('podman'))
    }
    assert.ok(!existsSync(gantry.path('podman')))
  },
)
