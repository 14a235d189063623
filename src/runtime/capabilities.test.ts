import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilitiesOfMask, capabilityNames, chooseCapabilities, defaultCapabilities } from './capabilities.ts'

test('capabilitiesOfMask() names the bits', () => {
  assert.deepEqual(capabilitiesOfMask('0000000000000021'), ['CAP_CHOWN', 'CAP_KILL'])
  assert.deepEqual(capabilitiesOfMask('000001ffffffffff'), capabilityNames)
  assert.deepEqual(capabilitiesOfMask('ffffffffffffffff'), capabilityNames)
  for (const text of ['', 'x', '0x1', '11111111111111111']) assert.deepEqual(capabilitiesOfMask(text), [])
  assert.equal(capabilityNames.length, 41)
  // docker's default mask, as its containers show it
  assert.deepEqual(capabilitiesOfMask('00000000a80425fb').toSorted(), defaultCapabilities.toSorted())
})

test('chooseCapabilities() follows docker within what is available', () => {
  const all = capabilityNames
  const choose = (add: readonly string[], drop: readonly string[], available = all): readonly string[] =>
    chooseCapabilities({ add, drop }, available)
  const defaults = all.filter((name) => defaultCapabilities.includes(name))
  assert.deepEqual(choose([], []), defaults)
  assert.deepEqual(
    choose(['sys_admin'], ['CAP_chown']),
    all.filter((name) => (name !== 'CAP_CHOWN' && defaults.includes(name)) || name === 'CAP_SYS_ADMIN'),
  )
  assert.deepEqual(choose(['ALL'], []), all)
  assert.deepEqual(
    choose(['all'], ['SYS_ADMIN']),
    all.filter((name) => name !== 'CAP_SYS_ADMIN'),
  )
  assert.deepEqual(choose([], ['ALL']), [])
  assert.deepEqual(choose(['KILL'], ['ALL']), ['CAP_KILL'])
  assert.deepEqual(choose(['ALL'], ['ALL']), all)
  assert.deepEqual(choose(['SYS_RESOURCE'], [], ['CAP_CHOWN']), ['CAP_CHOWN'])
  assert.deepEqual(chooseCapabilities({ privileged: true }, ['CAP_CHOWN', 'CAP_BPF']), ['CAP_CHOWN', 'CAP_BPF'])
  for (const name of ['nope', '', 'CAP_', 'CAP_ALL'])
    assert.throws(() => choose([name], []), { kind: 'invalid_argument', code: 'UNKNOWN_CAPABILITY' })
})
