import assert from 'node:assert/strict'
import { describe as suite, test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from './descriptor.ts'
import { digestOf } from './digest.ts'
import {
  describe,
  emptyDescriptor,
  encodeJson,
  isAttestation,
  manifestLimit,
  parseIndex,
  parseManifest,
  parseManifestOrIndex,
} from './manifest.ts'
import { mediaTypes } from './media-type.ts'

const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const config: Descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf('config'), size: 6 }
const layer: Descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf('layer'), size: 5 }
const ociManifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] }
const entry: Descriptor = {
  mediaType: mediaTypes.ociManifest,
  digest: digestOf('m'),
  size: 1,
  platform: { os: 'linux', architecture: 'amd64' },
}
const ociIndex = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] }
const { mediaType: _m, ...untypedManifest } = ociManifest
const { mediaType: _i, ...untypedIndex } = ociIndex

/** What is read, the Content-Type, the media type that comes out. */
const readable: readonly (readonly [name: string, body: object, contentType: string | undefined, mediaType: string])[] = [
  ['an OCI manifest', ociManifest, undefined, mediaTypes.ociManifest],
  ['an OCI manifest under its type', ociManifest, mediaTypes.ociManifest, mediaTypes.ociManifest],
  [
    'a Content-Type in other case with parameters',
    ociManifest,
    `${mediaTypes.ociManifest.toUpperCase()} ; charset=utf-8`,
    mediaTypes.ociManifest,
  ],
  ['a Content-Type that says nothing', ociManifest, 'application/octet-stream', mediaTypes.ociManifest],
  ['an OCI index', ociIndex, mediaTypes.ociIndex, mediaTypes.ociIndex],
  ['a Docker manifest', { ...ociManifest, mediaType: mediaTypes.dockerManifest }, undefined, mediaTypes.dockerManifest],
  [
    'a Docker manifest with OCI layers',
    { ...ociManifest, mediaType: mediaTypes.dockerManifest },
    mediaTypes.dockerManifest,
    mediaTypes.dockerManifest,
  ],
  ['a Docker list', { ...ociIndex, mediaType: mediaTypes.dockerList }, undefined, mediaTypes.dockerList],
  ['a manifest without a type', untypedManifest, undefined, mediaTypes.ociManifest],
  ['an index without a type', untypedIndex, undefined, mediaTypes.ociIndex],
  ['a manifest with an empty type', { ...ociManifest, mediaType: '' }, undefined, mediaTypes.ociManifest],
  ['a manifest whose type only the Content-Type names', untypedManifest, mediaTypes.dockerManifest, mediaTypes.dockerManifest],
  ['a manifest of no layers', { ...ociManifest, layers: null }, undefined, mediaTypes.ociManifest],
  ['an index of nothing', { ...ociIndex, manifests: null, annotations: null, subject: null }, undefined, mediaTypes.ociIndex],
]

suite('parseManifestOrIndex()', () => {
  for (const [name, body, contentType, mediaType] of readable)
    test(`reads ${name}`, () => {
      const parsed = parseManifestOrIndex(bytes(body), contentType)
      assert.equal(parsed.mediaType, mediaType)
      assert.equal(parsed.kind, 'manifests' in body ? 'index' : 'manifest')
    })

  test('keeps every field that the types have', () => {
    const full: Descriptor = {
      ...layer,
      urls: ['https://mirror.example/x'],
      annotations: { a: '1', __proto__x: '2' },
      artifactType: 'application/x',
      data: 'bGF5ZXI=',
      platform: { os: 'windows', architecture: 'amd64', variant: 'v2', 'os.version': '10.0.1', 'os.features': ['win32k'] },
    }
    const manifest = { ...ociManifest, layers: [full], artifactType: 'application/x', subject: entry, annotations: { k: 'v' } }
    assert.deepEqual(parseManifest(bytes({ ...manifest, unknown: 1 })), manifest)
    const index = { ...ociIndex, manifests: [full, entry], artifactType: 'application/x', subject: entry, annotations: {} }
    assert.deepEqual(parseIndex(bytes(index)), index)
  })

  test('keeps an annotation named __proto__ as one', () => {
    const { annotations } = parseManifest(
      Buffer.from(JSON.stringify(ociManifest).replace(/\}$/, ',"annotations":{"__proto__":"x"}}')),
    )
    assert.deepEqual(Object.entries(annotations ?? {}), [['__proto__', 'x']])
  })

  test('takes an empty platform for none', () => {
    for (const platform of [null, {}, { os: '', architecture: '' }])
      assert.equal('platform' in parseIndex(bytes({ ...ociIndex, manifests: [{ ...entry, platform }] })).manifests[0]!, false)
  })
})

