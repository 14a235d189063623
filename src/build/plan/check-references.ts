import { GantryError } from '../../lib/errors.ts'
import { expand } from '../dockerfile/expand.ts'
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instruction.ts'
import { atSource } from '../dockerfile/parse-dockerfile.ts'

const invalid = (reason: string): GantryError => new GantryError('invalid_argument', 'STAGE_INVALID', reason)

/** A stage by name or number, as `COPY --from` names it; the last one of a name. */
export const stageNamed = ({ stages }: Dockerfile, name: string): Stage | undefined => {
  if (!/^[+-]?\d+$/.test(name)) return stages.findLast((one) => one.from.alias === name.toLowerCase())
  const stage = stages[Number(name)]
  if (stage === undefined) throw invalid(`invalid stage index ${name}`)
  return stage
}

/** What may be names of stages in an instruction. */
export const stagesNamedIn = (instruction: Instruction): readonly string[] => {
  if (instruction.kind === 'copy') return instruction.from === undefined ? [] : [instruction.from]
  if (instruction.kind !== 'run') return []
  return instruction.mounts.flatMap((mount) => /(?:^|,)from=([^,"]+)/i.exec(mount)?.[1] ?? [])
}

/** What messages call a stage. */
export const stageName = ({ stages }: Dockerfile, { from, index }: Stage): string =>
  from.alias ?? (stages.length === 1 ? '' : `stage-${index}`)

interface Reference {
  readonly to: number
  readonly instruction: Instruction
}

/** Refuses references that cannot be, also in stages that are not needed: variables, numbers that no stage has, circles. */
export const checkReferences = (dockerfile: Dockerfile): void => {
  const { stages } = dockerfile
  const references = stages.map(({ instructions }) =>
    instructions.flatMap((instruction) => referencesOf(dockerfile, instruction)),
  )
  // stages that refer to none that is left are taken away, until all that are left refer to each other
  const left = new Set(stages.keys())
  const referrers = new Map<number, number[]>()
  for (const [from, list] of references.entries())
    for (const { to } of list) {
      const known = referrers.get(to)
      if (known === undefined) referrers.set(to, [from])
      else known.push(from)
    }
  const open = references.map((list) => list.length)
  const ready = [...left].filter((index) => open[index] === 0)
  for (let index = ready.pop(); index !== undefined; index = ready.pop()) {
    left.delete(index)
    for (const from of referrers.get(index) ?? []) {
      const count = (open[from] ?? 0) - 1
      open[from] = count
      if (count === 0) ready.push(from)
    }
  }
  const [first] = left
  if (first === undefined) return
  const walked = new Set<number>()
  for (let at = first; ;) {
    const next = references[at]?.find(({ to }) => left.has(to))
    const stage = stages[at]
    if (next === undefined || stage === undefined) return
    if (walked.has(at))
      atSource(next.instruction.range, () => {
        throw invalid(`circular dependency detected on stage: ${stageName(dockerfile, stage)}`)
      })
    walked.add(at)
    at = next.to
  }
}

const referencesOf = (dockerfile: Dockerfile, instruction: Instruction): readonly Reference[] =>
  atSource(instruction.range, () => {
    if (instruction.kind === 'copy' && instruction.from !== undefined) checkFrom(dockerfile, instruction.from)
    return stagesNamedIn(instruction).flatMap((name) => {
      const stage = stageNamed(dockerfile, name)
      return stage === undefined ? [] : [{ to: stage.index, instruction }]
    })
  })

const checkFrom = ({ escape }: Dockerfile, from: string): void => {
  if (expand(from, () => undefined, { escape }).text === from) return
  throw invalid(
    'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
  )
}
