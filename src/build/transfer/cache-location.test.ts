import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../../lib/errors.ts'
import { digestOf } from '../../oci/digest.ts'
import { encodeCacheDocument, parseCacheDocument } from './cache-document.ts'
import { parseCacheFrom, parseCacheTo } from './cache-location.ts'

const digest = digestOf('anything')

test('parseCacheFrom() reads what buildx reads, and the names of images', () => {
  const cases = [
    ['type=registry,ref=a/b:1', { type: 'registry', reference: 'a/b:1' }],
    ['127.0.0.1:5000/a/b', { type: 'registry', reference: '127.0.0.1:5000/a/b' }],
    ['type=local,src=dir', { type: 'local', folder: 'dir', name: 'latest' }],
    ['type=local,"src=a,b",tag=x', { type: 'local', folder: 'a,b', name: 'x' }],
    [`type=local,src=dir,digest=${digest}`, { type: 'local', folder: 'dir', name: digest }],
  ] as const
  for (const [text, location] of cases) assert.deepEqual(parseCacheFrom(text), location, text)
})

test('parseCacheTo() reads what buildx reads', () => {
  assert.deepEqual(parseCacheTo('type=inline'), { location: { type: 'inline' }, mode: 'min', ignoreError: false })
  assert.deepEqual(
    parseCacheTo('type=local,dest=d,mode=max,compression=zstd,compression-level=3,force-compression=true,ignore-error=1'),
    {
      location: { type: 'local', folder: 'd', name: 'latest' },
      mode: 'max',
      ignoreError: true,
      compression: 'zstd',
      compressionLevel: 3,
      forceCompression: true,
    },
  )
  assert.deepEqual(parseCacheTo('registry.example/x').location, { type: 'registry', reference: 'registry.example/x' })
})

test('parseCacheFrom() and parseCacheTo() say what is wrong', () => {
  const cases: readonly (readonly [() => unknown, RegExp])[] = [
    [() => parseCacheFrom('ref=x'), /type is required/],
    [() => parseCacheFrom('type=registry'), /ref is required/],
    [() => parseCacheFrom('type=local,dest=x'), /src is required/],
    [() => parseCacheFrom('type=regstry,ref=x'), /unknown type "regstry" \(did you mean registry\?\)/],
    [() => parseCacheFrom('type=gha'), /type=gha is not supported/],
    [() => parseCacheFrom('type=inline'), /type=inline is for --cache-to/],
    [() => parseCacheFrom('type=registry,ref=x,mode=max'), /unknown key "mode"/],
    [() => parseCacheFrom(''), /is no key=value pair/],
    [() => parseCacheFrom('type=local,"src=x'), /extraneous or missing " in quoted-field/],
    [() => parseCacheTo('type=inline,mode=max'), /mode=max needs type=registry or type=local/],
    [() => parseCacheTo('type=registry,ref=x,mode=most'), /mode is min or max, not "most"/],
    [() => parseCacheTo('type=registry,ref=x,image-manifest=false'), /cannot be false/],
    [() => parseCacheTo('type=registry,ref=x,ignore-error=maybe'), /true or false, not "maybe"/],
    [() => parseCacheTo('type=registry,ref=x,compression-level=high'), /"high" is no number/],
  ]
  for (const [parse, message] of cases)
    assert.throws(
      parse,
      (error) => isGantryError(error) && message.test(error.message) && /--cache-(?:from|to)/.test(error.message),
    )
})

test('parseCacheFrom() and parseCacheTo() throw nothing but their own errors', () => {
  const text = fc.array(
    fc.oneof(fc.constantFrom('type=', 'local', 'registry', 'src=', ',', '"', 'ref=', 'dest=', 'mode=max'), fc.string()),
  )
  fc.assert(
    fc.property(text, (parts) => {
      for (const parse of [parseCacheFrom, parseCacheTo])
        try {
          parse(parts.join(''))
        } catch (error) {
          assert.ok(isGantryError(error))
        }
    }),
  )
})

test('parseCacheDocument() reads back what encodeCacheDocument() writes, and no more of what anybody writes', () => {
  const records = [
    { key: 'b'.repeat(64), layer: digest, time: 5 },
    { key: 'a'.repeat(64), layer: digest, time: -1 },
  ]
  const document = encodeCacheDocument(records)
  assert.deepEqual(document, encodeCacheDocument(records.toReversed()))
  assert.deepEqual(parseCacheDocument(JSON.parse(JSON.stringify(document))), records.toReversed())
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (value, record) => {
      assert.deepEqual(parseCacheDocument({ version: 1, records: [record] }), [])
      assert.throws(() => parseCacheDocument(value), isGantryError)
    }),
  )
})
