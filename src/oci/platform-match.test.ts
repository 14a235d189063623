import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Descriptor, Platform } from './descriptor.ts'
import { digestOf } from './digest.ts'
import { mediaTypes } from './media-type.ts'
import { matchPlatform, platformVector, rankPlatforms, servesPlatform } from './platform-match.ts'
import { formatPlatform, parsePlatform } from './platform.ts'

const host: Platform = { os: 'linux', architecture: 'amd64' }
const platform = (text: string): Platform => parsePlatform(text, host)

/** An entry for each platform, `-` for none, in order. */
const index = (...platforms: readonly string[]): readonly Descriptor[] =>
  platforms.map((text, position) => ({
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(`${position} ${text}`),
    size: 1,
    ...(text === '-' ? {} : { platform: platform(text) }),
  }))

const positions = (wanted: string, entries: readonly Descriptor[], strict = false): readonly number[] =>
  rankPlatforms(platform(wanted), entries, { strict }).map((entry) => entries.indexOf(entry))

const vectors: readonly (readonly [platform: string, vector: string])[] = [
  ['linux/amd64', 'linux/amd64 linux/386'],
  ['linux/amd64/v3', 'linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386'],
  ['linux/386', 'linux/386'],
  ['linux/arm/v8', 'linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5'],
  ['linux/arm', 'linux/arm/v7 linux/arm/v6 linux/arm/v5'],
  ['linux/arm/v6', 'linux/arm/v6 linux/arm/v5'],
  ['linux/arm/v5', 'linux/arm/v5'],
  ['linux/arm64', 'linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5'],
  ['linux/arm64/v8.2', 'linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5'],
  [
    'linux/arm64/v9.1',
    'linux/arm64/v9.1 linux/arm64/v9 linux/arm64/v8.6 linux/arm64/v8.5 linux/arm64/v8.4 linux/arm64/v8.3 linux/arm64/v8.2 linux/arm64/v8.1 ' +
      'linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5',
  ],
  ['linux/riscv64', 'linux/riscv64'],
  ['linux/ppc64le', 'linux/ppc64le'],
  ['linux/amd64/vfancy', 'linux/amd64/vfancy linux/386'],
]

describe('platformVector()', () => {
  for (const [text, vector] of vectors)
    test(`of ${text}`, () => assert.equal(platformVector(platform(text)).map(formatPlatform).join(' '), vector))

  test('begins with the platform itself and repeats nothing', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('amd64', 'arm', 'arm64', '386'),
        fc.stringMatching(/^(?:v\d{1,2}(?:\.\d)?)?$/),
        (architecture, variant) => {
          const vector = platformVector({ os: 'linux', architecture, variant }).map(formatPlatform)
          assert.equal(vector[0], formatPlatform(platform(`linux/${architecture}${variant && '/'}${variant}`)))
          assert.equal(new Set(vector).size, vector.length)
        },
      ),
      { seed: 7 },
    )
  })
})

