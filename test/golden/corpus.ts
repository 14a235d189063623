import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { CorpusRow, CorpusRows } from './row.ts'
import { add } from './rows/add.ts'
import { argumentRows } from './rows/arguments.ts'
import { config } from './rows/config.ts'
import { contexts } from './rows/contexts.ts'
import { copy } from './rows/copy.ts'
import { flags } from './rows/flags.ts'
import { heredoc } from './rows/heredoc.ts'
import { ignore } from './rows/ignore.ts'
import { language } from './rows/language.ts'
import { modifiers } from './rows/modifiers.ts'
import { mounts } from './rows/mounts.ts'
import { run } from './rows/run.ts'
import { stages } from './rows/stages.ts'

/** The corpus by area; what docker made of an area is in `recorded/`. */
export const areas: Readonly<Record<string, CorpusRows>> = {
  language,
  stages,
  arguments: argumentRows,
  modifiers,
  run,
  mounts,
  heredoc,
  copy,
  contexts,
  flags,
  add,
  ignore,
  config,
}

/** Where the goldens of an area are. */
export const recordedFile = (area: string): string => join(import.meta.dirname, 'recorded', `${area}.json`)

/** What is recorded of the rows of an area. */
export const recorded = (area: string): Readonly<Record<string, readonly string[]>> =>
  JSON.parse(readFileSync(recordedFile(area), 'utf8')) as Record<string, readonly string[]>

/** True if building a row needs containers. */
export const needsRun = ({ text }: CorpusRow): boolean => /^\s*(?:onbuild\s+)?run\b|^from triggering/im.test(text)
