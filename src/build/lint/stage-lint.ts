import { posix } from 'node:path'
import { isGantryError } from '../../lib/errors.ts'
import { expand, type ExpandOptions, type Lookup } from '../dockerfile/expand.ts'
import type { ArgInstruction, Instruction } from '../dockerfile/instruction.ts'
import { nearest } from '../dockerfile/suggest.ts'
import type { IgnoreFile } from '../ignore.ts'
import { lookupIn, type Variables } from '../plan/environment.ts'
import type { StageObserver } from '../plan/plan-observer.ts'
import type { StageState } from '../plan/stage-state.ts'
import { expandedWords } from './expanded-words.ts'
import { jsonForm, quoteValue, renameVariable, write } from './fixes.ts'
import { lintExpose } from './lint-expose.ts'
import { lintIgnored } from './lint-ignored.ts'
import type { Linter } from './linter.ts'

/** What the rules about instructions know besides the state of the stage. */
export interface StageScope {
  readonly escape: string
  readonly buildArguments: Readonly<Record<string, string>>
  /** ARGs before the first FROM, and the platform arguments. */
  readonly globals: Variables
  /** Names of the ARGs before the first FROM. */
  readonly globalNames: readonly string[]
  readonly ignored: IgnoreFile | undefined
  /** The instructions of the stage, those that come later too. */
  readonly instructions: readonly Instruction[]
  /** Nothing is known of what the base image sets. */
  readonly baseUnknown: boolean
  /** Whether a stage that this one is built on has set the working directory. */
  readonly workdirSet: boolean
}

type Of<K extends Instruction['kind']> = Extract<Instruction, { kind: K }>

/** BuildKit takes these two for options of the build, not for variables. */
const noVariables = new Set(['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'])

/** The rules about the instructions of one stage, given one by one with the state before each. */
export class StageLint implements StageObserver {
  readonly #linter: Linter
  readonly #scope: StageScope
  readonly #last = new Map<string, Instruction>()
  #workdirSet: boolean

  constructor(linter: Linter, scope: StageScope) {
    this.#linter = linter
    this.#scope = scope
    this.#workdirSet = scope.workdirSet
  }

  get workdirSet(): boolean {
    return this.#workdirSet
  }

  instruction(state: StageState, instruction: Instruction): void {
    this.#undefinedVariables(state, instruction)
    switch (instruction.kind) {
      case 'arg':
        for (const { key } of instruction.args) this.#secret(instruction, 'ARG', key)
        break
      case 'env':
      case 'label':
        this.#pairs(state, instruction)
        break
      case 'cmd':
      case 'entrypoint':
        this.#once(instruction)
        this.#jsonForm(state, instruction)
        break
      case 'healthcheck':
        this.#once(instruction)
        break
      case 'workdir':
        this.#workdir(state, instruction)
        break
      case 'expose':
        lintExpose(this.#linter, instruction, (word) => this.#words(state, word))
        break
      case 'add':
      case 'copy':
        if (this.#scope.ignored !== undefined)
          lintIgnored(this.#linter, instruction, this.#scope.ignored, (word) => this.#text(state, word))
        break
      case 'maintainer':
      case 'onbuild':
      case 'run':
      case 'shell':
      case 'stopsignal':
      case 'user':
      case 'volume':
        break
    }
  }

  #expand(text: string, lookup: Lookup, options: ExpandOptions = {}): ReturnType<typeof expand> | undefined {
    try {
      return expand(text, lookup, { escape: this.#scope.escape, ...options })
    } catch (error) {
      // what cannot be expanded is refused when the instruction is applied
      if (isGantryError(error)) return undefined
      throw error
    }
  }

  #text(state: StageState, word: string): string {
    return this.#expand(word, lookupIn(state.variables))?.text ?? ''
  }

  #words(state: StageState, word: string): readonly string[] {
    return this.#expand(word, lookupIn(state.variables))?.words ?? []
  }

  #undefinedVariables(state: StageState, instruction: Instruction): void {
    if (instruction.kind === 'arg') {
      this.#undefinedInArg(state, instruction)
      return
    }
    const declared = new Set(state.declared.map(({ key }) => key))
    for (const { text, heredoc } of expandedWords(instruction)) {
      if (!text.includes('$')) continue
      const options = heredoc === true ? { escape: '\\', literalQuotes: true } : {}
      const unset = this.#expand(text, lookupIn(state.variables), options)?.unset ?? []
      for (const name of unset) if (!declared.has(name)) this.#undefined(instruction, name, state.variables.keys())
    }
  }

  /** The defaults of an ARG see the ones before them; one that --build-arg replaces is not looked at. */
  #undefinedInArg(state: StageState, instruction: ArgInstruction): void {
    const variables = new Map(state.variables)
    const declared = new Set(state.declared.map(({ key }) => key))
    const { buildArguments, globals } = this.#scope
    for (const { key, value } of instruction.args) {
      const given = Object.hasOwn(buildArguments, key) ? buildArguments[key] : undefined
      const own = value === undefined ? undefined : this.#expand(value, (name) => variables.get(name))
      if (given === undefined)
        for (const name of own?.unset ?? []) if (!declared.has(name)) this.#undefined(instruction, name, variables.keys())
      declared.add(key)
      const chosen = given ?? (value === undefined ? globals.get(key) : own?.text)
      if (chosen !== undefined) variables.set(key, chosen)
    }
  }

