import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cutToWidth, displayWidth, printable } from './display-width.ts'

test('displayWidth() counts columns', () => {
  const widths: Readonly<Record<string, number>> = {
    '': 0,
    abc: 3,
    é: 1,
    'e\u0301': 1,
    日本: 4,
    ｱ: 1,
    Ａ: 2,
    '😀': 2,
    한글: 4,
    '…': 1,
  }
  for (const [text, width] of Object.entries(widths)) assert.equal(displayWidth(text), width, text)
})

test('cutToWidth() takes what fits and cuts no character', () => {
  assert.equal(cutToWidth('日本語', 3), '日')
  assert.equal(cutToWidth('abc', 2), 'ab')
  assert.equal(cutToWidth('abc', -1), '')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 20 }), (text, width) => {
      const cut = cutToWidth(text, width)
      assert.ok(displayWidth(cut) <= width && text.startsWith(cut) && cut.isWellFormed())
    }),
    { seed: 32 },
  )
})

test('printable() leaves nothing that moves the cursor or turns the text round', () => {
  assert.equal(printable('a\u001b[2Jb\r\nc\u0085d\u202ee\u2028f'), 'a [2Jb  c d e f')
})
