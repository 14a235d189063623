import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { openLayout, type Layout } from '../../src/content/layout.ts'
import { streamOf } from '../../src/lib/bytes.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { describe, emptyDescriptor, encodeJson } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { randomIndex } from '../../src/testing/random-image.ts'
import { TestGantry } from '../support.ts'

const layoutOf = async (gantry: TestGantry): Promise<{ readonly layout: Layout; readonly index: Descriptor }> => {
  const layout = await openLayout(gantry.path('layout'), { create: true })
  const index = await randomIndex(layout, { attestation: true })
  await layout.tag('multi', index)
  return { layout, index }
}

const digestOf = (output: string): string => /^Digest: (sha256:[0-9a-f]{64})$/m.exec(output)?.[1] ?? ''

test('image copy keeps an index and its digest through every kind of place', async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  const { index } = await layoutOf(gantry)
  const places = [
    'oci:layout:multi',
    `${host}/a/app:1`,
    `docker://${host}/b/app:2`,
    'dir:flat',
    'oci-archive:app.tar:app-1',
    'oci:other:docker.io/library/app:1',
    'docker-archive:docker.tar:app:3',
    'store:copied:1',
    `${host}/c/app:4`,
  ]
  for (const [at, to] of places.entries()) {
    const from = places[at - 1]
    if (from === undefined) continue
    const output = gantry.run('image', 'copy', from, to)
    assert.equal(digestOf(output), index.digest, `${from} -> ${to}`)
    assert.match(output, /^Status: Copied \S+ to \S+$/m)
  }
  assert.equal(existsSync(gantry.path('root', 'layers')), true)
  assert.match(gantry.run('images'), /^copied +1 /m)
  assert.equal(
    gantry.run('image', 'copy', '-q', '--digest-file', 'digest', `${host}/a/app:1`, `${host}/a/app:9`),
    `${index.digest}\n`,
  )
  assert.equal(readFileSync(gantry.path('digest'), 'utf8'), index.digest)
  const mounted = gantry.try(['image', 'copy', '--progress', 'plain', `${host}/a/app:1`, `${host}/mounted/app`])
  assert.match(mounted.stderr, /Mounted/)
  assert.doesNotMatch(mounted.stderr, /: Copied/)
})

test('image copy --platform takes one image, an index of several, or a sparse index', async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  const { layout, index } = await layoutOf(gantry)
  const { manifests } = JSON.parse(layout.read(index).toString()) as { readonly manifests: readonly Descriptor[] }
  const copy = (...args: readonly string[]): string => digestOf(gantry.run('image', 'copy', ...args))
  assert.equal(copy('--platform', 'linux/arm64', 'oci:layout:multi', `${host}/one`), manifests[1]?.digest)
  const several = copy('--platform', 'linux/amd64,linux/arm/v7', 'oci:layout:multi', 'oci:some:x')
  assert.notEqual(several, index.digest)
  const some = await openLayout(gantry.path('some'))
  const reduced = JSON.parse(some.read(await some.resolve('x')).toString()) as { readonly manifests: readonly Descriptor[] }
  assert.deepEqual(reduced.manifests, [manifests[0], manifests[2], manifests[3]])
  assert.equal(copy('--platform', 'linux/amd64', '--platform', 'linux/arm/v7', 'oci:layout:multi', `${host}/some`), several)
  const sparse = ['--platform', 'linux/arm64', '--preserve-digests', 'oci:layout:multi']
  assert.equal(copy(...sparse, 'oci:sparse:x'), index.digest)
  assert.equal(copy('--platform', 'all', 'oci:layout:multi', `${host}/all`), index.digest)
  const missing = gantry.try(['image', 'copy', '--platform', 'linux/s390x', 'oci:layout:multi', 'oci:x'])
  assert.equal(missing.status, 1)
  assert.match(
    missing.stderr,
    /no matching manifest for linux\/s390x.*\nhint: it has linux\/amd64, linux\/arm64\/v8, linux\/arm\/v7/,
  )
})

