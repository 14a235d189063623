import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { placeDurably } from './place-durably.ts'

const folder = mkdtempSync(join(tmpdir(), 'gantry-place-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const finished = (name: string): Parameters<typeof placeDurably>[0] => {
  const from = join(folder, `${name}.tmp`)
  const path = join(folder, name)
  writeFileSync(from, name)
  return { path, contents: [from], place: async () => await rename(from, path) }
}

test('placeDurably() places each, whatever becomes of those that go with it', async () => {
  const names = Array.from({ length: 12 }, (_, index) => `file-${index}`)
  const lost = { ...finished('lost'), contents: [join(folder, 'nothing')] }
  const stuck = { ...finished('stuck'), place: async () => await rename(join(folder, 'nothing'), join(folder, 'stuck')) }
  const works = [...names.map(finished), lost, stuck].map(placeDurably)
  const later = works[0]?.then(() => placeDurably(finished('later')))
  const results = await Promise.allSettled([...works, later])
  assert.deepEqual(
    results.map(({ status }) => status),
    [...names.map(() => 'fulfilled'), 'rejected', 'rejected', 'fulfilled'],
  )
  for (const name of [...names, 'later']) assert.equal(readFileSync(join(folder, name), 'utf8'), name)
  assert.ok(!existsSync(join(folder, 'lost')) && !existsSync(join(folder, 'stuck')))
})
