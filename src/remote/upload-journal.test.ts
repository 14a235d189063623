import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { digestOf } from '../oci/digest.ts'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { createUploadJournal, type UploadKey } from './upload-journal.ts'

const key: UploadKey = { domain: 'localhost:5000', path: 'team/app', digest: digestOf('blob') }
const kept = { location: 'http://localhost:5000/v2/team/app/blobs/uploads/1?_state=secret', minChunk: 5 }
const at = (folder: string, now = new Date()) => createUploadJournal({ folder, now: () => now })

test('claim() reads what an earlier one wrote, in a file that only its owner may read', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'uploads')
  {
    await using claim = await at(path).claim(key)
    assert.equal(claim.waited, false)
    assert.equal(await claim.read(), undefined)
    await claim.write(kept)
  }
  const name = readdirSync(path).find((file) => file.endsWith('.json'))!
  assert.equal(statSync(join(path, name)).mode & 0o777, 0o600)
  assert.equal(statSync(path).mode & 0o777, 0o700)
  {
    await using claim = await at(path).claim(key)
    assert.deepEqual(await claim.read(), kept)
    await using other = await at(path).claim({ ...key, path: 'team/other' })
    assert.equal(await other.read(), undefined)
    await claim.clear()
    await other.clear()
  }
  assert.deepEqual(readdirSync(path), [])
})

test('claim() waits for the one before, and says so', async () => {
  await using folder = await temporaryFolder()
  const journal = at(folder.path)
  const first = await journal.claim(key)
  let second: Awaited<ReturnType<typeof journal.claim>> | undefined
  const waiting = journal.claim(key).then((claim) => (second = claim))
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(second, undefined)
  await first.write(kept)
  await first[Symbol.asyncDispose]()
  await waiting
  assert.equal(second!.waited, true)
  assert.deepEqual(await second!.read(), kept)
  await second![Symbol.asyncDispose]()
})

test('a journal forgets uploads that are a week old', async () => {
  await using folder = await temporaryFolder()
  const old = join(folder.path, 'old.json')
  const young = join(folder.path, 'young.json')
  for (const [file, day] of [
    [old, 1],
    [young, 5],
  ] as const) {
    writeFileSync(file, '{}')
    utimesSync(file, new Date(Date.UTC(2030, 0, day)), new Date(Date.UTC(2030, 0, day)))
  }
  await using claim = await at(folder.path, new Date(Date.UTC(2030, 0, 9))).claim(key)
  assert.equal(await claim.read(), undefined)
  assert.deepEqual(
    readdirSync(folder.path).filter((name) => name.endsWith('.json')),
    ['young.json'],
  )
})

test('read() takes nothing for an upload that makes no sense', async () => {
  await using folder = await temporaryFolder()
  await using claim = await at(folder.path).claim(key)
  await claim.write(kept)
  const file = join(
    folder.path,
    readdirSync(folder.path).find((name) => name.endsWith('.json'))!,
  )
  const good = readFileSync(file, 'utf8')
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.nat(good.length).map((end) => good.slice(0, end)),
      ),
      async (text) => {
        writeFileSync(file, text)
        assert.deepEqual(await claim.read(), text === good ? kept : undefined)
      },
    ),
    { numRuns: 200 },
  )
})
