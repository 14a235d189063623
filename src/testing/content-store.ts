import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ContentSink, ContentSource, ContentStore } from '../content/interfaces.ts'
import { collect, streamOf, type ByteStream } from '../lib/bytes.ts'
import { GantryError, isGantryError, type ErrorKind } from '../lib/errors.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { digestOf } from '../oci/digest.ts'
import { describe as describeBytes } from '../oci/manifest.ts'
import { chunksOf, randomBytes } from './random-image.ts'

/** A subject of a contract suite, empty at first. Disposing removes all of it. */
export interface Fixture<T> extends AsyncDisposable {
  readonly subject: T
}

const type = 'application/octet-stream'
const limit = 64 << 20

/** True for an error of one of the kinds. */
const ofKind =
  (...kinds: readonly ErrorKind[]) =>
  (error: unknown): boolean =>
    isGantryError(error) && kinds.includes(error.kind)

const read = async (
  source: ContentSource,
  descriptor: Descriptor,
  options?: Parameters<ContentSource['open']>[1],
): Promise<Buffer> => await collect(await source.open(descriptor, options), limit)

async function* breaking(bytes: Uint8Array, error: Error): ByteStream {
  yield bytes
  throw error
}

/** A stream that tells whether it was let go: ended, broken or returned. */
const watched = (bytes: Uint8Array): { readonly stream: ByteStream; readonly isOver: () => boolean } => {
  let over = false
  const chunks = chunksOf(bytes, 1000)[Symbol.asyncIterator]()
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    const step = await chunks.next()
    over = step.done === true
    return step.done === true ? { done: true, value: undefined } : { done: false, value: step.value }
  }
  const end = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    over = true
    return { done: true, value: undefined }
  }
  return { stream: { [Symbol.asyncIterator]: () => ({ next, return: end }) }, isOver: () => over }
}

const sizes = [0, 1, 5000, (1 << 20) + 1, 3_000_000] as const

/** Registers the tests that everything passes that takes blobs and gives them back. */
export const testContentSink = (name: string, create: () => Promise<Fixture<ContentSource & ContentSink>>): void => {
  describe(`${name} as a sink and source of content`, () => {
    const withSubject = async (work: (subject: ContentSource & ContentSink) => Promise<void>): Promise<void> => {
      await using fixture = await create()
      await work(fixture.subject)
    }
    for (const size of sizes)
      test(`open() gives the bytes that write() took when there are ${size}`, async () => {
        await withSubject(async (subject) => {
          const bytes = randomBytes(size, size)
          const descriptor = describeBytes(bytes, type)
          assert.equal(await subject.has(descriptor), false)
          await subject.write(descriptor, chunksOf(bytes, 65_537))
          assert.equal(await subject.has(descriptor), true)
          assert.ok((await read(subject, descriptor)).equals(bytes))
        })
      })

    test('write() does nothing and lets the stream go when the blob is there', async () => {
      await withSubject(async (subject) => {
        const bytes = randomBytes(1, 4000)
        const descriptor = describeBytes(bytes, type)
        await subject.write(descriptor, streamOf(bytes))
        const { stream, isOver } = watched(bytes)
        await subject.write(descriptor, stream)
        assert.ok(isOver())
        assert.ok((await read(subject, descriptor)).equals(bytes))
      })
    })

    const wrong: readonly (readonly [what: string, bytes: (right: Buffer) => Buffer])[] = [
      ['have another digest', (right) => Buffer.from(right.map((byte) => byte ^ 1))],
      ['are too few', (right) => right.subarray(0, -1)],
      ['are too many', (right) => Buffer.concat([right, Buffer.from('x')])],
      ['are none', () => Buffer.alloc(0)],
    ]
    for (const size of [3000, 2_000_000])
      for (const [what, make] of wrong)
        test(`write() keeps nothing of ${size} bytes when they ${what}`, async () => {
          await withSubject(async (subject) => {
            const right = randomBytes(2, size)
            const descriptor = describeBytes(right, type)
            await assert.rejects(subject.write(descriptor, chunksOf(make(right), 65_536)), ofKind('data_loss'))
            assert.equal(await subject.has(descriptor), false)
            await assert.rejects(read(subject, descriptor), ofKind('not_found'))
            await subject.write(descriptor, streamOf(right))
            assert.ok((await read(subject, descriptor)).equals(right))
          })
        })

    test('write() throws the error of a stream that breaks, and the blob is not there', async () => {
      await withSubject(async (subject) => {
        const bytes = randomBytes(3, 2_000_000)
        const descriptor = describeBytes(bytes, type)
        const error = new GantryError('unavailable', 'CONNECTION_LOST', 'Cannot read: the connection is lost')
        await assert.rejects(subject.write(descriptor, breaking(bytes.subarray(0, 1_500_000), error)), { code: error.code })
        assert.equal(await subject.has(descriptor), false)
        await subject.write(descriptor, streamOf(bytes))
        assert.ok((await read(subject, descriptor)).equals(bytes))
      })
    })

    test('write() is refused when the signal is aborted', async () => {
      await withSubject(async (subject) => {
        const bytes = randomBytes(4, 1000)
        const descriptor = describeBytes(bytes, type)
        await assert.rejects(subject.write(descriptor, streamOf(bytes), { signal: AbortSignal.abort() }), ofKind('canceled'))
        assert.equal(await subject.has(descriptor), false)
      })
    })

    test('write() of one blob by several at once ends well for all', async () => {
      await withSubject(async (subject) => {
        const bytes = randomBytes(5, 1_500_000)
        const descriptor = describeBytes(bytes, type)
        await Promise.all([1, 2, 3].map(async () => await subject.write(descriptor, chunksOf(bytes, 10_000))))
        assert.ok((await read(subject, descriptor)).equals(bytes))
      })
    })

    test('open() gives a range when one is asked for', async () => {
      await withSubject(async (subject) => {
        const bytes = randomBytes(6, 700_000)
        const descriptor = describeBytes(bytes, type)
        await subject.write(descriptor, streamOf(bytes))
        assert.ok((await read(subject, descriptor, { range: { start: 1, end: 600_000 } })).equals(bytes.subarray(1, 600_000)))
        assert.ok((await read(subject, descriptor, { range: { start: 699_999 } })).equals(bytes.subarray(699_999)))
      })
    })

    test('open() is not_found when there is no such blob', async () => {
      await withSubject(async (subject) => {
        const descriptor = describeBytes(Buffer.from('nothing'), type)
        await assert.rejects(read(subject, descriptor), ofKind('not_found'))
      })
    })

    test('open() may be left early', async () => {
      await withSubject(async (subject) => {
        const bytes = randomBytes(7, 1_000_000)
        const descriptor = describeBytes(bytes, type)
        await subject.write(descriptor, streamOf(bytes))
        for await (const chunk of await subject.open(descriptor)) {
          assert.ok(chunk.length > 0)
          break
        }
        assert.ok((await read(subject, descriptor)).equals(bytes))
      })
    })
  })
}

