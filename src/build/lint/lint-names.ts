import type { FromInstruction, Instruction } from '../dockerfile/instruction.ts'
import { write } from './fixes.ts'
import type { Linter } from './linter.ts'

/** The rules that one instruction breaks by how it is written. */
export const lintWriting = (linter: Linter, instruction: Instruction | FromInstruction): void => {
  if (instruction.kind === 'from') lintFromWriting(linter, instruction)
  else if (instruction.kind === 'arg')
    lintDescription(
      linter,
      instruction,
      'ARG',
      instruction.args.map(({ key }) => key),
    )
  else if (instruction.kind === 'maintainer')
    linter.report(
      'MaintainerDeprecated',
      instruction,
      'Maintainer instruction is deprecated in favor of using label',
      write(`LABEL org.opencontainers.image.authors=${JSON.stringify(instruction.maintainer.replace(/^"(.*)"$/, '$1'))}`),
    )
}

const lintFromWriting = (linter: Linter, from: FromInstruction): void => {
  const { name, as, alias, text } = from
  if (as === undefined || alias === undefined) return
  const rewrite = (keyword: string, stage: string): string =>
    write(`${text.slice(0, text.lastIndexOf(as.keyword, text.length - as.name.length - 1))}${keyword} ${stage}`)
  if (as.name !== alias)
    linter.report('StageNameCasing', from, `Stage name '${as.name}' should be lowercase`, rewrite(as.keyword, alias))
  const upper = name === name.toUpperCase()
  const keyword = upper ? as.keyword.toUpperCase() : as.keyword.toLowerCase()
  // a FROM in no one case is ConsistentInstructionCasing's
  if ((upper || name === name.toLowerCase()) && as.keyword !== keyword)
    linter.report('FromAsCasing', from, `'${as.keyword}' and '${name}' keywords' casing do not match`, rewrite(keyword, as.name))
  lintDescription(linter, from, 'FROM', [alias])
}

/** A comment right above an ARG or a stage describes it, and begins with its name. */
const lintDescription = (
  linter: Linter,
  instruction: Instruction | FromInstruction,
  command: 'ARG' | 'FROM',
  names: readonly string[],
): void => {
  const comment = instruction.comments.at(-1)
  const [first] = names
  if (comment === undefined || first === undefined || names.includes(comment.split(' ')[0] ?? '')) return
  const example = names.length > 1 ? '<arg_key>' : first
  linter.report(
    'InvalidDefinitionDescription',
    instruction,
    `Comment for ${command} should follow the format: \`# ${example} <description>\``,
    `${write(`# ${first} ${comment}`)}, or put a line with nothing but # below a comment that describes something else`,
  )
}
