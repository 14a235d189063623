import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, messageOf } from '../../lib/errors.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { formatPlatform, normalizePlatform, parsePlatform } from '../../oci/platform.ts'
import { expand, type Expansion } from '../dockerfile/expand.ts'
import type { Dockerfile, Instruction, Stage } from '../dockerfile/instruction.ts'
import { atSource, atSourceAsync, parseTrigger } from '../dockerfile/parse-dockerfile.ts'
import { didYouMean } from '../dockerfile/suggest.ts'
import { createVertex, type BaseImage, type ContextOp, type ExecOp, type Vertex } from '../graph.ts'
import type { RunOptions } from '../run-options.ts'
import { applyInstruction } from './apply-instruction.ts'
import { emptyState, imageVertex, stateOfFiles, stateOfImage } from './begin-stage.ts'
import { checkReferences, stageName, stageNamed, stagesNamedIn } from './check-references.ts'
import { globalArguments, lookupIn, platformArguments, proxyVariables, type Variables } from './environment.ts'
import { NamedContexts, type NamedContext } from './named-contexts.ts'
import type { PlanObserver } from './plan-observer.ts'
import { stepLabels, type StageContext } from './stage-context.ts'
import type { StageState } from './stage-state.ts'
import { withSuggestion } from './suggest-image.ts'

export interface PlanOptions extends Abortable {
  readonly target?: string
  readonly buildArguments: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
  /** What the image is for; without it, what this machine is. */
  readonly platform?: Platform
  readonly buildPlatform: Platform
  /** Whether labels of steps say which platform they are for: where there are several. */
  readonly showPlatform?: boolean
  readonly network: ExecOp['network']
  readonly extraHosts: readonly string[]
  readonly run?: Pick<RunOptions, 'allow' | 'ulimits' | 'shmSize'>
  readonly context: Vertex<ContextOp>
  /** What is in the place of stages and images. */
  readonly contexts?: NamedContexts
  /** Is asked about everything that is planned. */
  readonly observer?: PlanObserver
  /** An image's config by its name as the Dockerfile writes it, or by `oci-layout://…` as a named context does. */
  readonly resolveImage: (reference: string, platform: Platform) => Promise<ResolvedImage>
}

export interface ResolvedImage extends BaseImage {
  /** The full name with the digest, as progress shows it. */
  readonly name: string
}

/** The state that the target stage ends in. Only the stages that the target needs are looked at, and their images resolved. */
export const planBuild = async (dockerfile: Dockerfile, options: PlanOptions): Promise<StageState> => {
  const planner = new Planner(dockerfile, options)
  const state = await planner.stage(findTarget(dockerfile, options.target))
  const labels = Object.keys(options.labels).length === 0 ? {} : { Labels: { ...state.config.Labels, ...options.labels } }
  return { ...state, config: { ...state.config, ...labels }, base: platformOf(state.base, options) }
}

/** As planBuild(), but looks at every stage, in the order of the file, where none is asked for. */
export const planAllStages = async (dockerfile: Dockerfile, options: PlanOptions): Promise<StageState> => {
  const planner = new Planner(dockerfile, options)
  const target = findTarget(dockerfile, options.target)
  if (options.target === undefined || options.target === '') for (const stage of dockerfile.stages) await planner.stage(stage)
  return await planner.stage(target)
}

/** The states that all stages end in, or that the target ends in where there is one. */
export const planEachStage = async (dockerfile: Dockerfile, options: PlanOptions): Promise<readonly StageState[]> => {
  const planner = new Planner(dockerfile, options)
  if (options.target !== undefined && options.target !== '') return [await planner.stage(findTarget(dockerfile, options.target))]
  return await Promise.all(dockerfile.stages.map(async (stage) => await planner.stage(stage)))
}

/** What was asked for is what the image says it is for. */
const platformOf = (base: StageState['base'], { platform }: PlanOptions): StageState['base'] => {
  const { os, architecture, variant, 'os.version': version, ...rest } = base
  const known = { os, architecture, ...(variant === undefined ? {} : { variant }) }
  const same = platform === undefined || (platform.os === os && platform.architecture === architecture)
  const normal = normalizePlatform({ ...(same ? known : {}), ...(platform ?? known) })
  const found = same ? version : platform['os.version']
  return {
    ...rest,
    os: normal.os,
    architecture: normal.architecture,
    ...(normal.variant === undefined ? {} : { variant: normal.variant }),
    ...(found === undefined ? {} : { 'os.version': found }),
  }
}

