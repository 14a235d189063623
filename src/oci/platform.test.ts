import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../lib/errors.ts'
import type { Platform } from './descriptor.ts'
import { displayPlatform, formatPlatform, hostPlatform, normalizePlatform, parsePlatform } from './platform.ts'

const amd64: Platform = { os: 'linux', architecture: 'amd64' }
const armv6: Platform = { os: 'linux', architecture: 'arm', variant: 'v6' }

/** What the platform is called, what it is normalised to. */
const spellings: readonly (readonly [text: string, normal: string, display?: string])[] = [
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/x86-64', 'linux/amd64'],
  ['Linux/AMD64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/amd64/v2', 'linux/amd64/v2'],
  ['linux/amd64/v4', 'linux/amd64/v4'],
  ['linux/i386', 'linux/386'],
  ['linux/386', 'linux/386'],
  ['linux/arm64', 'linux/arm64', 'linux/arm64/v8'],
  ['linux/aarch64', 'linux/arm64', 'linux/arm64/v8'],
  ['linux/arm64/8', 'linux/arm64', 'linux/arm64/v8'],
  ['linux/arm64/v8', 'linux/arm64', 'linux/arm64/v8'],
  ['linux/arm64/v8.0', 'linux/arm64', 'linux/arm64/v8'],
  ['linux/arm64/v8.2', 'linux/arm64/v8.2'],
  ['linux/arm64/9', 'linux/arm64/v9'],
  ['linux/arm64/v9.0', 'linux/arm64/v9'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/7', 'linux/arm/v7'],
  ['linux/arm/5', 'linux/arm/v5'],
  ['linux/arm/6', 'linux/arm/v6'],
  ['linux/arm/8', 'linux/arm/v8'],
  ['linux/armhf', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['macos/arm64', 'darwin/arm64', 'darwin/arm64/v8'],
  ['linux/riscv64', 'linux/riscv64'],
  ['plan9/unheard-of', 'plan9/unheard-of'],
  // Of one word the rest comes from the host.
  ['linux', 'linux/amd64'],
  ['windows', 'windows/amd64'],
  ['macos', 'darwin/amd64'],
  ['arm64', 'linux/arm64', 'linux/arm64/v8'],
  ['aarch64', 'linux/arm64', 'linux/arm64/v8'],
  ['armhf', 'linux/arm/v7'],
  ['s390x', 'linux/s390x'],
  // Three spellings of the OS version.
  ['windows(10.0.17763)/amd64', 'windows(10.0.17763)/amd64'],
  ['windows(10.0.17763+win32k)/amd64', 'windows(10.0.17763+win32k)/amd64'],
  ['windows(+win32k)/amd64', 'windows(+win32k)/amd64'],
  ['windows(1%2B2+b+a+a)/amd64', 'windows(1%2B2+a+b)/amd64'],
  ['windows()/amd64', 'windows/amd64'],
  ['windows/amd64:10.0.17763', 'windows(10.0.17763)/amd64'],
  ['linux/arm/v7:5', 'linux(5)/arm/v7'],
]

describe('parsePlatform()', () => {
  for (const [text, normal, display = normal] of spellings)
    test(`reads ${text}`, () => {
      const platform = parsePlatform(text, amd64)
      assert.equal(formatPlatform(platform), normal)
      assert.equal(displayPlatform(platform), display)
      assert.deepEqual(normalizePlatform(platform), platform)
      assert.deepEqual(parsePlatform(normal, amd64), platform)
    })

  test('takes the variant of the host with its architecture', () => {
    assert.deepEqual(parsePlatform('linux', armv6), armv6)
    assert.equal(formatPlatform(parsePlatform('arm', armv6)), 'linux/arm/v7')
  })

  const wrong = [
    '',
    '/',
    'linux/',
    '/amd64',
    'linux//v7',
    'linux/amd64/v1/x',
    '*',
    'linux/*',
    'unheard-of',
    'lin ux/amd64',
    'linux/amd64\n',
    'windows(10/amd64',
    'windows10)/amd64',
    'windows(10.0(1))/amd64',
    'windows(1++a)/amd64',
    'windows(%zz)/amd64',
    'windows(1)/amd64:2',
    'windows/amd64:',
    'windows/amd64:1:2',
    'windows/amd64:a/b',
  ]
  for (const text of wrong)
    test(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parsePlatform(text, amd64), {
        kind: 'invalid_argument',
        code: 'PLATFORM_INVALID',
        message: /^Cannot parse platform ".*": \w/,
      })
    })

  test('throws nothing but invalid_argument for any text', () => {
    const part = fc.constantFrom('linux', 'windows', 'amd64', 'arm', 'v7', '/', '(', ')', '+', ':', '%', '1.0', '\u0000')
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 9 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            const platform = parsePlatform(text, amd64)
            assert.deepEqual(parsePlatform(formatPlatform(platform), amd64), platform)
          } catch (error) {
            assert.ok(error instanceof GantryError && error.kind === 'invalid_argument', String(error))
          }
        },
      ),
      { seed: 5, numRuns: 2000 },
    )
  })
})