describe('rankPlatforms()', () => {
  test('takes the first of equals and lower variants before other architectures', () => {
    assert.deepEqual(positions('linux/amd64', index('linux/386', 'linux/amd64/v2', 'linux/amd64', 'linux/amd64/v1')), [2, 3, 0])
    assert.deepEqual(positions('linux/amd64/v3', index('linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4')), [1, 0])
  })

  test('never takes a newer variant', () => {
    assert.deepEqual(positions('linux/arm/v6', index('linux/arm/v7', 'linux/arm')), [])
    assert.deepEqual(positions('linux/amd64', index('linux/amd64/v2')), [])
    assert.deepEqual(positions('linux/arm/v7', index('linux/arm64')), [])
  })

  test('takes arm64 without a variant and with v8 for the same', () => {
    assert.deepEqual(positions('linux/arm64', index('linux/arm64/v8', 'linux/arm/v7')), [0, 1])
    assert.deepEqual(positions('linux/arm64/v8', index('linux/arm64'), true), [0])
  })

  test('takes only the platform itself when strict', () => {
    assert.deepEqual(positions('linux/amd64', index('linux/386', 'linux/amd64/v2'), true), [])
    assert.deepEqual(positions('linux/arm/v7', index('linux/arm/v6', 'linux/arm'), true), [1])
  })

  test('takes entries without a platform last, in both modes', () => {
    assert.deepEqual(positions('linux/amd64', index('-', 'linux/amd64', '-')), [1, 0, 2])
    assert.deepEqual(positions('linux/amd64', index('-', 'linux/s390x'), true), [0])
  })

  test('leaves attestations out', () => {
    const attestation: Descriptor = {
      ...index('linux/amd64')[0]!,
      annotations: { 'vnd.docker.reference.type': 'attestation-manifest', 'vnd.docker.reference.digest': digestOf('x') },
    }
    const artifact: Descriptor = { ...index('-')[0]!, artifactType: 'application/vnd.docker.attestation.manifest.v1+json' }
    assert.deepEqual(positions('linux/amd64', [attestation, artifact, ...index('unknown/unknown', 'linux/amd64')]), [3])
    assert.deepEqual(positions('unknown/unknown', index('unknown/unknown')), [])
  })

  test('compares platforms in any spelling', () => {
    const entry = { ...index('-')[0]!, platform: { os: 'Linux', architecture: 'x86_64', variant: 'v1' } }
    assert.equal(matchPlatform(host, [entry]), entry)
  })

  test('asks for every feature that an entry needs', () => {
    const entries = index('windows(+win32k)/amd64', 'windows/amd64')
    assert.deepEqual(positions('windows/amd64', entries), [1])
    assert.deepEqual(positions('windows(+win32k+other)/amd64', entries), [0, 1])
  })
})

const windows = (build: string): string => `windows(10.0.${build})/amd64`

/** Host build, images' builds, those that it runs, best first. */
const builds: readonly (readonly [host: string, images: readonly string[], expected: readonly string[]])[] = [
  ['17763', ['17763.1', '17763.99', '14393.5', '20348.1'], ['17763.99', '17763.1']],
  ['17763.1', ['17763.99'], ['17763.99']],
  ['20348', ['17763.1', '20348.1', '20349.1'], ['20348.1']],
  ['25398', ['20348.1', '22621.9', '25398.1', '26100.1', '17763.1'], ['25398.1', '22621.9', '20348.1']],
  ['26100', ['20348.9', '20348.10', '26100.1', '26101.1'], ['26100.1', '20348.10', '20348.9']],
  ['27000', ['20348.9', '26100.1', '27000.1'], ['27000.1', '26100.1']],
]

describe('rankPlatforms() on Windows', () => {
  for (const [build, images, expected] of builds)
    test(`lets build ${build} run ${expected.join(', ')}`, () => {
      const entries = index(...images.map(windows))
      assert.deepEqual(
        positions(windows(build), entries),
        expected.map((image) => images.indexOf(image)),
      )
    })

  test('takes any version where one side names none, and none of another major version', () => {
    assert.deepEqual(positions('windows/amd64', index(windows('17763.1'), windows('20348.1'))), [1, 0])
    assert.deepEqual(positions(windows('17763'), index('windows/amd64')), [0])
    assert.deepEqual(positions(windows('20348'), index('windows(6.3.20348)/amd64', 'windows(odd)/amd64')), [])
  })

  test('ignores the version of other systems', () => {
    assert.deepEqual(positions('linux/amd64', index('linux(5.4)/amd64')), [0])
  })
})

describe('servesPlatform()', () => {
  test('accepts what the machine runs, and with strict only what was asked for', () => {
    assert.equal(servesPlatform(platform('linux/amd64'), platform('linux/386')), true)
    assert.equal(servesPlatform(platform('linux/amd64'), platform('linux/386'), { strict: true }), false)
    assert.equal(servesPlatform(platform('linux/arm64/v8'), platform('linux/arm64'), { strict: true }), true)
    assert.equal(servesPlatform(platform('linux/arm64'), platform('linux/amd64')), false)
  })
})
