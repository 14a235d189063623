import { homedir } from 'node:os'
import type { FolderFacts } from './default-folders.ts'

/** What a program that embeds gantry is: the defaults of everything that it does not say itself. */
export interface ProcessFacts extends FolderFacts {
  /** As `process.arch` has it. */
  readonly architecture: string
  readonly now: () => Date
}

/** The facts of this process. */
export const processFacts = (): ProcessFacts => ({
  environment: process.env,
  home: homedir(),
  superuser: process.getuid?.() === 0,
  architecture: process.arch,
  now: () => new Date(),
})
