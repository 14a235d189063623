import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { testImageStore } from '../testing/content-store-images.ts'
import { testContentSink, type Fixture } from '../testing/content-store.ts'
import { randomImage } from '../testing/random-image.ts'
import { imageNameKey, parseLayoutIndex, refNameKey } from './layout-index.ts'
import { openLayout, type Layout } from './layout.ts'

const create = async (): Promise<Fixture<Layout>> => {
  const folder = await temporaryFolder()
  const subject = await openLayout(join(folder.path, 'layout'), { create: true })
  return { subject, [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose]() }
}

testContentSink('openLayout()', create)
testImageStore('openLayout()', create, { reference: (tag) => tag })

test('openLayout() is not_found when the folder is no layout', async () => {
  await using folder = await temporaryFolder()
  await assert.rejects(openLayout(folder.path), { kind: 'not_found', code: 'NO_LAYOUT' })
})

test('openLayout() leaves nothing but the layout in the folder', async () => {
  await using fixture = await create()
  await fixture.subject.tag('a', await randomImage(fixture.subject))
  assert.deepEqual(readdirSync(fixture.subject.folder).toSorted(), ['blobs', 'index.json', 'oci-layout'])
})

const writeIndex = (layout: Layout, manifests: readonly object[]): void =>
  writeFileSync(join(layout.folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }))

test('resolve() finds an image by either name, by full reference, by digest, and the only one by none', async () => {
  await using fixture = await create()
  const layout = fixture.subject
  const [one, two] = [await randomImage(layout, { seed: 1 }), await randomImage(layout, { seed: 2 })]
  const named = { ...one, annotations: { [refNameKey]: 'latest', [imageNameKey]: 'docker.io/library/x:latest', other: '1' } }
  writeIndex(layout, [named, { ...two, annotations: { [refNameKey]: 'y:2' } }])
  const digest = async (reference: string): Promise<string> => (await layout.resolve(reference)).digest
  assert.equal(await digest('latest'), one.digest)
  assert.equal(await digest('docker.io/library/x:latest'), one.digest)
  assert.equal(await digest('docker.io/library/y:2'), two.digest)
  assert.equal(await digest(two.digest), two.digest)
  await assert.rejects(layout.resolve(''), { kind: 'conflict', code: 'AMBIGUOUS' })
  await assert.rejects(layout.resolve('z'), { kind: 'not_found', hint: 'it has docker.io/library/x:latest, y:2' })
  assert.deepEqual(
    (await layout.images()).map(({ name }) => name),
    ['docker.io/library/x:latest', 'docker.io/library/y:2'],
  )
  writeIndex(layout, [one])
  assert.equal(await digest(''), one.digest)
  assert.equal(await digest(two.digest), two.digest)
  assert.deepEqual(await layout.images(), [{ descriptor: one }])
})

test('resolve() refuses a name that several images have', async () => {
  await using fixture = await create()
  const images: Descriptor[] = []
  for (const seed of [1, 2]) images.push(await randomImage(fixture.subject, { seed }))
  writeIndex(
    fixture.subject,
    images.map((image) => ({ ...image, annotations: { [refNameKey]: 'a' } })),
  )
  await assert.rejects(fixture.subject.resolve('a'), { code: 'AMBIGUOUS' })
})

test('parseLayoutIndex() throws only errors of its own, whatever the bytes', () => {
  const parse = (bytes: Uint8Array): void => {
    try {
      parseLayoutIndex(bytes, 'index.json')
    } catch (error) {
      assert.ok(error instanceof GantryError, String(error))
    }
  }
  fc.assert(fc.property(fc.uint8Array(), parse))
  fc.assert(fc.property(fc.json(), (json) => parse(Buffer.from(json))))
  fc.assert(
    fc.property(
      fc.array(fc.record({ mediaType: fc.anything(), digest: fc.anything(), size: fc.anything() }, { requiredKeys: [] })),
      (manifests) => parse(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }) ?? '')),
    ),
  )
})
