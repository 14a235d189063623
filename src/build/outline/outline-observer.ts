import { posix } from 'node:path'
import { describedAs } from '../dockerfile/description.ts'
import { expand } from '../dockerfile/expand.ts'
import type { ArgInstruction, Dockerfile, Instruction, RunInstruction, Stage } from '../dockerfile/instruction.ts'
import { parseMount } from '../dockerfile/parse-mount.ts'
import type { SourceFile, SourceRange } from '../dockerfile/source.ts'
import { lookupIn, type Variables } from '../plan/environment.ts'
import type { PlanObserver, StageObserver } from '../plan/plan-observer.ts'
import type { StageState } from '../plan/stage-state.ts'

export interface OutlineArgument {
  readonly name: string
  readonly description: string
  readonly value: string
  readonly range: SourceRange
}

/** A secret or an agent that a step asks for. */
export interface OutlineSecret {
  readonly name: string
  readonly required: boolean
  readonly range: SourceRange
}

/** What a target takes from whoever builds it, each list in the order of the file. */
export interface Outline {
  readonly file: SourceFile
  readonly name: string
  readonly description: string
  readonly args: readonly OutlineArgument[]
  readonly secrets: readonly OutlineSecret[]
  readonly ssh: readonly OutlineSecret[]
}

/** An argument and the others that its default is made of. */
interface KnownArgument extends OutlineArgument {
  readonly needs: ReadonlySet<string>
}

interface KnownStage {
  readonly args: Map<string, KnownArgument>
  readonly used: Set<string>
  readonly secrets: Map<string, OutlineSecret>
  readonly ssh: Map<string, OutlineSecret>
  /** The stage that it is built on, then those that it takes files of. */
  readonly needs: number[]
}

/** Notes the arguments, secrets and agents of the stages that are planned. */
export class OutlineObserver implements PlanObserver {
  readonly #buildArguments: Readonly<Record<string, string>>
  readonly #stages = new Map<number, KnownStage>()
  #dockerfile: Dockerfile | undefined
  #globals: Variables = new Map()
  #globalArguments: ReadonlyMap<string, KnownArgument> = new Map()

  constructor(buildArguments: Readonly<Record<string, string>>) {
    this.#buildArguments = buildArguments
  }

