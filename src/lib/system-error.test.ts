import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { GantryError } from './errors.ts'
import { writeFileAtomic } from './files.ts'
import { explainSystemError, freeSpace, fullReason } from './system-error.ts'

const refusal = (code: string, more: object = {}): Error => Object.assign(new Error(`${code}: no`), { code, ...more })

test('explainSystemError() says what and where when the machine refuses', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'not', 'there')
  const full = explainSystemError(refusal('ENOSPC', { syscall: 'open', path }))
  assert.ok(full instanceof GantryError)
  assert.equal(full.kind, 'resource_exhausted')
  assert.match(full.message, /^Cannot open ".*\/not\/there": no space is left in ".*\/not": [\d.]+[kMGT]?B are free$/)
  const failed = explainSystemError(refusal('EIO', { syscall: 'fsync' }), path)
  assert.ok(failed instanceof GantryError)
  assert.equal(failed.message, `Cannot write "${path}": input/output error`)
  const bare = explainSystemError(refusal('EMFILE', { syscall: 'open' }))
  assert.ok(bare instanceof GantryError)
  assert.equal(bare.message, 'Cannot go on (open): too many files are open')
})

test('explainSystemError() leaves alone what is no refusal of the machine', () => {
  for (const error of [refusal('ENOENT'), new GantryError('internal', 'EIO', 'x'), new TypeError('x'), 'text', undefined])
    assert.equal(explainSystemError(error), error)
})

test('fullReason() says how much is missing', async () => {
  await using folder = await temporaryFolder()
  assert.ok((freeSpace(folder.path) ?? 0) > 0)
  assert.match(fullReason(folder.path, 1_500_000), /^no space is left in ".*": 1\.5MB more are needed, [\d.]+[kMGT]?B are free$/)
})

test('writeFileAtomic() keeps the old file and leaves nothing when the new one cannot be written', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'file')
  writeFileSync(path, 'old')
  await assert.rejects(writeFileAtomic(path, undefined as unknown as string))
  assert.equal(readFileSync(path, 'utf8'), 'old')
})
