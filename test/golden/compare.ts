import assert from 'node:assert/strict'
import type { CorpusRow } from './row.ts'

/** Asserts that an image is described as its golden says, but for the differences that the row knows of. */
export const assertGolden = (row: CorpusRow, golden: readonly string[], ours: readonly string[]): void => {
  const expected = withDifferences(row, golden).map(comparable)
  const actual = ours.map(comparable)
  assert.deepEqual(withoutOpenTimes(actual, expected), expected)
}

const withDifferences = ({ differs = [] }: CorpusRow, golden: readonly string[]): readonly string[] => {
  let lines = [...golden]
  for (const { reason, theirs, ours } of differs) {
    if (theirs !== undefined) {
      assert.ok(lines.includes(theirs), `the golden has the line that differs because ${reason}: ${theirs}`)
      lines = lines.flatMap((line) => (line !== theirs ? [line] : ours === undefined ? [] : [ours]))
    } else if (ours !== undefined) lines.push(ours)
  }
  return lines
}

/** docker 20.10 writes ports, health checks, flags and values of ARG into the history otherwise than BuildKit does today. */
const comparable = (line: string): string =>
  line
    .replace(/^(history . (?:EXPOSE|HEALTHCHECK)) .*/, '$1')
    .replace(/^(history . (?:COPY|ADD))(?: --\S+)+/, '$1')
    .replace(/^(history . ARG \w+).*/, '$1')

const time = / @\S+$/

/** Where the golden promises no time, any will do. */
const withoutOpenTimes = (lines: readonly string[], golden: readonly string[]): readonly string[] => {
  const open = new Set(byLayer(golden).filter((line) => !time.test(line)))
  const places = byLayer(lines)
  return lines.map((line, index) => (open.has(places[index]?.replace(time, '') ?? '') ? line.replace(time, '') : line))
}

/** The lines with the number of their layer: the same path may be in several. */
const byLayer = (lines: readonly string[]): readonly string[] => {
  let layer = 0
  return lines.map((line) => {
    if (line === 'layer') layer++
    return line.startsWith('  ') ? `${layer}${line}` : ''
  })
}