const withLayer = (change: object): object => ({ ...ociManifest, layers: [{ ...layer, ...change }] })

/** What is refused, the Content-Type, the error's code, a part of its message. */
const refused: readonly (readonly [
  name: string,
  body: unknown,
  contentType: string | undefined,
  code: string,
  message: RegExp,
])[] = [
  [
    'manifests beside layers',
    { ...ociManifest, manifests: [] },
    undefined,
    'MANIFEST_AMBIGUOUS',
    /of a manifest and of an index/,
  ],
  ['manifests beside config', { ...ociIndex, config }, undefined, 'MANIFEST_AMBIGUOUS', /of a manifest and of an index/],
  ['manifests beside fsLayers', { ...ociIndex, fsLayers: [] }, undefined, 'MANIFEST_AMBIGUOUS', /of a manifest and of an index/],
  ['neither', { schemaVersion: 2 }, undefined, 'MANIFEST_INVALID', /neither/],
  ['config without layers', { schemaVersion: 2, config }, undefined, 'MANIFEST_INVALID', /neither/],
  [
    'another Content-Type',
    ociManifest,
    mediaTypes.dockerManifest,
    'MANIFEST_TYPE_MISMATCH',
    /served as ".*docker.*" but says it is ".*oci/,
  ],
  [
    'a Content-Type of an index',
    untypedManifest,
    mediaTypes.ociIndex,
    'MANIFEST_TYPE_MISMATCH',
    /fields are those of a manifest/,
  ],
  [
    'an index that says it is a manifest',
    { ...ociIndex, mediaType: mediaTypes.ociManifest },
    undefined,
    'MANIFEST_TYPE_MISMATCH',
    /of an index/,
  ],
  [
    'a type of something else',
    { ...ociManifest, mediaType: 'application/x' },
    undefined,
    'MANIFEST_TYPE_UNSUPPORTED',
    /"application\/x"/,
  ],
  ['schema 1', { schemaVersion: 1, fsLayers: [], history: [] }, undefined, 'MANIFEST_SCHEMA1', /schema 1 is not supported/],
  ['schema 1 by Content-Type', ociManifest, mediaTypes.dockerSchema1Signed, 'MANIFEST_SCHEMA1', /schema 1 is not supported/],
  ['schema 1 by type', { ...ociManifest, mediaType: mediaTypes.dockerSchema1 }, undefined, 'MANIFEST_SCHEMA1', /schema 1/],
  ['schema 3', { ...ociManifest, schemaVersion: 3 }, undefined, 'JSON_SHAPE', /"schemaVersion" is not 2/],
  ['no schema version', { config, layers: [] }, undefined, 'JSON_SHAPE', /"schemaVersion" is not 2/],
  ['no config', { schemaVersion: 2, layers: [] }, undefined, 'JSON_SHAPE', /"config" is not an object/],
  ['an array', [], undefined, 'JSON_SHAPE', /Cannot read manifest is not an object/],
  ['null', null, undefined, 'JSON_SHAPE', /object/],
  ['layers that are no array', { ...ociManifest, layers: {} }, undefined, 'JSON_SHAPE', /"layers" is not an array/],
  ['a layer that is null', { ...ociManifest, layers: [null] }, undefined, 'JSON_SHAPE', /"layers\[0\]" is not an object/],
  ['a negative size', withLayer({ size: -1 }), undefined, 'JSON_SHAPE', /"layers\[0\].size" is not a whole number/],
  ['a fractional size', withLayer({ size: 1.5 }), undefined, 'JSON_SHAPE', /size/],
  ['an unsafe size', withLayer({ size: 2 ** 53 }), undefined, 'JSON_SHAPE', /size/],
  ['a size that is text', withLayer({ size: '5' }), undefined, 'JSON_SHAPE', /size/],
  [
    'a digest of an unknown algorithm',
    withLayer({ digest: 'md5:abc' }),
    undefined,
    'DIGEST_UNSUPPORTED',
    /unsupported digest algorithm/,
  ],
  [
    'a path for a digest',
    withLayer({ digest: 'sha256:../../etc/passwd' }),
    undefined,
    'DIGEST_INVALID',
    /invalid checksum digest/,
  ],
  ['a digest that is no text', withLayer({ digest: {} }), undefined, 'JSON_SHAPE', /"layers\[0\].digest" is not a string/],
  ['no media type', withLayer({ mediaType: undefined }), undefined, 'JSON_SHAPE', /mediaType/],
  [
    'a long media type',
    withLayer({ mediaType: `a/${'b'.repeat(254)}` }),
    undefined,
    'JSON_SHAPE',
    /"layers\[0\].mediaType" is not a media type/,
  ],
  ['control characters in a media type', withLayer({ mediaType: 'a/b\r\nx: y' }), undefined, 'JSON_SHAPE', /is not a media type/],
  ['urls that are no texts', withLayer({ urls: [1] }), undefined, 'JSON_SHAPE', /urls\[0\]/],
  ['annotations that are no texts', withLayer({ annotations: { a: 1 } }), undefined, 'JSON_SHAPE', /annotations.a/],
  ['a platform that is text', withLayer({ platform: 'linux' }), undefined, 'JSON_SHAPE', /platform/],
  [
    'too many layers',
    { ...ociManifest, layers: Array.from({ length: 10_001 }, () => layer) },
    undefined,
    'TOO_MANY',
    /more than 10000 elements/,
  ],
]

