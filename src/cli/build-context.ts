import { reportContext, type ContextEntry, type ContextReport, type MetRule } from '../engine/builds/report-context.ts'
import type { CliContext } from './command.ts'
import { namedContexts, pairs } from './name-value.ts'

/** Flags of the commands that look at a build context: those of `build` that decide what is in it and who takes it. */
export const contextFlags = {
  'build-arg': { type: 'list', value: 'NAME=VALUE', help: 'Set an ARG, as for the build' },
  'build-context': { type: 'list', value: 'NAME=VALUE', help: 'What stands for a stage or an image, as for the build' },
  file: { type: 'string', short: 'f', help: 'The Dockerfile (default PATH/Dockerfile)' },
  format: { type: 'string', help: "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template" },
  target: { type: 'string', help: 'Only instructions that this stage needs take files' },
} as const

interface ContextFlagValues {
  readonly 'build-arg': readonly string[]
  readonly 'build-context': readonly string[]
  readonly file: string | undefined
  readonly target: string | undefined
}

/** Opens the context of a path as the build would, and warns of what kept the Dockerfile from being understood. */
export const openContext = async <T>(
  context: CliContext,
  path: string,
  { file, target, ...flags }: ContextFlagValues,
  work: (report: ContextReport) => Promise<T>,
): Promise<T> =>
  await reportContext(
    context.engine,
    {
      context: path === '-' ? context.stdin : path,
      buildArgs: pairs(flags['build-arg'], context.environment),
      contexts: namedContexts(flags['build-context']),
      signal: context.signal,
      ...(file === undefined ? {} : { dockerfile: file === '-' ? context.stdin : file }),
      ...(target === undefined ? {} : { target }),
    },
    async (report) => {
      for (const problem of report.problems) context.warn(`warning: which instructions take what is not known: ${problem}`)
      return await work(report)
    },
  )

/** `.dockerignore:3 **\/*.log`. */
export const ruleText = ({ file, line, pattern }: MetRule): string => `${file}:${line} ${pattern}`

/** A path as it is shown: a slash at the end of a folder. */
export const shownPath = ({ path, kind }: ContextEntry): string => (kind === 'folder' ? `${path}/` : path)

/** Fields of an entry for `--format`. */
export const rowOf = (entry: ContextEntry, human: (bytes: number) => string) => {
  const rule = entry.rules.at(-1)
  return {
    Path: shownPath(entry),
    Kind: entry.kind,
    Files: entry.files,
    Bytes: entry.size,
    Size: human(entry.size),
    Ignored: entry.ignored,
    Rule: rule === undefined ? '' : ruleText(rule),
    Rules: entry.rules.map(({ file, line, pattern, matched }) => ({
      File: file,
      Line: line,
      Pattern: pattern,
      Matched: matched,
    })),
    TakenBy: entry.takers.map(({ file, line }) => `${file}:${line}`).join(', '),
    Takers: entry.takers.map(({ file, line, text, destination }) => ({
      File: file,
      Line: line,
      Text: text,
      ...(destination === undefined ? {} : { Destination: destination }),
    })),
  }
}
