import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveBack, ownMemory } from './chunk-memory.ts'

test('giveBack() frees only memory that the chunk has for itself', () => {
  const own = ownMemory(new Uint8Array(Buffer.from('whole')))
  const view = own.subarray(2)
  giveBack(view)
  assert.deepEqual([own.length, view.length], [0, 0])
  giveBack(view)

  const shared = Buffer.from('part of more')
  giveBack(ownMemory(shared.subarray(0, 4)))
  const unknown = new Uint8Array(8)
  giveBack(unknown)
  assert.deepEqual([shared.toString(), unknown.length], ['part of more', 8])
})