  #undefined(instruction: Instruction, name: string, known: Iterable<string>): void {
    // a base image that could not be looked at may have set it
    if (noVariables.has(name) || this.#scope.baseUnknown) return
    const meant = nearest(name, known)
    const suggestion = meant === undefined ? '' : ` (did you mean $${meant}?)`
    this.#linter.report(
      'UndefinedVar',
      instruction,
      `Usage of undefined variable '$${name}'${suggestion}`,
      meant === undefined ? this.#declare(instruction, name) : write(renameVariable(instruction.text, name, meant)),
    )
  }

  #declare(instruction: Instruction, name: string): string {
    const { globals, globalNames, instructions } = this.#scope
    const { start } = instruction.range
    const later = instructions.find(
      (one) =>
        one.range.start > start &&
        ((one.kind === 'arg' && one.args.some(({ key }) => key === name)) ||
          (one.kind === 'env' && one.pairs.some(({ key }) => key === name))),
    )
    if (later !== undefined) return `move line ${later.range.start} (${later.name} ${name}) above line ${start}`
    if (globalNames.includes(name))
      return `put ARG ${name} above line ${start}: an ARG before the first FROM is only known in FROM until the stage asks for it`
    if (globals.has(name)) return `put ARG ${name} above line ${start}`
    if (!/^\w+$/.test(name)) return `write ${this.#scope.escape}$${name} if a dollar sign is meant`
    return `put ARG ${name}=<value> above line ${start}, or write ${this.#scope.escape}$${name} if a dollar sign is meant`
  }

  #pairs(state: StageState, instruction: Of<'env' | 'label'>): void {
    const { escape } = this.#scope
    for (const { key, value } of instruction.pairs) {
      if (instruction.legacy)
        this.#linter.report(
          'LegacyKeyValueFormat',
          instruction,
          `"${instruction.name} key=value" should be used instead of legacy "${instruction.name} key value" format`,
          write(`${instruction.name} ${key}=${quoteValue(value, escape)}`),
        )
      if (instruction.kind === 'env') this.#secret(instruction, 'ENV', this.#text(state, key))
    }
  }

  #secret(instruction: Instruction, command: 'ARG' | 'ENV', key: string): void {
    const secret = /(?:_|^)(?:apikey|auth|credential|credentials|key|password|pword|passwd|secret|token)(?:_|$)/i
    if (!secret.test(key) || /(?:_|^)(?:public|file|version)(?:_|$)/i.test(key)) return
    this.#linter.report(
      'SecretsUsedInArgOrEnv',
      instruction,
      `Do not use ARG or ENV instructions for sensitive data (${command} "${key}")`,
      `take it out, write RUN --mount=type=secret,id=${key},env=${key} before the command that needs it, and build with --secret id=${key},env=${key}`,
    )
  }

  /** Of several CMD, ENTRYPOINT or HEALTHCHECK the one that will be ignored is told of, when the next is found. */
  #once(instruction: Of<'cmd' | 'entrypoint' | 'healthcheck'>): void {
    const before = this.#last.get(instruction.kind)
    this.#last.set(instruction.kind, instruction)
    if (before === undefined) return
    this.#linter.report(
      'MultipleInstructionsDisallowed',
      { range: before.range, comments: instruction.comments },
      `Multiple ${instruction.name} instructions should not be used in the same stage because only the last one will be used`,
      `remove this line: the ${instruction.name} in line ${instruction.range.start} replaces it`,
    )
  }

  #jsonForm(state: StageState, instruction: Of<'cmd' | 'entrypoint'>): void {
    const { command, name } = instruction
    if (command.form === 'exec' || (state.config.Shell ?? []).length > 0) return
    this.#linter.report(
      'JSONArgsRecommended',
      instruction,
      `JSON arguments recommended for ${name} to prevent unintended behavior related to OS signals`,
      write(
        `${name} [${jsonForm(command.command)
          .map((word) => JSON.stringify(word))
          .join(', ')}]`,
      ),
    )
  }

  #workdir(state: StageState, instruction: Of<'workdir'>): void {
    const path = this.#text(state, instruction.path)
    if (!this.#workdirSet && !path.startsWith('/'))
      this.#linter.report(
        'WorkdirRelativePath',
        instruction,
        `Relative workdir "${path}" can have unexpected results if the base image changes`,
        write(`${instruction.name} ${posix.resolve('/', state.config.WorkingDir ?? '', path)}`),
      )
    this.#workdirSet = true
  }
}
