import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Platform } from '../oci/descriptor.ts'
import { parseIndex } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import { runSkip, TestBuilds } from './test-builds.ts'

let builds: TestBuilds
before(async () => void (builds = await TestBuilds.open()))
after(async () => await builds[Symbol.asyncDispose]())

const amd64: Platform = { os: 'linux', architecture: 'amd64' }
const arm64: Platform = { os: 'linux', architecture: 'arm64' }
const armv7: Platform = { os: 'linux', architecture: 'arm', variant: 'v7' }

test('buildImage() makes one index of several platforms, and does once what does not depend on them', async () => {
  const built = await builds.dockerfile(
    'FROM --platform=$BUILDPLATFORM scratch AS build\nCOPY a /a\nFROM scratch\nARG TARGETARCH\nCOPY --from=build /a /bin/$TARGETARCH\nCOPY a /same\n',
    { a: 'A' },
    { platforms: [amd64, arm64, armv7, arm64] },
  )
  assert.equal(built.descriptor.mediaType, mediaTypes.ociIndex)
  const { manifests } = parseIndex(builds.content.read(built.descriptor))
  assert.deepEqual(
    manifests.map(({ platform }) => platform),
    [amd64, arm64, armv7],
  )
  assert.deepEqual(
    built.images.map(({ descriptor }) => descriptor.digest),
    manifests.map(({ digest }) => digest),
  )
  assert.equal(built.imageId, built.images[0]?.imageId)
  for (const { config, platform } of built.images) {
    assert.deepEqual([config.os, config.architecture, config.variant], [platform.os, platform.architecture, platform.variant])
    assert.equal((await builds.listing({ config }))[1], `644 0:0 bin/${platform.architecture} "A"`)
  }
  assert.deepEqual(built.steps.filter((step) => step.includes('COPY a /a')).length, 1)
  assert.deepEqual(built.steps.map((step) => step.replace(/ → .*/, '')).toSorted(), [
    '[linux/amd64 build 1/1] COPY a /a',
    '[linux/amd64 stage-1 1/2] COPY --from=build /a /bin/amd64',
    '[linux/amd64 stage-1 2/2] COPY a /same',
    '[linux/arm/v7 stage-1 1/2] COPY --from=build /a /bin/arm',
    '[linux/arm/v7 stage-1 2/2] COPY a /same',
    '[linux/arm64 stage-1 1/2] COPY --from=build /a /bin/arm64',
    '[linux/arm64 stage-1 2/2] COPY a /same',
  ])
})

test('buildImage() makes no index for one platform', async () => {
  const one = await builds.dockerfile('FROM scratch\nCOPY only /', { only: '' }, { platforms: [arm64] })
  assert.equal(one.descriptor.mediaType, mediaTypes.ociManifest)
  assert.equal(one.config.architecture, 'arm64')
  assert.deepEqual(one.steps, ['[1/1] COPY only / → done'])
})

test('buildImage() stops all platforms when a step of one fails', async () => {
  const text = 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /'
  await assert.rejects(builds.dockerfile(text, { amd64: '' }, { platforms: [amd64, arm64] }), /arm64/)
  assert.deepEqual(await builds.leftovers(), [])
})

test('a stage on the build platform compiles for others, without an emulator', { skip: runSkip }, async () => {
  await builds.busybox()
  const built = await builds.dockerfile(
    'FROM --platform=$BUILDPLATFORM busybox AS build\nRUN echo once > /once\nARG TARGETARCH TARGETVARIANT\nRUN echo for $TARGETARCH$TARGETVARIANT > /made\nFROM scratch\nCOPY --from=build /once /made /\n',
    {},
    { platforms: [amd64, armv7] },
  )
  assert.equal(built.steps.filter((step) => step.includes('RUN echo once')).length, 1)
  assert.deepEqual(
    built.steps
      .filter((step) => step.includes('RUN echo for'))
      .map((step) => step.slice(0, step.indexOf(']')))
      .toSorted(),
    ['[linux/amd64 build 3/3', '[linux/amd64->arm/v7 build 3/3'],
  )
  const made = await Promise.all(built.images.map(async (image) => await builds.listing(image)))
  assert.deepEqual(made, [
    ['644 0:0 made "for amd64\\n"', '644 0:0 once "once\\n"'],
    ['644 0:0 made "for armv7\\n"', '644 0:0 once "once\\n"'],
  ])
})
