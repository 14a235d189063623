import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { GantryError, messageOf } from '../lib/errors.ts'
import { digestOf } from './digest.ts'
import {
  apiHost,
  familiarName,
  familiarString,
  formatReference,
  manifestReference,
  parseReference,
  repositoryName,
  withDefaultTag,
  withDigest,
  withTag,
} from './reference.ts'

const sha = 'b'.repeat(64)
const sha256 = `sha256:${sha}`
const sha512 = `sha512:${'c'.repeat(128)}`

/** text → full form, familiar form. */
const accepted: readonly (readonly [text: string, full: string, familiar: string])[] = [
  // A text without a slash is never a host.
  ['busybox', 'docker.io/library/busybox', 'busybox'],
  ['localhost', 'docker.io/library/localhost', 'localhost'],
  ['registry.example', 'docker.io/library/registry.example', 'registry.example'],
  ['localhost:5000', 'docker.io/library/localhost:5000', 'localhost:5000'],
  ['10.1.2.3:80', 'docker.io/library/10.1.2.3:80', '10.1.2.3:80'],
  ['under_score.example:8080', 'docker.io/library/under_score.example:8080', 'under_score.example:8080'],
  // The first component is a host if it is localhost or has a dot, a colon or an upper-case letter.
  ['localhost/app', 'localhost/app', 'localhost/app'],
  ['localhost:5000/app', 'localhost:5000/app', 'localhost:5000/app'],
  ['registry.example/app', 'registry.example/app', 'registry.example/app'],
  ['node:5000/app:1.2', 'node:5000/app:1.2', 'node:5000/app:1.2'],
  ['Team/app', 'Team/app', 'Team/app'],
  ['TEAM/app', 'TEAM/app', 'TEAM/app'],
  ['team/app', 'docker.io/team/app', 'team/app'],
  ['team_x/app', 'docker.io/team_x/app', 'team_x/app'],
  ['node/deep/er/app', 'docker.io/node/deep/er/app', 'node/deep/er/app'],
  ['xn--bcher-kva.example:81/app', 'xn--bcher-kva.example:81/app', 'xn--bcher-kva.example:81/app'],
  ['sub-1.registry.example/a/b/c:x.y', 'sub-1.registry.example/a/b/c:x.y', 'sub-1.registry.example/a/b/c:x.y'],
  ['REGISTRY.example:5000/app', 'REGISTRY.example:5000/app', 'REGISTRY.example:5000/app'],
  // IPv6 addresses.
  ['[2001:db8::1]/app', '[2001:db8::1]/app', '[2001:db8::1]/app'],
  ['[::1]:5000/app:t', '[::1]:5000/app:t', '[::1]:5000/app:t'],
  ['[2001:DB8::]:5000/a/b', '[2001:DB8::]:5000/a/b', '[2001:DB8::]:5000/a/b'],
  // Docker Hub and its old name; library/ only there and only for one component.
  ['docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['docker.io/library/busybox:1', 'docker.io/library/busybox:1', 'busybox:1'],
  ['index.docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['index.docker.io/team/app', 'docker.io/team/app', 'team/app'],
  ['library/busybox', 'docker.io/library/busybox', 'busybox'],
  ['docker.io/library/a/b', 'docker.io/library/a/b', 'library/a/b'],
  ['other/library', 'docker.io/other/library', 'other/library'],
  ['registry.example/library/app', 'registry.example/library/app', 'registry.example/library/app'],
  // Only a bare name is taken for an ID.
  [`docker.io/${sha}`, `docker.io/library/${sha}`, sha],
  [sha.slice(1), `docker.io/library/${sha.slice(1)}`, sha.slice(1)],
  ['g'.repeat(64), `docker.io/library/${'g'.repeat(64)}`, 'g'.repeat(64)],
  [`${sha}:1`, `docker.io/library/${sha}:1`, `${sha}:1`],
  // Separators inside a component.
  ['x/a.b_c__d-e--f---g', 'docker.io/x/a.b_c__d-e--f---g', 'x/a.b_c__d-e--f---g'],
  ['0/1', 'docker.io/0/1', '0/1'],
  // Tags.
  ['a:_', 'docker.io/library/a:_', 'a:_'],
  ['a:V1.0-Beta_2', 'docker.io/library/a:V1.0-Beta_2', 'a:V1.0-Beta_2'],
  [`a:${'t'.repeat(128)}`, `docker.io/library/a:${'t'.repeat(128)}`, `a:${'t'.repeat(128)}`],
  ['a:a..--__', 'docker.io/library/a:a..--__', 'a:a..--__'],
  // Digests.
  [`a@${sha256}`, `docker.io/library/a@${sha256}`, `a@${sha256}`],
  [`a:1@${sha256}`, `docker.io/library/a:1@${sha256}`, `a:1@${sha256}`],
  [`node:1/a:1@${sha512}`, `node:1/a:1@${sha512}`, `node:1/a:1@${sha512}`],
  // The limit is on the path without the host.
  [
    `${'h'.repeat(60)}.example/${'a/'.repeat(127)}a`,
    `${'h'.repeat(60)}.example/${'a/'.repeat(127)}a`,
    `${'h'.repeat(60)}.example/${'a/'.repeat(127)}a`,
  ],
]

const lowercase = (name: string): string => `invalid reference format: repository name (${name}) must be lowercase`
const malformed = 'invalid reference format'

/** text → reason. */
const refused: readonly (readonly [text: string, reason: string])[] = [
  ['', malformed],
  [' ', malformed],
  ['busybox ', malformed],
  ['busybox\n', malformed],
  [':tag', malformed],
  [`@${sha256}`, malformed],
  ['a:', malformed],
  ['a@', malformed],
  ['a:b:c', malformed],
  ['a/', malformed],
  ['/a', malformed],
  ['a//b', malformed],
  ['docker.io/', malformed],
  ['docker.io/a///b', malformed],
  ['https://registry.example/a', malformed],
  ['a/b$c/d', malformed],
  ['a/ü', malformed],
  // Component rules.
  ['-a', malformed],
  ['a-', malformed],
  ['-a/b', malformed],
  ['a-/b', malformed],
  ['_a/_b', malformed],
  ['a/b_', malformed],
  ['a/b.', malformed],
  ['a/b..c', malformed],
  ['a/b_.c', malformed],
  ['a/b-.c', malformed],
  ['a/b___c', malformed],
  ['____/____', malformed],
  ['a/.', malformed],
  ['a/..', malformed],
  // Hosts.
  ['-registry.example/a', malformed],
  ['registry-.example/a', malformed],
  ['registry..example/a', malformed],
  ['.example/a', malformed],
  ['example:/a', malformed],
  ['example:port/a', malformed],
  ['example:1:2/a', malformed],
  ['under_score.example/a', malformed],
  ['[::1]', malformed],
  ['[::1]:5000', malformed],
  ['[]/a', malformed],
  ['[::1/a', malformed],
  ['[::1]5000/a', malformed],
  ['fc00::1:5000/a', malformed],
  ['[fe80::1%eth0]:5000/a', malformed],
  ['[fe80::1%@zone]:5000/a', malformed],
  ['[2001:db8::192.0.2.1]/a', malformed],
  // Upper case.
  ['Busybox', lowercase('library/Busybox')],
  ['a/B', lowercase('a/B')],
  ['Busybox:1', lowercase('library/Busybox')],
  ['docker.io/Busybox', lowercase('library/Busybox')],
  ['node:1/a/B:C', lowercase('a/B')],
  ['a@SHA256:b', lowercase('library/a@SHA256')],
  ['a:\u212a', 'repository name must be lowercase'],
  // Tags.
  ['a:.1', malformed],
  ['a:-1', malformed],
  ['a:1+2', malformed],
  [`a:${'t'.repeat(129)}`, malformed],
  // Digests: first the grammar, then the algorithm, then the length.
  ['a@sha256', malformed],
  [`a@sha256:${'b'.repeat(31)}`, malformed],
  [`a@sha256:${'b'.repeat(31)}g`, malformed],
  [`a@256:${sha}`, malformed],
  [`a@sha256:${'b'.repeat(32)}`, 'invalid checksum digest length'],
  [`a@sha256:${'b'.repeat(128)}`, 'invalid checksum digest length'],
  [`a@sha512:${sha}`, 'invalid checksum digest length'],
  [`a:1@sha256:${'B'.repeat(64)}`, 'invalid checksum digest format'],
  [`a@md5:${'b'.repeat(32)}`, 'unsupported digest algorithm'],
  [`a@x-y+z:${sha}`, 'unsupported digest algorithm'],
  // Length.
  [`${'a/'.repeat(128)}a`, 'repository name must not be more than 255 characters'],
  [sha, `invalid repository name (${sha}), cannot specify 64-byte hexadecimal strings`],
]

describe('parseReference()', () => {
  for (const [text, full, familiar] of accepted)
    test(`reads "${text.slice(0, 60)}"`, () => {
      const reference = parseReference(text)
      assert.equal(formatReference(reference), full)
      assert.equal(familiarString(reference), familiar)
      assert.deepEqual(parseReference(full), reference)
    })

  for (const [text, reason] of refused)
    test(`refuses ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.throws(
        () => parseReference(text),
        (error) => {
          assert.ok(error instanceof GantryError)
          assert.equal(error.kind, 'invalid_argument')
          assert.equal(
            error.message,
            `Cannot parse reference ${JSON.stringify(text.length > 300 ? `${text.slice(0, 300)}…` : text)}: ${reason}`,
          )
          return true
        },
      )
    })

  test('refuses a first component that must be a host and cannot be one', () => {
    assert.throws(() => parseReference('a.b_c__d/h'), /invalid reference format$/)
  })

  test('prints no control characters of a hostile text', () => {
    const message = (text: string): string => {
      try {
        parseReference(text)
        return ''
      } catch (error) {
        return messageOf(error)
      }
    }
    // oxlint-disable-next-line no-control-regex
    for (const text of ['\u001b[2Ja', 'a:\u0007', '\u001b[2JA', 'a\nB']) assert.doesNotMatch(message(text), /[\u0000-\u001f]/)
  })

  test('throws nothing but invalid_argument for any text', () => {
    const alphabet = fc.constantFrom(...'aZ0/:@.-_[]%\u212a\u0130'.split(''), 'localhost', 'docker.io', 'sha256:', sha)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(alphabet, { maxLength: 12 }).map((parts) => parts.join('')),
        ),
        (text) => {
          try {
            const reference = parseReference(text)
            assert.deepEqual(parseReference(formatReference(reference)), reference)
          } catch (error) {
            assert.ok(error instanceof GantryError && error.kind === 'invalid_argument', String(error))
          }
        },
      ),
      { seed: 1, numRuns: 2000 },
    )
  })

  test('reads back what familiarString() writes', () => {
    const component = fc.stringMatching(/^[a-z0-9]{1,4}(?:[._-][a-z0-9]{1,3})?$/)
    const host = fc.constantFrom('docker.io', 'localhost', 'localhost:5000', 'registry.example', '[::1]:1', 'Upper')
    fc.assert(
      fc.property(
        host,
        fc.array(component, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.boolean(),
        (domain, path, tag, digest) => {
          // docker.io/localhost/x has no familiar form of its own.
          fc.pre(domain !== 'docker.io' || (path.length > 1 && path[0] !== 'localhost' && !path[0]!.includes('.')))
          const reference = {
            domain,
            path: path.join('/'),
            ...(tag ? { tag: 'T.1' } : {}),
            ...(digest ? { digest: digestOf(path.join()) } : {}),
          }
          assert.deepEqual(parseReference(familiarString(reference)), reference)
        },
      ),
      { seed: 2, numRuns: 500 },
    )
  })

  test('takes time in proportion to the text', () => {
    const hostile = [
      `a/${'a-'.repeat(200_000)}`,
      `${'a.'.repeat(200_000)}/b`,
      `a:${'.'.repeat(400_000)}`,
      'a__'.repeat(100_000),
      `x@${'a+'.repeat(100_000)}`,
    ]
    const start = process.hrtime.bigint()
    for (const text of hostile) assert.throws(() => parseReference(text))
    assert.ok(process.hrtime.bigint() - start < 2_000_000_000n)
  })
})

describe('withDefaultTag()', () => {
  test('adds latest when there is neither tag nor digest', () => {
    const tagged = (text: string): string => familiarString(withDefaultTag(parseReference(text)))
    assert.equal(tagged('a'), 'a:latest')
    assert.equal(tagged('a:1'), 'a:1')
    assert.equal(tagged(`a@${sha256}`), `a@${sha256}`)
  })
})

describe('manifestReference()', () => {
  test('prefers the digest, then the tag, then latest', () => {
    assert.equal(manifestReference(parseReference(`a:1@${sha256}`)), sha256)
    assert.equal(manifestReference(parseReference('a:1')), '1')
    assert.equal(manifestReference(parseReference('a')), 'latest')
  })
})

test('withTag() and withDigest() replace what was there', () => {
  const reference = parseReference(`a:1@${sha256}`)
  assert.equal(formatReference(withTag(reference, '2')), 'docker.io/library/a:2')
  assert.equal(formatReference(withDigest(reference, digestOf('x'))), `docker.io/library/a@${digestOf('x')}`)
  assert.throws(() => withTag(reference, '-x'), /Cannot use tag "-x": invalid tag format/)
})

test('repositoryName(), familiarName() and apiHost() name the repository and who serves it', () => {
  const reference = parseReference('busybox:1')
  assert.equal(repositoryName(reference), 'docker.io/library/busybox')
  assert.equal(familiarName(reference), 'busybox')
  assert.equal(apiHost(reference.domain), 'registry-1.docker.io')
  assert.equal(apiHost('localhost:5000'), 'localhost:5000')
})
