import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PrefixCodes } from './huffman.ts'

const limit = 12

/** How much of all codes of at most `limit` bits the lengths take; all of it is `1 << limit`. */
const spaceOf = (lengths: Uint8Array): number =>
  lengths.reduce((sum, length) => sum + (length === 0 ? 0 : 1 << (limit - length)), 0)

test('PrefixCodes.lengths() makes a complete code within the limit for any frequencies', () => {
  const frequencies = fc.array(fc.oneof(fc.constant(0), fc.nat(10), fc.nat(2 ** 23 - 1)), { minLength: 2, maxLength: 286 })
  fc.assert(
    fc.property(frequencies, (counts) => {
      const lengths = new Uint8Array(counts.length).fill(99)
      new PrefixCodes().lengths(Uint32Array.from(counts), limit, lengths)
      assert.equal(spaceOf(lengths), 1 << limit)
      assert.ok(Math.max(...lengths) <= limit)
      if (counts.filter((count) => count > 0).length >= 2)
        for (const [at, length] of lengths.entries()) assert.equal(length > 0, (counts[at] ?? 0) > 0)
    }),
    { numRuns: 500, seed: 7 },
  )
})

test('PrefixCodes.lengths() shortens what a tree of Fibonacci numbers would make too long', () => {
  const counts = [1, 1]
  while (counts.length < 30) counts.push((counts.at(-1) ?? 0) + (counts.at(-2) ?? 0))
  const lengths = new Uint8Array(counts.length)
  new PrefixCodes().lengths(Uint32Array.from(counts), limit, lengths)
  assert.equal(spaceOf(lengths), 1 << limit)
  for (let at = 1; at < counts.length; at++) assert.ok((lengths[at] ?? 0) <= (lengths[at - 1] ?? 0))
})

test('PrefixCodes.lengths() takes as few bits as a Huffman tree does', () => {
  const lengths = new Uint8Array(6)
  new PrefixCodes().lengths(Uint32Array.of(45, 13, 12, 16, 9, 5), limit, lengths)
  assert.deepEqual([...lengths], [1, 3, 3, 3, 4, 4])
})

test('PrefixCodes.codes() gives the codes of the example in RFC 1951 §3.2.2, first bit lowest', () => {
  const codes = new Uint16Array(8)
  new PrefixCodes().codes(Uint8Array.of(3, 3, 3, 3, 3, 2, 4, 4), codes)
  assert.deepEqual([...codes], [0b010, 0b110, 0b001, 0b101, 0b011, 0b00, 0b0111, 0b1111])
})