export const findTarget = ({ stages, file }: Dockerfile, target: string | undefined): Stage => {
  const last = stages.at(-1)
  const found =
    target === undefined || target === ''
      ? last
      : (stages.findLast(({ from }) => from.alias === target.toLowerCase()) ??
        (/^\d+$/.test(target) ? stages[Number(target)] : undefined))
  if (found !== undefined) return found
  const names = stages.flatMap(({ from }) => from.alias ?? [])
  throw new GantryError(
    'invalid_argument',
    'TARGET_UNKNOWN',
    `Cannot build "${file.name}": target stage "${target}" could not be found${didYouMean(target ?? '', names)}`,
  )
}

class Planner {
  readonly #dockerfile: Dockerfile
  readonly #options: PlanOptions
  readonly #targetPlatform: Platform
  readonly #globals: Variables
  readonly #stages = new Map<number, Promise<StageState>>()
  readonly #images = new Map<string, Promise<ResolvedImage>>()
  readonly #contexts: NamedContexts

  constructor(dockerfile: Dockerfile, options: PlanOptions) {
    this.#dockerfile = dockerfile
    this.#options = options
    this.#targetPlatform = normalizePlatform(options.platform ?? options.buildPlatform)
    this.#contexts = options.contexts ?? new NamedContexts()
    const stage = findTarget(dockerfile, options.target)
    const platforms = { build: options.buildPlatform, target: this.#targetPlatform }
    const defaults = platformArguments(platforms, options.target || stage.from.alias, options.buildArguments)
    this.#globals = globalArguments(defaults, dockerfile.args, options.buildArguments, dockerfile.escape)
    options.observer?.file(dockerfile, defaults, this.#globals)
    // also of the stages that are not needed
    checkReferences(dockerfile)
    for (const one of dockerfile.stages) {
      options.observer?.from?.(one.from)
      this.#baseOf(one)
    }
    this.#resolveAhead(stage, new Set())
  }

  stage(stage: Stage): Promise<StageState> {
    let planned = this.#stages.get(stage.index)
    if (planned === undefined) this.#stages.set(stage.index, (planned = this.#plan(stage)))
    return planned
  }

  /** Asks for all images that a stage is sure to need at once, so that one does not wait for the other. */
  #resolveAhead(stage: Stage, seen: Set<number>): void {
    if (seen.has(stage.index)) return
    seen.add(stage.index)
    try {
      const base = this.#baseOf(stage)
      if (base.kind === 'stage') this.#resolveAhead(base.stage, seen)
      else if (base.kind === 'image') this.#image(base.reference, base.platform).catch(() => undefined)
      if (base.kind === 'named' && base.whole) return
      for (const instruction of stage.instructions) {
        for (const name of stagesNamedIn(instruction)) {
          const from = stageNamed(this.#dockerfile, name)
          if (from !== undefined && from.index < stage.index) this.#resolveAhead(from, seen)
        }
      }
    } catch {
      // what is wrong is told when the stage is planned
    }
  }

  #image(reference: string, platform: Platform): Promise<ResolvedImage> {
    const key = `${reference} ${formatPlatform(platform)}`
    let image = this.#images.get(key)
    if (image === undefined) this.#images.set(key, (image = this.#resolve(reference, platform)))
    return image
  }

  async #resolve(reference: string, platform: Platform): Promise<ResolvedImage> {
    try {
      return await this.#options.resolveImage(reference, platform)
    } catch (error) {
      throw withSuggestion(
        error,
        reference,
        this.#dockerfile.stages.map((stage) => stageName(this.#dockerfile, stage)),
      )
    }
  }

