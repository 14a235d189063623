import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../lib/errors.ts'
import { readOutputs } from './build-outputs.ts'

const platform = { os: 'linux', architecture: 'amd64' }
const image = { kind: 'image', names: [], push: false, mediaTypes: 'oci', annotations: [] }
const read = (output: readonly string[], flags: { load?: boolean; push?: boolean; annotation?: readonly string[] } = {}) =>
  readOutputs({ output, annotation: flags.annotation ?? [], load: flags.load, push: flags.push }, platform)

test('readOutputs() knows the types and short forms of buildx', () => {
  const cases: readonly (readonly [text: string, output: object])[] = [
    ['-', { kind: 'tar' }],
    ['out', { kind: 'files', destination: 'out' }],
    ['type=local,dest=out,platform-split=false', { kind: 'files', destination: 'out', split: false }],
    ['type=tar,dest=-', { kind: 'tar' }],
    ['type=tar,dest=a.tar', { kind: 'tar', destination: 'a.tar' }],
    ['type=cacheonly', { kind: 'nothing' }],
    ['type=image', image],
    ['type=docker', image],
    ['type=registry', { ...image, push: true }],
    ['type=image,"name=a:1,b/c",push=true', { ...image, names: ['a:1', 'b/c'], push: true }],
    ['type=docker,dest=d.tar', { ...image, kind: 'archive', push: undefined, destination: 'd.tar' }],
    ['type=oci', { ...image, kind: 'archive', push: undefined }],
    ['type=oci,dest=o,tar=false', { ...image, kind: 'layout', push: undefined, destination: 'o' }],
    ['type=image,oci-mediatypes=false', { ...image, mediaTypes: 'docker' }],
    [
      'type=image,compression=zstd,compression-level=9,force-compression=true',
      { ...image, compression: { compression: 'zstd', compressionLevel: 9, forceCompression: true } },
    ],
    ['type=image,compression=uncompressed', { ...image, compression: { compression: 'none', forceCompression: false } }],
  ]
  for (const [text, output] of cases) {
    const wanted = Object.fromEntries(Object.entries(output).filter(([, value]) => value !== undefined))
    assert.deepEqual(read([text]), { outputs: [wanted] }, text)
  }
})

test('readOutputs() makes an image where nothing else is asked for, and pushes what there is', () => {
  assert.deepEqual(read([]), { outputs: [image] })
  assert.deepEqual(read([], { push: true }), { outputs: [{ ...image, push: true }] })
  assert.deepEqual(read(['type=image'], { push: true }), { outputs: [{ ...image, push: true }] })
  assert.deepEqual(
    read(['out'], { load: true }).outputs.map(({ kind }) => kind),
    ['files', 'image'],
  )
  assert.deepEqual(
    read(['out'], { push: true }).outputs.map(({ kind }) => kind),
    ['files', 'image'],
  )
  assert.deepEqual(read(['type=docker'], { load: true }), { outputs: [image] })
  assert.equal(read(['type=image,rewrite-timestamp=false']).times, 'clock')
  assert.equal(read(['type=image,rewrite-timestamp=true']).times, undefined)
})

test('readOutputs() reads annotations of the flag and of outputs', () => {
  const arm64 = { os: 'linux', architecture: 'arm64' }
  const annotation = ['a=1', 'index,manifest[linux/arm64]:b=x,y=z', 'manifest-descriptor:c=']
  const text =
    'type=oci,dest=x,annotation.k=v,annotation-index.org.x=w,"annotation-manifest[linux/arm64].l=m,n",annotation[linux/arm64].o=p'
  const [output] = read([text], { annotation }).outputs
  assert.deepEqual(output !== undefined && 'annotations' in output ? output.annotations : undefined, [
    { level: 'manifest', key: 'k', value: 'v' },
    { level: 'index', key: 'org.x', value: 'w' },
    { level: 'manifest', key: 'l', value: 'm,n', platform: arm64 },
    { level: 'manifest', key: 'o', value: 'p', platform: arm64 },
    { level: 'manifest', key: 'a', value: '1' },
    { level: 'index', key: 'b', value: 'x,y=z' },
    { level: 'manifest', key: 'b', value: 'x,y=z', platform: arm64 },
    { level: 'manifest-descriptor', key: 'c', value: '' },
  ])
})

test('readOutputs() refuses what it does not know, and says what there is', () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ['', /empty/],
    ['dest=x', /type is required/],
    ['type=', /unknown output type/],
    ['type=constructor', /unknown output type: constructor/],
    ['type=local', /dest is required/],
    ['type=local,dest=-', /dest is required/],
    ['type=local,dest=x,name=y', /unknown attribute "name"/],
    ['type=oci,tar=false', /dest is required/],
    ['type=tar,dest', /key=value/],
    ['type=image,push=yes', /true or false/],
    ['type=image,compression=estargz', /unsupported layer compression type estargz/],
    ['type=image,compression=zstd,compression-level=20', /1 to 19/],
    ['type=image,compression=gzip,compression-level=0', /1 to 9/],
    ['type=image,annotation-nothing.a=b', /unknown annotation type "nothing"/],
    ['type=image,annotation=b', /invalid annotation/],
    ['"type=image', /quoted/],
  ]
  for (const [text, message] of cases) assert.throws(() => read([text]), { kind: 'invalid_argument', message }, text)
  assert.throws(() => read(['-', 'type=oci']), /only one output/)
  for (const annotation of ['a', '=b', 'index:=b', 'lindex:a=b'])
    assert.throws(() => read([], { annotation: [annotation] }), { kind: 'invalid_argument' }, annotation)
})

test('readOutputs() throws nothing but its own errors for anything', () => {
  const piece = fc.constantFrom(
    'type=',
    'image',
    'oci',
    'local',
    ',',
    '"',
    'dest=',
    'annotation',
    '[',
    ']',
    '.',
    '=',
    'x',
    '-',
    'compression=',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(piece).map((pieces) => pieces.join('')),
  )
  fc.assert(
    fc.property(text, text, (output, annotation) => {
      try {
        read([output], { annotation: [annotation] })
      } catch (error) {
        assert.ok(isGantryError(error, 'invalid_argument'), String(error))
      }
    }),
  )
})
