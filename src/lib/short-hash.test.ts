import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomHex, randomItem } from './random.ts'
import { shortHash } from './short-hash.ts'

test('shortHash() is always the same for a text, and another for any other', () => {
  assert.equal(shortHash('/var/lib/gantry'), shortHash('/var/lib/gantry'))
  const texts = Array.from({ length: 50_000 }, (_, index) => `/home/${index % 100}/gantry/${index}`)
  const hashes = new Set(texts.map(shortHash))
  assert.equal(hashes.size, texts.length)
  for (const hash of hashes) assert.match(hash, /^[0-9a-f]{16}$/)
})

test('randomHex() has as many digits as asked for, and never the same', () => {
  assert.match(randomHex(32), /^[0-9a-f]{64}$/)
  assert.equal(new Set(Array.from({ length: 1000 }, () => randomHex(8))).size, 1000)
})

test('randomItem() chooses any of the items', () => {
  const items = ['a', 'b', 'c'] as const
  assert.deepEqual(new Set(Array.from({ length: 200 }, () => randomItem(items))), new Set(items))
})
