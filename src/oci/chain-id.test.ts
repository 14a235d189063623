import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { chainIds } from './chain-id.ts'
import { digestOf } from './digest.ts'

const [a, b] = [digestOf('a'), digestOf('b')]

describe('chainIds()', () => {
  test('answers nothing for no layers and the diff ID for one', () => {
    assert.deepEqual(chainIds([]), [])
    assert.deepEqual(chainIds([a]), [a])
  })

  test('digests the chain below, one space and the diff ID, with their algorithms', () => {
    const second = `sha256:${createHash('sha256').update(`${a} ${b}`).digest('hex')}`
    const third = `sha256:${createHash('sha256').update(`${second} ${a}`).digest('hex')}`
    assert.deepEqual(chainIds([a, b, a]), [a, second, third])
  })

  test('gives a layer another chain ID at another place', () => {
    const [first, second] = chainIds([a, a])
    assert.notEqual(first, second)
    assert.notEqual(chainIds([a, b])[1], chainIds([b, a])[1])
  })
})
