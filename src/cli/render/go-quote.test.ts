import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { quote, unquote } from './go-quote.ts'

test('quote() escapes what does not print and nothing else', () => {
  assert.equal(quote('a b'), '"a b"')
  assert.equal(quote('"\\\n\t\u0007\u0001\u007f'), String.raw`"\"\\\n\t\a\x01\x7f"`)
  assert.equal(quote('é日😀'), '"é日😀"')
  assert.equal(quote('\u00a0\u200b\ufeff'), String.raw`"\u00a0\u200b\ufeff"`)
})

describe('unquote()', () => {
  test('reads what quote() wrote', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(unquote(quote(text)), text)),
      { seed: 31, numRuns: 500 },
    )
  })

  test('reads every escape of Go', () => {
    assert.equal(unquote(String.raw`"\a\b\f\n\r\t\v\\\"\x41\u00e9\U0001f600\101"`), '\u0007\b\f\n\r\t\v\\"Aé😀A')
    assert.equal(unquote(String.raw`'\''`), "'")
  })

  for (const literal of [
    String.raw`"\q"`,
    String.raw`"\'"`,
    String.raw`'\"'`,
    String.raw`"\x4"`,
    String.raw`"\ud800"`,
    String.raw`"\U00110000"`,
    String.raw`"\400"`,
    '"\\"',
  ])
    test(`refuses ${literal}`, () => assert.equal(unquote(literal), undefined))
})
