import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSize } from './parse-size.ts'

test('parseSize() reads what docker reads', () => {
  const sizes: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['512', 512],
    ['32b', 32],
    ['32kb', 32_768],
    ['32Kb', 32_768],
    ['32 KiB', 32_768],
    ['64m', 67_108_864],
    ['1.5G', 1_610_612_736],
    ['1t', 1_099_511_627_776],
  ]
  for (const [text, bytes] of sizes) assert.equal(parseSize(text), bytes, text)
  for (const text of ['', 'x', '-1', '1x', 'k', '1kk', '1.', '.5m', '99999p', '1e3', '٣'])
    assert.throws(() => parseSize(text), { message: `invalid size: '${text}'` }, text)
})