suite('parseManifestOrIndex() refuses', () => {
  for (const [name, body, contentType, code, message] of refused)
    test(name, () => assert.throws(() => parseManifestOrIndex(bytes(body), contentType), { name: 'GantryError', code, message }))

  test('schema 1 with a hint', () => {
    assert.throws(
      () => parseManifestOrIndex(bytes({ schemaVersion: 1 })),
      (error) => error instanceof GantryError && error.kind === 'unsupported' && error.hint !== undefined,
    )
  })

  test('more bytes than the limit', () => {
    assert.throws(() => parseManifestOrIndex(Buffer.alloc(manifestLimit + 1, ' ')), { kind: 'resource_exhausted' })
  })

  test('what is not JSON, with an invalid_argument error', () => {
    const cuts = fc.nat({ max: bytes(ociManifest).length - 1 }).map((length) => bytes(ociManifest).subarray(0, length))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), cuts), (noise) => {
        assert.throws(() => parseManifestOrIndex(noise), { kind: 'invalid_argument' })
      }),
      { seed: 8, numRuns: 500 },
    )
  })

  test('nothing with anything but a GantryError, whatever the JSON', () => {
    const key = fc.constantFrom(
      'schemaVersion',
      'mediaType',
      'config',
      'layers',
      'manifests',
      'size',
      'digest',
      'platform',
      '__proto__',
    )
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(2, null, '', ociManifest, ociIndex, layer, config, [layer], 'a/b'),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value')),
      ),
    }))
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, ...Object.values(mediaTypes)), (json, contentType) => {
        try {
          parseManifestOrIndex(bytes(json), contentType)
        } catch (error) {
          assert.ok(error instanceof GantryError, String(error))
        }
      }),
      { seed: 9, numRuns: 1000 },
    )
  })
})

test('parseManifest() and parseIndex() refuse the other kind', () => {
  assert.throws(() => parseManifest(bytes(ociIndex)), /Cannot read manifest: it is an index/)
  assert.throws(() => parseIndex(bytes(ociManifest)), /Cannot read manifest: it is not an index/)
})

test('emptyDescriptor is that of the specification', () => {
  assert.deepEqual(emptyDescriptor, {
    mediaType: 'application/vnd.oci.empty.v1+json',
    digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a',
    size: 2,
  })
})

test('describe() answers type, digest and size', () => {
  assert.deepEqual(describe(Buffer.from('layer'), mediaTypes.ociLayerGzip), layer)
})

test('encodeJson() keeps the order of fields and escapes no HTML', () => {
  assert.equal(encodeJson({ b: '<a&b>', a: undefined, c: ['é'] }).toString(), '{"b":"<a&b>","c":["é"]}')
})

test('isAttestation() knows the old and the new form, and no image', () => {
  assert.equal(isAttestation(entry), false)
  assert.equal(isAttestation({ ...entry, platform: { os: 'unknown', architecture: 'unknown' } }), true)
  assert.equal(isAttestation({ ...entry, annotations: { 'vnd.docker.reference.type': 'attestation-manifest' } }), true)
  assert.equal(isAttestation({ ...entry, artifactType: 'application/vnd.docker.attestation.manifest.v1+json' }), true)
})