  #baseOf(stage: Stage):
    | { readonly kind: 'scratch'; readonly platform: Platform }
    | { readonly kind: 'stage'; readonly stage: Stage }
    | { readonly kind: 'image'; readonly reference: string; readonly platform: Platform }
    /** `whole`: it is in the place of all that the stage does. */
    | { readonly kind: 'named'; readonly context: NamedContext; readonly platform: Platform; readonly whole: boolean } {
    const { from } = stage
    const { escape, stages } = this.#dockerfile
    const word = (text: string): Expansion => expand(text, lookupIn(this.#globals), { escape })
    return atSource(from.range, () => {
      const reference = word(from.image).text
      if (reference === '') throw invalid(`base name (${from.image}) should not be blank`)
      const platform = from.platform === undefined ? this.#targetPlatform : this.#platform(from.platform, word(from.platform))
      const whole = from.alias === undefined ? undefined : this.#contexts.find(from.alias, platform)
      if (whole !== undefined) return { kind: 'named', context: whole, platform, whole: true }
      const base = stages.findLast((one) => one.index < stage.index && one.from.alias === reference.toLowerCase())
      if (base !== undefined) return { kind: 'stage', stage: base }
      const context = this.#contexts.find(reference, platform)
      if (context !== undefined) return { kind: 'named', context, platform, whole: false }
      return reference === 'scratch' ? { kind: 'scratch', platform } : { kind: 'image', reference, platform }
    })
  }

  #platform(written: string, { text, unset }: Expansion): Platform {
    const meant = [...unset].map((name) => didYouMean(name, this.#globals.keys())).find((suggestion) => suggestion !== '') ?? ''
    if (text === '') throw invalid(`empty platform value from expression ${written}${meant}`)
    try {
      return parsePlatform(text, this.#options.buildPlatform)
    } catch (error) {
      throw invalid(`failed to parse platform ${written}: ${messageOf(error)}${meant}`)
    }
  }

  async #plan(stage: Stage): Promise<StageState> {
    // thousands of stages, each on the one before, would be as many calls deep
    await Promise.resolve()
    const { from } = stage
    const base = this.#baseOf(stage)
    const begun =
      base.kind === 'image' ? await atSourceAsync(from.range, () => this.#image(base.reference, base.platform)) : undefined
    const named =
      base.kind === 'named' ? await atSourceAsync(from.range, () => this.#named(base.context, base.platform, from)) : undefined
    if (named !== undefined && base.kind === 'named' && base.whole)
      return { ...named, cmdSet: false, config: withoutTriggers(named.config), stage: from.alias ?? String(stage.index) }
    const inherited = base.kind === 'stage' ? await this.stage(base.stage) : named
    if (base.kind === 'image' && begun !== undefined)
      this.#options.observer?.baseImage?.(stage, base.reference, base.platform, begun.image.config)
    const observed = this.#options.observer?.stage(stage, base.kind === 'stage' ? base.stage : undefined)
    const triggers = inherited?.config.OnBuild ?? begun?.image.config.config?.OnBuild ?? []
    const instructions: readonly { readonly instruction: Instruction; readonly trigger: boolean }[] = [
      ...triggers.map((one) => ({ instruction: parseTrigger(one, from.range), trigger: true })),
      ...stage.instructions.map((instruction) => ({ instruction, trigger: false })),
    ]
    const steps = instructions.filter(({ instruction }) => ['add', 'copy', 'run', 'workdir'].includes(instruction.kind)).length
    const platform =
      (base.kind === 'stage' || base.kind === 'named' ? inherited?.platform : base.platform) ?? this.#targetPlatform
    const name = [...this.#platformLabel(platform), stageName(this.#dockerfile, stage)].filter((word) => word !== '').join(' ')
    const label = stepLabels(name, steps + (begun === undefined ? 0 : 1))
    let state = inherited ?? this.#begin(stage, begun, platform, label)
    state = { ...state, cmdSet: false, config: withoutTriggers(state.config), stage: stage.from.alias ?? String(stage.index) }
    for (const { instruction, trigger } of instructions) {
      const context = this.#context(stage, trigger ? (text) => label(`ONBUILD ${text}`) : label)
      observed?.instruction(state, instruction)
      state = await atSourceAsync(instruction.range, () => applyInstruction(state, context, instruction))
    }
    return state
  }

  /** What a stage is that a named context stands for, or begins with. */
  async #named(context: NamedContext, platform: Platform, from: Stage['from']): Promise<StageState> {
    switch (context.kind) {
      case 'scratch':
        return emptyState(platform)
      case 'image':
        return stateOfImage(await this.#image(context.reference, platform), context.label, from)
      case 'stage':
        return await this.#stageItself(context.name)
      case 'files':
        return stateOfFiles(createVertex(context.op, [], { label: context.label, source: from.range }), platform, from)
    }
  }

  /** A stage without what named contexts would put in its place, so that none can lead to itself. */
  async #stageItself(name: string): Promise<StageState> {
    const { contexts: _contexts, observer: _observer, ...options } = this.#options
    return await new Planner(this.#dockerfile, { ...options, target: name }).stage(findTarget(this.#dockerfile, name))
  }

  #begin(stage: Stage, base: ResolvedImage | undefined, platform: Platform, label: (text: string) => string): StageState {
    return base === undefined ? emptyState(platform) : stateOfImage(base, label(`FROM ${base.name}`), stage.from)
  }

  /** `linux/amd64`, or `linux/amd64->arm64` for a stage that works on this machine for another. */
  #platformLabel(platform: Platform): readonly string[] {
    if (this.#options.showPlatform !== true) return []
    const target = this.#targetPlatform
    const own = normalizePlatform(platform)
    if (formatPlatform(own) === formatPlatform(target)) return [formatPlatform(target)]
    const { os, architecture, variant } = target
    const rest = [...(own.os === os ? [] : [os]), architecture, ...(variant === undefined ? [] : [variant])]
    return [`${formatPlatform(own)}->${rest.join('/')}`]
  }

  #context(stage: Stage, label: (text: string) => string): StageContext {
    const { buildArguments, network, extraHosts, context, run = {} } = this.#options
    return {
      escape: this.#dockerfile.escape,
      globalArguments: this.#globals,
      buildArguments,
      proxy: proxyVariables(buildArguments),
      network,
      extraHosts,
      allow: new Set(run.allow),
      ulimits: run.ulimits ?? [],
      shmSize: run.shmSize ?? 0,
      context,
      label,
      sourceOf: (instruction, from, target) => this.#sourceOf(stage, instruction, from, target),
    }
  }

  /** Files that are copied as they are, without a layer. */
  #filesOf(context: NamedContext, { range }: Pick<Instruction, 'range'>): Vertex | undefined {
    if (context.kind === 'files') return createVertex(context.op, [], { label: context.label, source: range })
    return context.kind === 'scratch' ? createVertex({ kind: 'scratch' }, [], { label: 'scratch' }) : undefined
  }

  async #sourceOf(stage: Stage, instruction: Pick<Instruction, 'range'>, from: string, target?: string): Promise<Vertex> {
    if (target === undefined && expand(from, () => undefined, { escape: this.#dockerfile.escape }).text !== from)
      throw invalid(
        'variable expansion is not supported for --from, define a new stage with FROM using ARG from global scope as a workaround',
      )
    const source = stageNamed(this.#dockerfile, from)
    if (source !== undefined) {
      if (source.index === stage.index)
        throw invalid(`circular dependency detected on stage: ${stageName(this.#dockerfile, stage)}`)
      if (source.index > stage.index)
        throw invalid(
          target === undefined
            ? `cannot copy from stage "${from}", it needs to be defined before current stage "${stageName(this.#dockerfile, stage)}"`
            : `cannot mount from stage "${from}" to "${target}", stage needs to be defined before current command`,
        )
      const whole = source.from.alias === undefined ? undefined : this.#contexts.find(source.from.alias, this.#targetPlatform)
      return (whole && this.#filesOf(whole, instruction)) ?? (await this.stage(source)).files
    }
    const named = this.#contexts.find(from, this.#targetPlatform)
    if (named?.kind === 'image')
      return imageVertex(await this.#image(named.reference, this.#targetPlatform), named.label, instruction)
    if (named?.kind === 'stage') return (await this.#stageItself(named.name)).files
    const files = named && this.#filesOf(named, instruction)
    if (files !== undefined) return files
    if (from === 'scratch') return createVertex({ kind: 'scratch' }, [], { label: 'scratch' })
    const image = await this.#image(from, this.#targetPlatform)
    return imageVertex(image, `FROM ${image.name}`, instruction)
  }
}

const invalid = (reason: string): GantryError => new GantryError('invalid_argument', 'STAGE_INVALID', reason)

const withoutTriggers = ({ OnBuild: _triggers, ...config }: StageState['config']): StageState['config'] => config
