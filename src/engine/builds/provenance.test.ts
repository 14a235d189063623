import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readImage } from '../../content/image.ts'
import { readBlob, readManifest } from '../../content/read-blob.ts'
import type { ContentSource } from '../../content/interfaces.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestHex } from '../../oci/digest.ts'
import { mediaTypes } from '../../oci/media-type.ts'
import { buildImage, type BuildOptions } from '../build.ts'
import { listImages } from '../images/list.ts'
import { pushImage } from '../images/push.ts'
import { TestEngine } from '../test-engine.ts'

const arm64 = { os: 'linux', architecture: 'arm64' }
const amd64 = { os: 'linux', architecture: 'amd64' }

const build = async ({ engine, folder }: TestEngine, dockerfile: string, options: Partial<BuildOptions> = {}) => {
  const context = join(folder, 'context')
  await mkdir(context, { recursive: true })
  await writeFile(join(context, 'Dockerfile'), dockerfile)
  return await buildImage(engine, { context, tags: [], pull: false, ...options })
}

interface Statement {
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[]
  readonly predicateType: string
  readonly predicate: {
    readonly buildDefinition: {
      readonly externalParameters: { readonly request: { readonly args: Readonly<Record<string, string>> } }
      readonly internalParameters: { readonly buildConfig?: { readonly steps: readonly { readonly text: string }[] } }
      readonly resolvedDependencies: readonly { readonly uri: string; readonly digest: { readonly sha256: string } }[]
    }
  }
}

/** The images and the statements of an index, in pairs; each speaks of its image in all the places where it says so. */
const statements = async (
  source: ContentSource,
  target: Descriptor,
): Promise<readonly { readonly image: Descriptor; readonly statement: Statement }[]> => {
  const read = await readManifest(source, target)
  assert.ok(read.kind === 'index')
  const half = read.index.manifests.length / 2
  return await Promise.all(
    read.index.manifests.slice(0, half).map(async (image, index) => {
      const entry = read.index.manifests[half + index]
      assert.ok(entry !== undefined)
      assert.deepEqual(entry.platform, { os: 'unknown', architecture: 'unknown' })
      assert.deepEqual(entry.annotations, {
        'vnd.docker.reference.digest': image.digest,
        'vnd.docker.reference.type': 'attestation-manifest',
      })
      const { mediaType, digest, size } = entry
      const manifest = await readManifest(source, { mediaType, digest, size })
      assert.ok(manifest.kind === 'manifest')
      assert.equal(manifest.manifest.subject?.digest, image.digest, 'it is a referrer too')
      const [layer] = manifest.manifest.layers
      assert.ok(layer !== undefined && layer.mediaType === 'application/vnd.in-toto+json')
      const statement = JSON.parse((await readBlob(source, layer)).toString()) as Statement
      assert.equal(layer.annotations?.['in-toto.io/predicate-type'], statement.predicateType)
      assert.ok(statement.subject.every((subject) => subject.digest.sha256 === digestHex(image.digest)))
      return { image, statement }
    }),
  )
}

test('buildImage() says how each image was built, by docker’s attestation manifests', async () => {
  await using fixture = await TestEngine.start()
  const base = await build(fixture, 'FROM scratch\nLABEL base=1', { tags: ['base:1'] })
  const options = {
    tags: ['app:1', 'docker.io/team/app:2'],
    platforms: [amd64, arm64],
    target: 'last',
    labels: { l: 'm' },
    buildArgs: { VERSION: '2', API_TOKEN: 'hunter2hunter2', HTTP_PROXY: 'http://user:pass@proxy' },
  }
  const dockerfile = 'FROM --platform=$BUILDPLATFORM base:1 AS last\nARG API_TOKEN VERSION\nCOPY <<x /$VERSION-$API_TOKEN\n1\nx\n'
  const { target } = await build(fixture, dockerfile, { ...options, provenance: { mode: 'max' } })
  const store = await fixture.engine.content()
  const said = await statements(store, target)
  assert.equal(said.length, 2)
  const [first] = said
  assert.ok(first !== undefined)
  assert.deepEqual(
    first.statement.subject.map(({ name }) => name),
    ['pkg:docker/app@1?platform=linux%2Famd64', 'pkg:docker/team/app@2?platform=linux%2Famd64'],
  )
  const { buildDefinition } = first.statement.predicate
  assert.deepEqual(buildDefinition.externalParameters.request.args, {
    'build-arg:API_TOKEN': '***',
    'build-arg:VERSION': '2',
    'label:l': 'm',
    platform: 'linux/amd64',
    target: 'last',
  })
  assert.deepEqual(buildDefinition.resolvedDependencies, [
    { uri: 'pkg:docker/base@1?platform=linux%2Famd64', digest: { sha256: digestHex(base.target.digest) } },
  ])
  assert.equal(buildDefinition.internalParameters.buildConfig?.steps.length, 2)
  const everything = JSON.stringify(said)
  for (const hidden of ['hunter2', 'user:pass', fixture.folder]) assert.ok(!everything.includes(hidden), hidden)
  const least = await build(fixture, dockerfile, { ...options, provenance: { mode: 'min' } })
  const [min] = await statements(store, least.target)
  assert.deepEqual(min?.statement.predicate.buildDefinition.externalParameters.request.args, {
    platform: 'linux/amd64',
    target: 'last',
  })
  const again = await build(fixture, dockerfile, { ...options, provenance: { mode: 'min' }, noCache: true })
  assert.equal(again.target.digest, least.target.digest, 'it says nothing that is another the next time')
})

test('an image with provenance stays one image: it is listed once, and pushed with what it says', async () => {
  await using fixture = await TestEngine.start()
  const name = fixture.name('team/app:1')
  const { target, id } = await build(fixture, 'FROM scratch\nCOPY Dockerfile /\n', { tags: [name], provenance: { mode: 'min' } })
  assert.deepEqual(
    (await listImages(fixture.engine)).map((image) => image.id),
    [id],
  )
  const local = await fixture.engine.content()
  assert.equal((await readImage(local, target, { platform: amd64 })).layers[0]?.blob.mediaType, mediaTypes.ociLayer)
  const pushed = await pushImage(fixture.engine, name)
  const repository = (await fixture.engine.registry()).repository({ domain: fixture.registry.host, path: 'team/app' })
  const there = await repository.resolve('1')
  assert.equal(there.digest, pushed.target.digest)
  const [said] = await statements(repository, there)
  assert.ok(said !== undefined)
  const image = await readImage(repository, there, { platform: amd64 })
  assert.equal(image.descriptor.digest, said.image.digest)
  assert.equal(
    image.layers[0]?.blob.mediaType,
    mediaTypes.ociLayerGzip,
    'its layers were compressed, and it speaks of that image',
  )
  assert.equal((await repository.referrers(image.descriptor.digest)).length, 1)
})
