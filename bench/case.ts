import type { Sample } from './measure.ts'
import type { Tool, Verb } from './tools/tool.ts'

/** What is asked of gantry in a case: its time over that of a tool, or of the fastest of several. */
export interface Target {
  readonly ratio: number
  readonly to: readonly string[]
}

/** One thing that every tool which can do it does, some times over. */
export interface Case {
  readonly name: string
  readonly verb: (tool: Tool) => Verb
  /** Names of the tools that take part. */
  readonly tools: readonly string[]
  /** Once for each tool, before its first run; not timed. */
  readonly setUp?: (tool: Tool) => void
  /** Before each run; not timed. */
  readonly prepare?: (tool: Tool) => void
  readonly targets?: readonly Target[]
}

/** The samples of a case by tool, in the order of the tools. */
export type Results = ReadonlyMap<string, readonly Sample[]>
