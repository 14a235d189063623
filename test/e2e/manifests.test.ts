import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLayout } from '../../src/content/layout.ts'
import { randomImage } from '../../src/testing/random-image.ts'
import { lacking, startDockerRegistry, stop, TestGantry } from '../support.ts'

interface Entry {
  readonly digest: string
  readonly mediaType: string
  readonly platform?: Readonly<Record<string, unknown>>
  readonly annotations?: object
}
interface Index {
  readonly mediaType: string
  readonly manifests: readonly Entry[]
  readonly annotations?: object
}

const amd64 = { os: 'linux', architecture: 'amd64' }
const arm64 = { os: 'linux', architecture: 'arm64' }

/** Images `amd64` and `arm64` of one layout, of Docker's types. */
const images = async (gantry: TestGantry): Promise<readonly string[]> => {
  const layout = await openLayout(gantry.path('layout'), { create: true })
  const made = []
  for (const [seed, platform] of [amd64, arm64].entries()) {
    const image = await randomImage(layout, { seed, platform, mediaTypes: 'docker' })
    await layout.tag(platform.architecture, image)
    made.push(image.digest)
  }
  return made
}

test('manifest create, annotate, push: images of a registry become one, their layers stay there', async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  const [amd = '', arm = ''] = await images(gantry)
  const name = `${host}/team/app`
  for (const architecture of ['amd64', 'arm64'])
    gantry.run('image', 'copy', '-q', `oci:layout:${architecture}`, `${name}:${architecture}`)
  const inspect = (...args: readonly string[]): string => gantry.run('manifest', 'inspect', ...args)
  assert.equal(
    gantry.run('manifest', 'create', `${name}:1`, `${name}:amd64`, `${name}:arm64`),
    `Created manifest list ${name}:1\n`,
  )
  assert.equal(gantry.run('images', '-q'), '', 'the members are not pulled')
  const list = JSON.parse(inspect(`${name}:1`)) as Index
  assert.match(inspect(`${name}:1`), /^\{\n {3}"schemaVersion": 2,\n/)
  assert.equal(list.mediaType, 'application/vnd.docker.distribution.manifest.list.v2+json')
  assert.deepEqual(
    list.manifests.map(({ digest, platform }) => [digest, platform]),
    [
      [amd, amd64],
      [arm, arm64],
    ],
  )
  const again = gantry.try(['manifest', 'create', `${name}:1`, `${name}:amd64`])
  assert.match(again.stderr, /refusing to amend an existing manifest list with no --amend flag/)
  gantry.run('manifest', 'annotate', '--variant', 'v8', '--os-features', 'a,b', `${name}:1`, `${name}:arm64`)
  const digest = gantry.run('manifest', 'push', '--purge', `${name}:1`).trim()
  const pushed = JSON.parse(inspect(`${name}:1`)) as Index
  assert.equal(inspect('--digest', `${name}:1`).trim(), digest)
  assert.deepEqual(pushed.manifests[1]?.platform, { ...arm64, variant: 'v8', 'os.features': ['a', 'b'] })
  assert.match(gantry.try(['manifest', 'rm', `${name}:1`]).stderr, /No such manifest: .*team\/app:1\nhint: /)
  assert.equal(JSON.parse(inspect('--config', '--platform', 'linux/amd64', `${name}:1`)).architecture, 'amd64')
  assert.match(inspect(`${name}:1`, `${name}@${amd}`), /^\{\n\t"schemaVersion": 2,\n/)
  const verbose = JSON.parse(inspect('-v', `${name}:1`)) as readonly { readonly Ref: string; readonly SchemaV2Manifest: object }[]
  assert.deepEqual(
    verbose.map(({ Ref }) => Ref),
    [`${name}@${amd}`, `${name}@${arm}`],
  )
  assert.ok(verbose[0]?.SchemaV2Manifest)
  const one = JSON.parse(inspect('--verbose', `${name}:amd64`)) as Record<string, unknown>
  assert.deepEqual((one.Descriptor as Entry).platform, amd64)
  assert.equal(Buffer.from(String(one.Raw), 'base64').toString(), inspect('--raw', `${name}:amd64`))
})

test(
  'manifest add and remove take local images, layouts and other registries',
  { skip: lacking(['docker-registry']) },
  async () => {
    await using gantry = new TestGantry()
    const host = await gantry.hub()
    const registry = await startDockerRegistry(gantry.path('registry'))
    try {
      const [amd = '', arm = ''] = await images(gantry)
      gantry.run('image', 'copy', '-q', 'oci:layout:amd64', 'store:local:1')
      gantry.run('image', 'copy', '-q', 'oci:layout:arm64', `${host}/elsewhere/app:arm`)
      gantry.run('manifest', 'create', 'app:list')
      gantry.run('manifest', 'add', '--annotation', 'note=local', 'app:list', 'local:1')
      gantry.run('manifest', 'add', 'app:list', `docker://${host}/elsewhere/app:arm`)
      gantry.run('manifest', 'add', '--os-version', '1', 'app:list', 'oci:layout:arm64')
      gantry.run('manifest', 'annotate', '--index', '--annotation', 'version=1', 'app:list')
      const target = `${registry.host}/pushed/app:1`
      const digest = gantry.run('manifest', 'push', 'app:list', `docker://${target}`).trim()
      assert.equal(gantry.run('manifest', 'push', '-q', 'app:list', 'oci:out:x').trim(), digest)
      const index = JSON.parse(gantry.run('manifest', 'inspect', target)) as Index
      assert.deepEqual(index.annotations, { version: '1' })
      assert.equal(index.mediaType, 'application/vnd.oci.image.index.v1+json')
      assert.deepEqual(
        index.manifests.map((entry) => [entry.digest, entry.annotations, entry.platform?.['os.version']]),
        [
          [amd, { note: 'local' }, undefined],
          [arm, undefined, '1'],
        ],
      )
      gantry.run('pull', '--platform', 'linux/amd64', target)
      gantry.run('manifest', 'remove', 'app:list', arm)
      assert.equal((JSON.parse(gantry.run('manifest', 'inspect', 'app:list')) as Index).manifests.length, 1)
      gantry.run('manifest', 'create', '--amend', 'app:list', target)
      assert.equal((JSON.parse(gantry.run('manifest', 'inspect', 'app:list')) as Index).manifests.length, 2)
      assert.match(gantry.run('images'), /^local +1 /m)
      const missing = gantry.try(['manifest', 'remove', 'app:list', `sha256:${'0'.repeat(64)}`])
      assert.match(missing.stderr, /Cannot find "sha256:0+" in the manifest list "app:list"\nhint: it has sha256:/)
      gantry.run('manifest', 'rm', 'app:list')
      assert.equal(gantry.try(['manifest', 'push', 'app:list']).status, 1)
      assert.match(gantry.try(['manifest', 'add', 'local:1', 'local:1']).stderr, /it is an image/)
    } finally {
      await stop(registry.process)
    }
  },
)
