import { bytesAsText, textFromBytes } from '../../layers/tree/byte-text.ts'
import { isGantryError, messageOf } from '../../lib/errors.ts'
import type { CheckOptions, CheckServices } from '../check-dockerfile.ts'
import { unknownImage } from '../check-dockerfile.ts'
import { contextSource, dockerfileSource } from '../context-source.ts'
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import { createVertex, type Vertex } from '../graph.ts'
import { PatternMatcher, type MatchInfo } from '../ignore.ts'
import { loadContext, type LoadedContext } from '../load-context.ts'
import { NamedContexts } from '../plan/named-contexts.ts'
import { planEachStage } from '../plan/plan.ts'
import { Scratch } from '../scratch.ts'
import { cleanPath, type Tree, type TreeEntry } from '../tree/tree.ts'
import { traceRules, type MetRule } from './rule-trace.ts'
import { findTakers, type Taker } from './takers.ts'

/** A path of a build context, and what becomes of it. */
export interface ContextEntry {
  readonly path: string
  readonly kind: TreeEntry['kind']
  /** Bytes: of a folder those of all files below it. */
  readonly size: number
  /** How many files it is: those below it, for a folder. */
  readonly files: number
  /** Whether it is left out; of a folder, whether all of it is. */
  readonly ignored: boolean
  /** The rules that had a say, the last one decided; none if no rule matches. */
  readonly rules: readonly MetRule[]
  readonly takers: readonly Taker[]
}

/** What is asked of a context while it is open. Paths are relative to its root. */
export interface ContextReport {
  /** What goes in: everything but folders, in the order of their paths. What is left out, by the highest folder that all of is. */
  list(): Promise<readonly ContextEntry[]>
  /** Undefined for what is not there. */
  why(path: string): Promise<ContextEntry | undefined>
  /** What kept takers from being found: what is wrong with the Dockerfile. */
  readonly problems: readonly string[]
}

/** Opens a context without building anything; no base image is asked for that is not here. */
export const withContextReport = async <T>(
  options: CheckOptions,
  services: CheckServices,
  work: (report: ContextReport) => Promise<T>,
): Promise<T> => {
  const { context, dockerfile, signal } = options
  await using scratch = await Scratch.open(services.scratchFolder)
  const loading = { sources: services.sources, ...(signal === undefined ? {} : { signal }) }
  const problems: string[] = []
  const source = await dockerfileSource(dockerfile, context)
  let loaded: LoadedContext
  try {
    loaded = await loadContext(contextSource(context), source, scratch, loading)
  } catch (error) {
    if (!isGantryError(error, 'not_found') || error.code !== 'NO_DOCKERFILE') throw error
    problems.push(messageOf(error))
    loaded = await loadContext(contextSource(context), { kind: 'text', text: '' }, scratch, loading)
  }
  const ends = loaded.dockerfile.text === '' ? [] : await endsOf(loaded, options, services, problems)
  return await work(await Report.open(loaded, ends, problems))
}

const endsOf = async (
  { dockerfile: { name, text } }: LoadedContext,
  { target, platform, buildArgs = {}, contexts, signal }: CheckOptions,
  services: CheckServices,
  problems: string[],
): Promise<readonly Vertex[]> => {
  try {
    const states = await planEachStage(parseDockerfile(text, name), {
      contexts: new NamedContexts(contexts),
      buildArguments: buildArgs,
      labels: {},
      network: 'default',
      extraHosts: [],
      buildPlatform: services.platform,
      context: createVertex({ kind: 'context' }, [], { label: '[internal] load build context' }),
      resolveImage: async (reference, wanted) => {
        try {
          return await services.resolveImage(reference, {
            platform: wanted,
            pull: false,
            ...(signal === undefined ? {} : { signal }),
          })
        } catch (error) {
          if (isGantryError(error, 'canceled')) throw error
          return unknownImage(reference, wanted)
        }
      },
      ...(target === undefined ? {} : { target }),
      ...(platform === undefined ? {} : { platform }),
    })
    return states.map(({ files }) => files)
  } catch (error) {
    if (!isGantryError(error) || error.kind === 'canceled' || error.kind === 'internal') throw error
    problems.push(messageOf(error))
    return []
  }
}

class Report implements ContextReport {
  readonly problems: readonly string[]
  readonly #all: Tree
  readonly #matcher: PatternMatcher
  readonly #ignored: Awaited<ReturnType<LoadedContext['ignored']>>
  readonly #takersOf: Awaited<ReturnType<typeof findTakers>>

  private constructor(
    all: Tree,
    ignored: Awaited<ReturnType<LoadedContext['ignored']>>,
    takersOf: Awaited<ReturnType<typeof findTakers>>,
    problems: readonly string[],
  ) {
    this.#all = all
    this.#ignored = ignored
    this.#matcher = new PatternMatcher(ignored.lines.map(({ pattern }) => pattern))
    this.#takersOf = takersOf
    this.problems = problems
  }

  static async open(loaded: LoadedContext, ends: readonly Vertex[], problems: readonly string[]): Promise<Report> {
    const takersOf = await findTakers(ends, await loaded.tree())
    return new Report(loaded.all, await loaded.ignored(), takersOf, problems)
  }

  async list(): Promise<readonly ContextEntry[]> {
    const entries: ContextEntry[] = []
    await this.#walk('', undefined, entries)
    return entries
  }

  async #walk(folder: string, info: MatchInfo | undefined, entries: ContextEntry[]): Promise<void> {
    for (const entry of await this.#all.list(folder)) {
      const { text } = textFromBytes(entry.path)
      const match = this.#matcher.match(text, info)
      if (entry.kind !== 'folder') entries.push(this.#entryOf(entry, { size: entry.size, files: 1 }, match.matched))
      else if (match.matched && this.#matcher.coversAll(text, match))
        entries.push(this.#entryOf(entry, await this.#total(entry), true))
      else await this.#walk(entry.path, match.info, entries)
    }
  }

  async why(path: string): Promise<ContextEntry | undefined> {
    const entry = await this.#all.stat(bytesAsText(cleanPath(path)))
    if (entry === undefined) return undefined
    const { text } = textFromBytes(entry.path)
    const match = this.#matcher.matchPath(text)
    if (entry.kind !== 'folder') return this.#entryOf(entry, { size: entry.size, files: 1 }, match.matched)
    return this.#entryOf(entry, await this.#total(entry), match.matched && this.#matcher.coversAll(text, match))
  }

  #entryOf(entry: TreeEntry, total: { readonly size: number; readonly files: number }, ignored: boolean): ContextEntry {
    const { text } = textFromBytes(entry.path)
    const { rules } = entry.path === '' ? { rules: [] } : traceRules(text, this.#matcher, this.#ignored)
    return { path: text, kind: entry.kind, ...total, ignored, rules, takers: ignored ? [] : this.#takersOf(entry.path) }
  }

  /** What is below a folder; what may not be read there counts as nothing, since it may well be left out for that. */
  async #total(folder: TreeEntry): Promise<{ readonly size: number; readonly files: number }> {
    let [size, files] = [0, 0]
    const pending = [folder.path]
    for (let path = pending.pop(); path !== undefined; path = pending.pop())
      for (const entry of await this.#listed(path)) {
        if (entry.kind === 'folder') pending.push(entry.path)
        else files++
        size += entry.size
      }
    return { size, files }
  }

  async #listed(path: string): Promise<readonly TreeEntry[]> {
    try {
      return await this.#all.list(path)
    } catch (error) {
      if (isGantryError(error, 'permission_denied')) return []
      throw error
    }
  }
}