describe('formatPlatform()', () => {
  test('answers unknown without an operating system', () => {
    assert.equal(formatPlatform({ os: '', architecture: '' }), 'unknown')
  })

  test('writes what parsePlatform() reads back for any OS version and features', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[\w.+()/:%-]{0,8}$/),
        fc.array(fc.stringMatching(/^[\w+()%]{1,5}$/)),
        (version, features) => {
          const platform = normalizePlatform({
            os: 'windows',
            architecture: 'amd64',
            'os.version': version,
            'os.features': features,
          })
          assert.deepEqual(parsePlatform(formatPlatform(platform), amd64), platform)
        },
      ),
      { seed: 6 },
    )
  })
})

const piOne = 'processor\t: 0\nmodel name\t: ARMv6-compatible processor rev 7 (v6l)\nCPU architecture: 7\n'
const hosts: readonly (readonly [facts: Parameters<typeof hostPlatform>[0], expected: string])[] = [
  [{ arch: 'x64', platform: 'linux' }, 'linux/amd64'],
  [{ arch: 'ia32', platform: 'linux' }, 'linux/386'],
  [{ arch: 'arm64', platform: 'linux' }, 'linux/arm64'],
  [{ arch: 'arm64', platform: 'darwin' }, 'darwin/arm64'],
  [{ arch: 'ppc64', platform: 'linux', endianness: 'LE' }, 'linux/ppc64le'],
  [{ arch: 'ppc64', platform: 'linux', endianness: 'BE' }, 'linux/ppc64'],
  [{ arch: 's390x', platform: 'linux' }, 'linux/s390x'],
  [{ arch: 'mipsel', platform: 'linux' }, 'linux/mipsle'],
  [{ arch: 'arm', platform: 'linux' }, 'linux/arm/v7'],
  [{ arch: 'arm', platform: 'linux', cpuinfo: 'CPU architecture\t: 7\n' }, 'linux/arm/v7'],
  [{ arch: 'arm', platform: 'linux', cpuinfo: piOne }, 'linux/arm/v6'],
  [{ arch: 'arm', platform: 'linux', cpuinfo: 'CPU architecture: 5TEJ\n' }, 'linux/arm/v5'],
  [{ arch: 'arm', platform: 'linux', cpuinfo: 'CPU architecture: 8\n' }, 'linux/arm/v8'],
  [{ arch: 'arm', platform: 'linux', cpuinfo: 'CPU architecture: AArch64\n' }, 'linux/arm/v8'],
  [{ arch: 'arm', platform: 'linux', cpuinfo: 'nothing of use' }, 'linux/arm/v7'],
  [{ arch: 'x64', platform: 'win32', release: '10.0.20348' }, 'windows(10.0.20348)/amd64'],
]

describe('hostPlatform()', () => {
  for (const [facts, expected] of hosts)
    test(`answers ${expected} for ${JSON.stringify(facts)}`, () => assert.equal(formatPlatform(hostPlatform(facts)), expected))
})
