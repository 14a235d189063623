import { GantryError, messageOf } from '../../lib/errors.ts'
import type { Platform } from '../../oci/descriptor.ts'
import type { Dockerfile, FromInstruction, Instruction, Stage } from '../dockerfile/instruction.ts'
import type { LogicalLines } from '../dockerfile/lines.ts'
import type { ParseObserver } from '../dockerfile/parse-dockerfile.ts'
import type { IgnoreFile } from '../ignore.ts'
import type { Variables } from '../plan/environment.ts'
import type { PlanObserver } from '../plan/plan-observer.ts'
import { lintFile, lintLines } from './lint-file.ts'
import { lintBaseImage, lintFrom, type FromScope } from './lint-from.ts'
import { lintWriting } from './lint-names.ts'
import { noLintOptions, parseLintOptions, type LintOptions } from './lint-options.ts'
import { Linter, type LintWarning } from './linter.ts'
import { StageLint } from './stage-lint.ts'

/** The build argument that says how to check, before the directive in the file. */
const optionsArgument = 'BUILDKIT_DOCKERFILE_CHECK'

export interface DockerfileLintOptions {
  readonly buildArguments: Readonly<Record<string, string>>
  readonly onWarning?: (warning: LintWarning) => void
}

/** Checks one Dockerfile while it is parsed and planned, one time only. */
export class DockerfileLint implements ParseObserver, PlanObserver {
  readonly #options: DockerfileLintOptions
  readonly #unknownImages = new Set<string>()
  readonly #unknownStages = new Set<number>()
  readonly #stages = new Map<number, StageLint>()
  #linter = new Linter(noLintOptions)
  #dockerfile: Dockerfile | undefined
  #globals: Variables = new Map()
  #ignored: IgnoreFile | undefined

  constructor(options: DockerfileLintOptions) {
    this.#options = options
  }

  get warnings(): readonly LintWarning[] {
    return this.#linter.warnings
  }

  /** Throws where warnings are errors and there are some. */
  end(): void {
    this.#linter.end()
  }

  lines(lines: LogicalLines): void {
    const { buildArguments, onWarning } = this.#options
    this.#linter = new Linter(optionsOf(lines, buildArguments), onWarning)
    lintLines(this.#linter, lines)
  }

  instruction(instruction: Instruction | FromInstruction): void {
    lintWriting(this.#linter, instruction)
  }

  /** What the context leaves out, where that is known. */
  ignore(files: IgnoreFile): void {
    this.#ignored = files
  }

  /** The whole file, before any of its stages is planned. */
  file(dockerfile: Dockerfile, platformArguments: Variables, globals: Variables): void {
    this.#dockerfile = dockerfile
    this.#globals = globals
    lintFile(this.#linter, dockerfile, platformArguments)
  }

  from(from: FromInstruction): void {
    lintFrom(this.#linter, from, this.#fromScope)
  }

  /** Says that nothing is known of an image, so that stages on it are not blamed for what it may set. */
  imageIsUnknown(reference: string): void {
    this.#unknownImages.add(reference)
  }

  baseImage(stage: Stage, reference: string, expected: Platform, found: Platform): void {
    if (this.#unknownImages.has(reference)) this.#unknownStages.add(stage.index)
    else lintBaseImage(this.#linter, stage.from, reference, expected, found)
  }

  /** The rules for the instructions of a stage, which may be built on another one. */
  stage(stage: Stage, base: Stage | undefined): StageLint {
    if (base !== undefined && this.#unknownStages.has(base.index)) this.#unknownStages.add(stage.index)
    const lint = new StageLint(this.#linter, {
      escape: this.#dockerfile?.escape ?? '\\',
      buildArguments: this.#options.buildArguments,
      globals: this.#globals,
      globalNames: this.#fromScope.declared,
      ignored: this.#ignored,
      instructions: stage.instructions,
      baseUnknown: this.#unknownStages.has(stage.index),
      workdirSet: base !== undefined && this.#stages.get(base.index)?.workdirSet === true,
    })
    this.#stages.set(stage.index, lint)
    return lint
  }

  get #fromScope(): FromScope {
    const { args = [], stages = [], escape = '\\' } = this.#dockerfile ?? {}
    const namesOf = (instructions: readonly Instruction[]): readonly string[] =>
      instructions.flatMap((one) => (one.kind === 'arg' ? one.args.map(({ key }) => key) : []))
    return {
      escape,
      globals: this.#globals,
      declared: namesOf(args),
      elsewhere: new Set(stages.flatMap(({ instructions }) => namesOf(instructions))),
    }
  }
}

const optionsOf = ({ directives }: LogicalLines, buildArguments: Readonly<Record<string, string>>): LintOptions => {
  const given = Object.hasOwn(buildArguments, optionsArgument) ? buildArguments[optionsArgument] : undefined
  try {
    return parseLintOptions(given ?? (directives.check ?? '').replace(/ .*$/, ''))
  } catch (error) {
    const from = given === undefined ? 'check options' : `build-arg:${optionsArgument}`
    throw new GantryError('invalid_argument', 'CHECK_INVALID', `failed to parse ${from}: ${messageOf(error)}`, {
      cause: error,
      hint: 'write skip=RULE,RULE;experimental=RULE;error=true',
    })
  }
}