  file(dockerfile: Dockerfile, _platformArguments: Variables, globals: Variables): void {
    this.#dockerfile = dockerfile
    this.#globals = globals
    const known = new Map<string, KnownArgument>()
    for (const instruction of dockerfile.args)
      for (const { key, value } of instruction.args) {
        const given = Object.hasOwn(this.#buildArguments, key)
        const needs = given || value === undefined ? [] : this.#usedIn(value)
        const before = known.get(key)
        // ARG A=${A}x goes on with what A needed before
        const all = new Set([...needs, ...(needs.includes(key) ? (before?.needs ?? []) : [])])
        all.delete(key)
        known.set(key, argumentOf(instruction, key, given || value !== undefined ? (globals.get(key) ?? '') : '', all))
      }
    this.#globalArguments = known
  }

  stage({ index, from }: Stage, base: Stage | undefined): StageObserver {
    const stage: KnownStage = {
      args: new Map(this.#globalArguments),
      used: new Set([from.image, from.platform ?? ''].flatMap((text) => this.#usedIn(text))),
      secrets: new Map(),
      ssh: new Map(),
      needs: base === undefined ? [] : [base.index],
    }
    this.#stages.set(index, stage)
    return { instruction: (state, instruction) => this.#instruction(stage, state, instruction) }
  }

  #usedIn(text: string): readonly string[] {
    const { used } = expand(text, lookupIn(this.#globals), { escape: this.#dockerfile?.escape ?? '\\' })
    return [...used]
  }

  #instruction(stage: KnownStage, state: StageState, instruction: Instruction): void {
    if (instruction.kind === 'arg') this.#args(stage, state, instruction)
    else if (instruction.kind === 'run') this.#mounts(stage, state, instruction)
    else if (instruction.kind === 'copy' && instruction.from !== undefined) this.#needs(stage, instruction.from)
  }

  #args(stage: KnownStage, state: StageState, instruction: ArgInstruction): void {
    const variables = new Map(state.variables)
    const escape = this.#dockerfile?.escape ?? '\\'
    for (const { key, value } of instruction.args) {
      stage.used.add(key)
      const given = Object.hasOwn(this.#buildArguments, key) ? this.#buildArguments[key] : undefined
      const inherited = this.#globals.get(key)
      // one that only asks for an ARG before the first FROM is that ARG
      const own = value === undefined ? inherited : expand(value, lookupIn(variables), { escape }).text
      const chosen = given ?? own
      if (chosen !== undefined) variables.set(key, chosen)
      if (value !== undefined || given !== undefined || inherited === undefined)
        stage.args.set(key, argumentOf(instruction, key, chosen ?? '', new Set()))
    }
  }

  #mounts(stage: KnownStage, state: StageState, { mounts, range }: RunInstruction): void {
    const escape = this.#dockerfile?.escape ?? '\\'
    for (const text of mounts) {
      const { type, id, source, target, required, from } = parseMount(
        text,
        (word) => expand(word, lookupIn(state.variables), { escape }).text,
      )
      if (type === 'secret' || type === 'ssh') {
        const name = type === 'ssh' ? id || 'default' : source || id || posix.basename(target)
        const known = type === 'ssh' ? stage.ssh : stage.secrets
        if (!known.has(name)) known.set(name, { name, required, range })
      } else if (from !== '') this.#needs(stage, from)
    }
  }

  #needs(stage: KnownStage, name: string): void {
    const stages = this.#dockerfile?.stages ?? []
    const found = /^\d+$/.test(name) ? stages[Number(name)] : stages.findLast(({ from }) => from.alias === name.toLowerCase())
    if (found !== undefined) stage.needs.push(found.index)
  }

  outline({ index, from }: Stage): Outline {
    const args = new Map<string, OutlineArgument>()
    const secrets = new Map<string, OutlineSecret>()
    const ssh = new Map<string, OutlineSecret>()
    const seen = new Set<number>()
    const add = (number: number): void => {
      const stage = this.#stages.get(number)
      if (stage === undefined || seen.has(number)) return
      seen.add(number)
      for (const name of withNeeds(stage)) addNew(args, name, stage.args.get(name))
      for (const [name, secret] of stage.secrets) addNew(secrets, name, secret)
      for (const [name, agent] of stage.ssh) addNew(ssh, name, agent)
      for (const needed of stage.needs) add(needed)
    }
    add(index)
    return {
      file: from.range.file,
      name: from.alias ?? '',
      description: describedAs(from.alias, from.comments),
      args: inOrder(args),
      secrets: inOrder(secrets),
      ssh: inOrder(ssh),
    }
  }
}

const argumentOf = (
  { comments, range }: ArgInstruction,
  name: string,
  value: string,
  needs: ReadonlySet<string>,
): KnownArgument => ({ name, description: describedAs(name, comments), value, range, needs })

/** The names that a stage uses, and those that their defaults are made of. */
const withNeeds = ({ args, used }: KnownStage): ReadonlySet<string> => {
  const all = new Set<string>()
  const add = (name: string): void => {
    if (all.has(name)) return
    all.add(name)
    for (const needed of args.get(name)?.needs ?? []) add(needed)
  }
  for (const name of used) add(name)
  return all
}

/** The first of a name is kept. */
const addNew = <T>(map: Map<string, T>, name: string, value: T | undefined): void => {
  if (value !== undefined && !map.has(name)) map.set(name, value)
}

const inOrder = <T extends { readonly range: SourceRange }>(map: ReadonlyMap<string, T>): readonly T[] =>
  [...map.values()].sort((a, b) => a.range.start - b.range.start)