/** Registers the tests that every content store passes, those of a sink included. */
export const testContentStore = (name: string, create: () => Promise<Fixture<ContentStore>>): void => {
  testContentSink(name, create)
  describe(`${name} as a content store`, () => {
    test('ingest() finds out the digest and the size', async () => {
      await using fixture = await create()
      const bytes = randomBytes(8, 100_000)
      const descriptor = await fixture.subject.ingest(chunksOf(bytes, 777), type)
      assert.deepEqual(descriptor, describeBytes(bytes, type))
      assert.ok((await read(fixture.subject, descriptor)).equals(bytes))
      assert.deepEqual(await fixture.subject.ingest(streamOf(bytes), type), descriptor)
    })

    test('ingest() keeps nothing of a stream that breaks', async () => {
      await using fixture = await create()
      await assert.rejects(fixture.subject.ingest(breaking(randomBytes(9, 100), new Error('broken')), type), /broken/)
      assert.deepEqual(await Array.fromAsync(fixture.subject.list()), [])
    })

    test('list() has every blob once', async () => {
      await using fixture = await create()
      const blobs = [randomBytes(10, 10), randomBytes(11, 2000), Buffer.alloc(0)]
      for (const bytes of blobs) await fixture.subject.ingest(streamOf(bytes), type)
      const listed = await Array.fromAsync(fixture.subject.list())
      const sorted = (list: readonly { readonly digest: string; readonly size: number }[]) =>
        list.map(({ digest, size }) => `${digest} ${size}`).toSorted()
      assert.deepEqual(sorted(listed), sorted(blobs.map((bytes) => ({ digest: digestOf(bytes), size: bytes.length }))))
    })

    test('delete() takes a blob away and says whether there was one', async () => {
      await using fixture = await create()
      const descriptor = await fixture.subject.ingest(streamOf(Buffer.from('gone')), type)
      assert.equal(await fixture.subject.delete(descriptor.digest), true)
      assert.equal(await fixture.subject.has(descriptor), false)
      assert.equal(await fixture.subject.delete(descriptor.digest), false)
    })

    test('write() takes a digest of sha512 too', async () => {
      await using fixture = await create()
      const bytes = randomBytes(12, 5000)
      const descriptor = { mediaType: type, digest: digestOf(bytes, 'sha512'), size: bytes.length }
      await fixture.subject.write(descriptor, streamOf(bytes))
      assert.ok((await read(fixture.subject, descriptor)).equals(bytes))
    })
  })
}
