import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { findEmulator } from './emulator.ts'

const aarch64 = `enabled
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: POCF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
`

test('findEmulator() finds what is registered for an architecture', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-binfmt-'))
  try {
    const write = async (name: string, text: string): Promise<void> => await writeFile(join(folder, name), text)
    await write('status', 'enabled\n')
    await write('jar', 'enabled\ninterpreter /usr/bin/jexec\nflags: \nextension .jar\n')
    await write('wild', 'enabled\ninterpreter relative\nflags: F\noffset 0\nmagic 7f\n')
    await write('broken', '\0\xff')
    assert.equal(findEmulator('arm64', folder), undefined)
    await write('qemu-aarch64', aarch64)
    const interpreter = '/usr/libexec/qemu-binfmt/aarch64-binfmt-P'
    assert.deepEqual(findEmulator('arm64', folder), { interpreter, fixed: true })
    for (const other of ['arm', 'amd64', 'riscv64', 's390x', 'nonsense', 'toString'])
      assert.equal(findEmulator(other, folder), undefined)
    await write('qemu-aarch64', aarch64.replace('POCF', 'OC'))
    assert.deepEqual(findEmulator('arm64', folder), { interpreter, fixed: false })
    await write('qemu-aarch64', aarch64.replace('enabled', 'disabled'))
    assert.equal(findEmulator('arm64', folder), undefined)
    await write(
      's390x',
      'enabled\ninterpreter /q\nflags: \noffset 4\nmagic 020201000000000000000000000200 16\n'.replace(' 16', '16'),
    )
    assert.deepEqual(findEmulator('s390x', folder), { interpreter: '/q', fixed: false })
    assert.equal(findEmulator('arm64', join(folder, 'none')), undefined)
  } finally {
    await rm(folder, { recursive: true })
  }
})
