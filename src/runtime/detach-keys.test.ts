import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { DetachFilter, defaultDetachKeys, parseDetachKeys } from './detach-keys.ts'

test('parseDetachKeys() takes what docker takes', () => {
  assert.deepEqual(parseDetachKeys('ctrl-p,ctrl-q'), defaultDetachKeys)
  assert.deepEqual([...parseDetachKeys('a,ctrl-@,ctrl-[,ctrl-_,CTRL-Z,~')], [97, 0, 27, 31, 26, 126])
  for (const text of ['', 'ctrl-', 'ctrl-1', 'ab', 'a,,b', 'é', 'ctrl-ab'])
    assert.throws(() => parseDetachKeys(text), { code: 'BAD_DETACH_KEYS' }, text)
})

test('DetachFilter passes on everything but the keys', () => {
  const keys = [16, 17]
  const cases: readonly (readonly [readonly (readonly number[])[], readonly number[], boolean])[] = [
    [[[1, 2, 3]], [1, 2, 3], false],
    [[[1, 16, 17, 2]], [1], true],
    [[[16], [17]], [], true],
    [[[16], [16], [17]], [16], true],
    [[[16], [1]], [16, 1], false],
    [[[17, 16, 1, 17]], [17, 16, 1, 17], false],
    [[[5, 16]], [5], false],
  ]
  for (const [chunks, passed, detached] of cases) {
    const filter = new DetachFilter(Uint8Array.from(keys))
    const results = chunks.map((chunk) => filter.push(Uint8Array.from(chunk)))
    assert.deepEqual(
      [results.flatMap((one) => [...one.bytes]), results.at(-1)?.detached],
      [passed, detached],
      JSON.stringify(chunks),
    )
  }
})

test('DetachFilter finds the keys wherever the chunks are cut', () => {
  const byte = fc.constantFrom(1, 16, 17)
  fc.assert(
    fc.property(fc.array(fc.array(byte), { minLength: 1 }), (chunks) => {
      const all = chunks.flat()
      const at = all.findIndex((one, index) => one === 16 && all[index + 1] === 17)
      const filter = new DetachFilter(Uint8Array.of(16, 17))
      const out: number[] = []
      let detached = false
      for (const chunk of chunks) {
        if (detached) break
        const result = filter.push(Uint8Array.from(chunk))
        out.push(...result.bytes)
        detached = result.detached
      }
      assert.equal(detached, at !== -1)
      assert.deepEqual(out, at === -1 ? all.slice(0, all.at(-1) === 16 ? -1 : undefined) : all.slice(0, at))
    }),
  )
})

test('DetachFilter without keys passes on everything', () => {
  const chunk = Uint8Array.of(16, 17)
  assert.deepEqual(new DetachFilter(new Uint8Array()).push(chunk), { bytes: chunk, detached: false })
})
