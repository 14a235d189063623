import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { copy } from '../content/copy.ts'
import { readImage } from '../content/image.ts'
import type { ImageSink, ImageSource } from '../content/interfaces.ts'
import { readBlob } from '../content/read-blob.ts'
import { streamOf } from '../lib/bytes.ts'
import { describe as describeBytes } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-type.ts'
import type { Fixture } from './content-store.ts'
import { randomImage, randomIndex } from './random-image.ts'

export interface ImageSuiteOptions {
  /** How the subject writes the name of a tag: `first` may be `docker.io/library/x:first` there. */
  readonly reference: (tag: string) => string
}

/** Registers the tests that everything passes that keeps named images. */
export const testImageStore = (
  name: string,
  create: () => Promise<Fixture<ImageSource & ImageSink>>,
  { reference }: ImageSuiteOptions,
): void => {
  describe(`${name} as a store of images`, () => {
    const first = reference('first')
    const second = reference('second')

    test('resolve() is not_found when there is no such name', async () => {
      await using fixture = await create()
      await assert.rejects(fixture.subject.resolve(first), { kind: 'not_found' })
    })

    test('resolve() answers what tag() named, by name and by digest', async () => {
      await using fixture = await create()
      const image = await randomImage(fixture.subject)
      await fixture.subject.tag(first, image)
      for (const text of [first, image.digest]) {
        const { mediaType, digest, size } = await fixture.subject.resolve(text)
        assert.deepEqual({ mediaType, digest, size }, image)
      }
    })

    test('tag() replaces what had the name, and leaves other names alone', async () => {
      await using fixture = await create()
      const [one, two] = [await randomImage(fixture.subject, { seed: 1 }), await randomImage(fixture.subject, { seed: 2 })]
      await fixture.subject.tag(first, one)
      await fixture.subject.tag(second, one)
      await fixture.subject.tag(first, two)
      assert.equal((await fixture.subject.resolve(first)).digest, two.digest)
      assert.equal((await fixture.subject.resolve(second)).digest, one.digest)
    })

    test('tag() is refused when the manifest is not there', async () => {
      await using fixture = await create()
      const absent = describeBytes(Buffer.from('{}'), mediaTypes.ociManifest)
      await assert.rejects(fixture.subject.tag(first, absent), { kind: 'not_found' })
    })

    test('a manifest keeps its bytes exactly', async () => {
      await using fixture = await create()
      const image = await randomImage(fixture.subject)
      const parsed: unknown = JSON.parse((await readBlob(fixture.subject, image)).toString())
      const bytes = Buffer.from(`${JSON.stringify(parsed, null, 3)}\n \n`)
      const odd = describeBytes(bytes, image.mediaType)
      await fixture.subject.write(odd, streamOf(bytes))
      await fixture.subject.tag(first, odd)
      const resolved = await fixture.subject.resolve(first)
      assert.equal(resolved.digest, odd.digest)
      assert.ok((await readBlob(fixture.subject, resolved)).equals(bytes))
    })

    for (const options of [{ mediaTypes: 'oci', compression: 'zstd' }, { mediaTypes: 'docker' }] as const)
      test(`copy() out and in again keeps an index of ${options.mediaTypes} types`, async () => {
        await using from = await create()
        await using to = await create()
        const index = await randomIndex(from.subject, { ...options, layers: 2 })
        await from.subject.tag(first, index)
        assert.equal((await copy(from.subject, to.subject, { from: first, to: second })).digest, index.digest)
        const platform = { os: 'linux', architecture: 'arm64' }
        const resolved = await to.subject.resolve(second)
        assert.equal(resolved.digest, index.digest)
        const image = await readImage(to.subject, resolved, { platform })
        assert.equal(image.config.architecture, 'arm64')
        for (const layer of image.layers) assert.ok(await to.subject.has(layer.blob))
      })
  })
}
