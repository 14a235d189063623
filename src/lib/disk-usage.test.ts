import assert from 'node:assert/strict'
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { filesAt, freedBytes } from './disk-usage.ts'

test('freedBytes() counts a file with the last of its names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-usage-'))
  try {
    mkdirSync(join(folder, 'a/b'), { recursive: true })
    writeFileSync(join(folder, 'a/one'), 'x'.repeat(100))
    linkSync(join(folder, 'a/one'), join(folder, 'a/b/two'))
    linkSync(join(folder, 'a/one'), join(folder, 'three'))
    writeFileSync(join(folder, 'a/own'), 'x'.repeat(7))
    symlinkSync('own', join(folder, 'a/link'))
    const uses = filesAt(join(folder, 'a'))
    assert.equal(uses.length, 3)
    assert.equal(freedBytes(uses), 7)
    assert.equal(freedBytes(filesAt(folder)), 107)
    assert.deepEqual(filesAt(join(folder, 'nothing')), [])
  } finally {
    rmSync(folder, { recursive: true })
  }
})
