import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { collect, streamOf } from '../bytes.ts'
import { isGantryError } from '../errors.ts'
import type { HttpResponse } from './client.ts'
import { decoded, isEncoded } from './decoded.ts'

const response = (coding: string | undefined, body: HttpResponse['body']): HttpResponse => ({
  status: 200,
  url: new URL('http://r.example/'),
  header: (name) => (name === 'content-encoding' ? coding : undefined),
  body,
  discard: () => undefined,
})

const read = async (coding: string | undefined, bytes: Uint8Array, limit = 1000): Promise<string> =>
  String(await collect(decoded(response(coding, streamOf(bytes))), limit))

test('decoded() unpacks what is packed, and only that', async () => {
  const text = Buffer.from('{"a":1}')
  for (const coding of [undefined, '', ' identity ', 'Identity']) {
    assert.equal(await read(coding, text), '{"a":1}')
    assert.equal(isEncoded(response(coding, streamOf())), false)
  }
  for (const coding of ['gzip', ' GZIP ', 'x-gzip']) assert.equal(await read(coding, gzipSync(text)), '{"a":1}')
  await assert.rejects(read('gzip, gzip', text), { code: 'ENCODING_INVALID' })
})

test('decoded() is as long as its reader allows when a small body unpacks to a large one', async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  assert.ok(bomb.length < 100_000)
  await assert.rejects(read('gzip', bomb), { code: 'TOO_LARGE' })
})

test('decoded() hands on the error of a body that breaks off, and refuses damaged ones', async () => {
  const broken = async function* (): HttpResponse['body'] {
    yield gzipSync('hello').subarray(0, 5)
    throw new Error('the line is dead')
  }
  await assert.rejects(collect(decoded(response('gzip', broken())), 10), /the line is dead/)
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('gzip', 'deflate', 'br', 'zstd'), fc.uint8Array(), async (coding, bytes) => {
      try {
        await read(coding, bytes)
      } catch (error) {
        assert.ok(isGantryError(error, 'unavailable'), String(error))
      }
    }),
  )
})
