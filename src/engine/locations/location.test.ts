import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../../lib/errors.ts'
import { formatLocation, parseLocation } from './location.ts'

const digest = `sha256:${'a'.repeat(64)}`

test('parseLocation() knows the transports of skopeo and regctl, and takes the rest for names', () => {
  const reference = { domain: 'docker.io', path: 'library/docker', tag: '27' }
  const cases: readonly (readonly [text: string, location: object])[] = [
    ['docker:27', { kind: 'registry', reference }],
    ['docker://docker:27', { kind: 'registry', reference }],
    ['localhost:5000/a/b', { kind: 'registry', reference: { domain: 'localhost:5000', path: 'a/b' } }],
    ['oci:a/b', { kind: 'layout', path: 'a/b' }],
    ['oci:/a/b:', { kind: 'layout', path: '/a/b' }],
    ['oci:/a/b:docker.io/x/y:1', { kind: 'layout', path: '/a/b', name: 'docker.io/x/y:1' }],
    [`oci:a@${digest}`, { kind: 'layout', path: 'a', name: digest }],
    [`ocidir://a:v1`, { kind: 'layout', path: 'a', name: 'v1' }],
    ['oci:C:\\images:v1', { kind: 'layout', path: 'C:\\images', name: 'v1' }],
    ['oci-archive:a.tar:v1', { kind: 'archive', format: 'oci', path: 'a.tar', name: 'v1' }],
    ['docker-archive:a@b.tar', { kind: 'archive', format: 'docker', path: 'a@b.tar' }],
    ['dir:a:b', { kind: 'folder', path: 'a:b' }],
    ['store:app:1', { kind: 'store', name: 'app:1' }],
  ]
  for (const [text, location] of cases) assert.deepEqual(parseLocation(text), location, text)
})

test('parseLocation() refuses what is no location, and says what to use instead', () => {
  assert.throws(() => parseLocation('oci:'), { code: 'LOCATION_INVALID', hint: 'write oci:PATH' })
  assert.throws(() => parseLocation('docker-daemon:x'), { kind: 'unsupported', hint: /docker save/ })
  assert.throws(() => parseLocation('Upper:1:2'), { code: 'REFERENCE_INVALID' })
})

test('parseLocation() reads back what formatLocation() writes, and throws nothing but its own errors', () => {
  const part = fc.stringMatching(/^[a-z][a-z0-9./-]{0,20}[a-z0-9]$/)
  const location = fc.oneof(
    fc.record({ kind: fc.constant('layout' as const), path: part, name: part }),
    fc.record({ kind: fc.constant('archive' as const), format: fc.constantFrom('oci' as const, 'docker' as const), path: part }),
    fc.record({ kind: fc.constant('folder' as const), path: part }),
    fc.record({ kind: fc.constant('store' as const), name: part }),
  )
  fc.assert(fc.property(location, (one) => assert.deepEqual(parseLocation(formatLocation(one)), { ...one })))
  const anything = fc.tuple(fc.constantFrom('', 'oci:', 'docker://', 'ocidir:', 'dir:', 'store:', 'oci-archive:'), fc.string())
  fc.assert(
    fc.property(anything, ([transport, rest]) => {
      try {
        parseLocation(transport + rest)
      } catch (error) {
        assert.ok(isGantryError(error))
      }
    }),
  )
})