test('image copy --referrers takes signatures of signatures along, and cosign tags', async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  const { layout, index } = await layoutOf(gantry)
  const artifact = async (subject: Descriptor, artifactType: string): Promise<Descriptor> => {
    const { mediaType, digest, size } = subject
    const bytes = encodeJson({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType,
      config: emptyDescriptor,
      layers: [emptyDescriptor],
      subject: { mediaType, digest, size },
    })
    const descriptor = describe(bytes, mediaTypes.ociManifest)
    await layout.write(emptyDescriptor, streamOf(encodeJson({})))
    await layout.write(descriptor, streamOf(bytes))
    await layout.tag(descriptor.digest, { ...descriptor, artifactType })
    return descriptor
  }
  const sbom = await artifact(index, 'application/x.sbom')
  const signature = await artifact(sbom, 'application/x.sig')
  const cosign = `${index.digest.replace(':', '-')}.sig`
  await layout.tag(cosign, signature)
  assert.match(gantry.run('image', 'copy', '--referrers', 'oci:layout:multi', `${host}/a:1`), /^Referrers: 3$/m)
  assert.match(gantry.run('image', 'copy', '--referrers', `${host}/a:1`, `oci:back:x`), /^Referrers: 3$/m)
  assert.match(gantry.run('image', 'copy', '--referrers', 'oci:back', `oci-archive:back.tar`), /^Referrers: 3$/m)
  assert.match(gantry.run('image', 'copy', '--referrers', 'oci-archive:back.tar', `${host}/b:1`), /^Referrers: \d$/m)
  const listed = (await (await fetch(`http://${host}/v2/b/referrers/${index.digest}`)).json()) as {
    readonly manifests: readonly { readonly digest: string; readonly artifactType: string }[]
  }
  assert.deepEqual(
    listed.manifests.map(({ digest, artifactType }) => [digest, artifactType]),
    [[sbom.digest, 'application/x.sbom']],
  )
  const refused = gantry.try(['image', 'copy', '--referrers', `${host}/a:1`, 'store:a:1'])
  assert.match(refused.stderr, /Cannot copy referrers: the target keeps images only\nhint: /)
})

test('image copy --dry-run says what the target lacks, and makes nothing', async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  await layoutOf(gantry)
  assert.match(
    gantry.run('image', 'copy', '--dry-run', 'oci:layout:multi', `${host}/a:1`),
    /^Status: Would copy (\d+) of \1 blobs and manifests \(/m,
  )
  assert.equal((await fetch(`http://${host}/v2/a/tags/list`)).status, 404)
  gantry.run('image', 'copy', 'oci:layout:multi', `${host}/a:1`)
  assert.match(gantry.run('image', 'copy', '--dry-run', 'oci:layout:multi', `${host}/a:2`), /^Status: Would copy 0 of /m)
  gantry.run('image', 'copy', '--dry-run', 'oci:layout:multi', 'oci:nowhere')
  assert.equal(existsSync(gantry.path('nowhere')), false)
})

test('image copy says what is wrong with a place', async () => {
  await using gantry = new TestGantry()
  await layoutOf(gantry)
  const fails = (from: string, to: string): string => {
    const { status, stderr } = gantry.try(['image', 'copy', from, to])
    assert.equal(status, 1)
    return stderr
  }
  assert.match(fails('containers-storage:x', 'oci:y'), /"containers-storage" is not supported\nhint: use "podman save"/)
  assert.match(fails('oci:', 'oci:y'), /Cannot use "oci:": it has no path/)
  assert.match(fails('oci:nowhere', 'oci:y'), /it is no OCI layout/)
  assert.match(fails('oci:layout:other', 'oci:y'), /Cannot find "other".*\nhint: it has multi/)
  assert.match(fails('oci:layout', `oci:y@sha256:${'0'.repeat(64)}`), /a copy is named by a tag/)
  assert.match(fails('dir:layout', 'oci:y'), /it has no manifest\.json/)
  assert.match(fails('store:nothing', 'oci:y'), /No such image: nothing:latest/)
})
