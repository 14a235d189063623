import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { areas, recordedFile } from '../test/golden/corpus.ts'
import { Docker } from '../test/golden/docker.ts'
import { Corpus } from '../test/golden/fixtures.ts'

// Writes test/golden/recorded anew from what docker's BuildKit makes of the corpus: all areas, or those that are named. As root.
const named = process.argv.slice(2)
const chosen = Object.entries(areas).filter(([area]) => named.length === 0 || named.includes(area))
const folder = mkdtempSync(join(tmpdir(), 'gantry-goldens-'))
try {
  await using corpus = await Corpus.open()
  await using docker = await Docker.start(join(folder, 'docker'))
  const described = await docker.describe(corpus, Object.assign({}, ...chosen.map(([, rows]) => rows)))
  for (const [area, rows] of chosen) {
    const goldens = Object.keys(rows).flatMap((name) => {
      const lines = described.get(name)
      return lines === undefined ? [] : [[name, lines] as const]
    })
    writeFileSync(recordedFile(area), `${JSON.stringify(Object.fromEntries(goldens), undefined, 2)}\n`)
    console.log(`${area}: ${goldens.length} recorded`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
