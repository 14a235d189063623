import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { runSkip } from '../../src/build/test-builds.ts'
import { isGantryError } from '../../src/lib/errors.ts'
import { has } from '../../tools/requirements.ts'
import { assertGolden } from './compare.ts'
import { areas, needsRun, recorded } from './corpus.ts'
import { Corpus } from './fixtures.ts'
import type { CorpusRow } from './row.ts'

// Every Dockerfile of the corpus, built here, beside what docker's BuildKit made of it: see docs/decisions/0046-recorded-goldens.md.
const noCorpus = has('busybox') ? false : 'needs busybox-static'
let corpus: Corpus
before(async () => {
  if (noCorpus === false) corpus = await Corpus.open()
})
after(async () => await corpus?.[Symbol.asyncDispose]())

/** What gantry makes of a row, or how it refuses it. */
const build = async (row: CorpusRow): Promise<readonly string[] | Error> => {
  try {
    return await corpus.describe(await corpus.build(row))
  } catch (error) {
    if (isGantryError(error) && error.kind !== 'internal') return error
    throw error
  }
}

const check = (row: CorpusRow, golden: readonly string[], made: readonly string[] | Error): void => {
  const refused = golden[0]?.startsWith('refused: ') === true || (row.written?.length === 0 && row.refused !== undefined)
  if (made instanceof Error) {
    if (row.refused === undefined) throw made
    assert.match(made.message, row.refused)
    assert.ok(refused, 'docker refuses it, too')
    return
  }
  assert.equal(row.refused, undefined, 'gantry refuses it')
  assertGolden(row, golden, made)
}

for (const [area, rows] of Object.entries(areas)) {
  const goldens = recorded(area)
  suite(area, { concurrency: 3, skip: noCorpus }, () => {
    for (const [name, row] of Object.entries(rows))
      test(name, { skip: needsRun(row) && runSkip }, async () => {
        const golden = row.written ?? goldens[name]
        assert.ok(golden, "node tools/record-goldens.ts writes the row's golden")
        check(row, golden, await build(row))
      })
  })
}

test('the corpus is as large as it has to be, and every golden belongs to a row', () => {
  const names = Object.values(areas).flatMap((rows) => Object.keys(rows))
  assert.equal(new Set(names).size, names.length, 'names are used once')
  assert.ok(names.length >= 150, `${names.length} rows`)
  for (const [area, rows] of Object.entries(areas))
    for (const name of Object.keys(recorded(area)))
      assert.ok(name in rows && rows[name]?.written === undefined, `${area}: ${name}`)
})
