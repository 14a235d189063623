import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readAttestFlags } from './attest-flags.ts'

const read = (flags: { attest?: readonly string[]; provenance?: string; sbom?: string }) =>
  readAttestFlags({ attest: [], provenance: undefined, sbom: undefined, ...flags })

test('readAttestFlags() makes provenance when it is asked for, and only then', () => {
  assert.deepEqual(read({}), {})
  for (const off of ['false', '0']) assert.deepEqual(read({ provenance: off, sbom: off }), {})
  assert.deepEqual(read({ provenance: 'true' }), { provenance: { mode: 'min' } })
  assert.deepEqual(read({ provenance: 'mode=max,builder-id=https://x/1' }), {
    provenance: { mode: 'max', builderId: 'https://x/1' },
  })
  assert.deepEqual(read({ attest: ['type=provenance,mode=max'] }), { provenance: { mode: 'max' } })
  assert.deepEqual(read({ attest: ['type=provenance,mode=max'], provenance: 'false' }), {})
  assert.deepEqual(read({ attest: ['type=provenance,disabled=true', 'type=sbom,disabled=1'] }), {})
})

test('readAttestFlags() refuses what it cannot do', () => {
  assert.throws(() => read({ sbom: 'true' }), { code: 'NO_SCANNER' })
  assert.throws(() => read({ attest: ['type=sbom'] }), { code: 'NO_SCANNER' })
  for (const attest of [
    'type=x',
    'mode=max',
    'max',
    'type=provenance,mode=huge',
    'type=provenance,size=1',
    'type=provenance,version=v0.2',
  ])
    assert.throws(() => read({ attest: [attest] }), { kind: 'invalid_argument' }, attest)
  assert.throws(() => read({ provenance: 'max' }), { kind: 'invalid_argument' })
})
