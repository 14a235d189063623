import { expand } from '../dockerfile/expand.ts'
import type { Dockerfile, FromInstruction, Instruction } from '../dockerfile/instruction.ts'
import type { LogicalLines } from '../dockerfile/lines.ts'
import { isGantryError } from '../../lib/errors.ts'
import { parseReference } from '../../oci/reference.ts'
import { globalArguments, lookupIn, type Variables } from '../plan/environment.ts'
import { write } from './fixes.ts'
import type { Linter } from './linter.ts'

/** Empty lines inside a continued instruction. */
export const lintLines = (linter: Linter, { lines }: LogicalLines): void => {
  for (const { range, emptyContinuation } of lines) {
    if (emptyContinuation === undefined) continue
    const { lines: empty, end } = emptyContinuation
    linter.report(
      'NoEmptyContinuation',
      { ...range, start: end, end },
      'Empty continuation line',
      `remove line ${empty.join(', ')}, or put a # into it`,
    )
  }
}

/** The rules that need the whole file. */
export const lintFile = (linter: Linter, dockerfile: Dockerfile, platformArguments: Variables): void => {
  lintStageNames(linter, dockerfile)
  lintCasing(linter, dockerfile)
  lintDefaultImages(linter, dockerfile, platformArguments)
}

const lintStageNames = (linter: Linter, { stages }: Dockerfile): void => {
  const seen = new Map<string, number>()
  const taken = new Set(stages.map(({ from }) => from.alias))
  const free = (name: string): string => {
    let number = 2
    while (taken.has(`${name}-${number}`)) number++
    return `${name}-${number}`
  }
  for (const { from } of stages) {
    const { alias, range } = from
    if (alias === undefined) continue
    const renamed = (name: string): string => write(from.text.slice(0, from.text.length - alias.length) + name)
    if (alias === 'scratch' || alias === 'context')
      linter.report(
        'ReservedStageName',
        range,
        `Stage name should not use the same name as reserved stage "${alias}"`,
        `${renamed(`${alias}-stage`)}, and the new name where the stage is used`,
      )
    const first = seen.get(alias)
    if (first !== undefined)
      linter.report(
        'DuplicateStageName',
        range,
        `Duplicate stage name "${alias}", stage names should be unique`,
        `${renamed(free(alias))}; line ${first} has the name already`,
      )
    seen.set(alias, first ?? range.start)
  }
}

const lintCasing = (linter: Linter, { stages }: Dockerfile): void => {
  const all: readonly (Instruction | FromInstruction)[] = stages.flatMap(({ from, instructions }) => [from, ...instructions])
  const lower = all.filter(({ name }) => name === name.toLowerCase()).length
  const upper = all.filter(({ name }) => name !== name.toLowerCase() && name === name.toUpperCase()).length
  const wanted = (name: string): string => (lower > upper ? name.toLowerCase() : name.toUpperCase())
  for (const { name, range } of all) {
    if (name === wanted(name)) continue
    const casing = lower > upper ? 'lowercase' : 'uppercase'
    linter.report(
      'ConsistentInstructionCasing',
      range,
      `Command '${name}' should match the case of the command majority (${casing})`,
      `write ${wanted(name)} instead of ${name}`,
    )
  }
}

/** Images that have no valid name unless --build-arg gives one. */
const lintDefaultImages = (linter: Linter, dockerfile: Dockerfile, platformArguments: Variables): void => {
  const { args, escape, stages } = dockerfile
  try {
    const variables = globalArguments(platformArguments, args, {}, escape)
    for (const { from } of stages) {
      const { text, used, unset } = expand(from.image, lookupIn(variables), { escape })
      if (isReference(text)) continue
      const names = new Set([...unset, ...used])
      const declared = args.filter((one) => one.args.some(({ key }) => names.has(key)))
      const arg = declared.at(-1)
      const fix =
        arg === undefined
          ? `write the name of an image, lowercase, instead of ${from.image}`
          : `give the ARG in line ${arg.range.start} a default with which ${from.image} is the name of an image`
      linter.report(
        'InvalidDefaultArgInFrom',
        from.range,
        `Default value for ARG ${from.image} results in empty or invalid base image name`,
        fix,
      )
    }
  } catch (error) {
    // what cannot be expanded is refused when it is planned
    if (!isGantryError(error)) throw error
  }
}

const isReference = (text: string): boolean => {
  try {
    parseReference(text)
    return true
  } catch {
    return false
  }
}
