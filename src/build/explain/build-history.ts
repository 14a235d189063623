import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemCode } from '../../lib/errors.ts'
import { writeFileAtomic } from '../../lib/files.ts'
import { forgetOldest } from '../forget-oldest.ts'
import { hashOf, type Vertex } from '../graph.ts'
import { describeDifferences, describeFiles, type FileFacts } from './differences.ts'
import { formatLabel, parseLabel, readNote, type StepFacts, type StepNote } from './step-note.ts'

/** What makes two builds the same one, done again. */
export interface BuildIdentity {
  /** Where the context is; absent for what comes as a stream. */
  readonly context?: string
  readonly dockerfile: string
  readonly target: string
  readonly platform: string
}

/** The last build of something: its steps in the order of the Dockerfile. */
export interface BuildRecord {
  /** When it ended, RFC 3339. */
  readonly at: string
  readonly identity: BuildIdentity
  readonly complete: boolean
  readonly steps: readonly StepNote[]
}

export interface BuildHistoryOptions {
  readonly folder: string
  readonly identity: BuildIdentity
  readonly noCache: boolean
  /** What the files of a layer were made of, where that is known. */
  readonly filesOf: (layer: string) => Promise<FileFacts | undefined>
  /** Takes what must not be kept out of a text. */
  readonly scrub: (text: string) => string
}

/** Builds that are remembered. */
const mostBuilds = 100

/** Reasons that are given for one step. */
const mostReasons = 5

const pathOf = (folder: string, identity: BuildIdentity): string => join(folder, `${hashOf(identity)}.json`)

/** The last build of something, if it is remembered. */
export const readBuildRecord = async (folder: string, identity: BuildIdentity): Promise<BuildRecord | undefined> => {
  let value: { readonly at?: unknown; readonly complete?: unknown; readonly steps?: unknown } | null
  try {
    value = JSON.parse(await readFile(pathOf(folder, identity), 'utf8')) as typeof value
  } catch (error) {
    if (error instanceof SyntaxError || systemCode(error) === 'ENOENT') return undefined
    throw error
  }
  if (value === null || typeof value !== 'object' || typeof value.at !== 'string' || !Array.isArray(value.steps)) return undefined
  if (Number.isNaN(Date.parse(value.at))) return undefined
  return { at: value.at, identity, complete: value.complete === true, steps: value.steps.flatMap((one) => readNote(one) ?? []) }
}

/**
 * What is known of the last build while the next one goes on: says of a step why it is done again, and keeps what it was made of for
 * the time after that. A step is the last build's if it has the same stage and text, else if it has the same place.
 */
export class BuildHistory {
  readonly #options: BuildHistoryOptions
  readonly #before: readonly StepNote[]
  readonly #known: boolean
  readonly #matched = new Map<string, StepNote | undefined>()
  readonly #taken = new Set<StepNote>()
  /** What was noted by the vertex' digest, and whether its result is another than that of the last build. */
  readonly #notes = new Map<string, { readonly note: StepNote; readonly changed: boolean; readonly causes: readonly string[] }>()

  private constructor(options: BuildHistoryOptions, last: BuildRecord | undefined) {
    this.#options = options
    this.#before = last?.steps ?? []
    this.#known = last !== undefined
  }

  static async open(options: BuildHistoryOptions): Promise<BuildHistory> {
    return new BuildHistory(options, await readBuildRecord(options.folder, options.identity))
  }

  /** Whether there was a build before: else that a step is done is no news. */
  get known(): boolean {
    return this.#known
  }

  /** A text without what must not be kept. */
  shown(text: string): string {
    return this.#options.scrub(text)
  }

  /** Matches the steps of a build with those of the last one: before the first of them is asked about. */
  expect(vertices: readonly Vertex[]): void {
    const labels = vertices.map((vertex) => ({ vertex, ...this.#place(vertex) }))
    const take = (digest: string, find: (note: StepNote) => boolean): void => {
      const found = this.#before.find((note) => !this.#taken.has(note) && find(note))
      if (found === undefined) return
      this.#taken.add(found)
      this.#matched.set(digest, found)
    }
    for (const { vertex, stage, text } of labels) take(vertex.digest, (note) => note.stage === stage && note.text === text)
    if (this.#options.identity.context === undefined) return
    for (const { vertex, stage, position } of labels)
      if (!this.#matched.has(vertex.digest))
        take(vertex.digest, (note) => note.stage === stage && note.position === position && note.kind === vertex.op.kind)
  }

  /** Why a step that the cache does not have is done. */
  async reasons(vertex: Vertex, facts: StepFacts, files?: () => Promise<FileFacts>): Promise<readonly string[]> {
    if (this.#options.noCache) return ['--no-cache']
    if (!this.#known) return ['never built here before']
    const last = this.#matched.get(vertex.digest)
    if (last === undefined) return ['this step is new']
    const own = await this.#differences(last, facts, files)
    const found = own.length > 0 ? own : this.#causes(vertex)
    if (found.length > 0) return found.slice(0, mostReasons)
    return last.outcome === 'failed' ? ['it did not finish the last time'] : ['the cache does not have it any more']
  }

  /** Keeps how a step ended. */
  async note(
    vertex: Vertex,
    facts: StepFacts,
    ended: { readonly outcome: StepNote['outcome']; readonly result?: string; readonly reasons?: readonly string[] },
  ): Promise<void> {
    const { outcome, result, reasons = [] } = ended
    const last = this.#matched.get(vertex.digest)
    const changed = result === undefined || last?.result !== result
    const causes = changed ? (reasons.length > 0 ? reasons : await this.#changes(vertex, last, facts, result)) : []
    const place = this.#place(vertex)
    const kind = vertex.op.kind
    const line = vertex.source?.start ?? 0
    const note = { ...place, line, kind, facts, outcome, reasons, ...(result === undefined ? {} : { result }) }
    this.#notes.set(vertex.digest, { note, changed, causes })
  }

  /** Keeps what was noted; of a build that did not come to its end, with what is known of the rest. */
  async save(at: string, complete: boolean): Promise<void> {
    const { folder, identity } = this.#options
    const noted = [...this.#notes.values()].map(({ note }) => note)
    const superseded = new Set([...this.#notes.keys()].map((digest) => this.#matched.get(digest)))
    const steps = complete ? noted : [...noted, ...this.#before.filter((note) => !superseded.has(note))]
    const record: BuildRecord = { at, identity, complete, steps: steps.toSorted((a, b) => a.line - b.line) }
    await writeFileAtomic(pathOf(folder, identity), JSON.stringify(record), 0o600, false)
    await forgetOldest(folder, mostBuilds)
  }

  #place(vertex: Vertex): Pick<StepNote, 'stage' | 'position' | 'text'> {
    return parseLabel(this.#options.scrub(vertex.label))
  }

  async #differences(last: StepNote, facts: StepFacts, files?: () => Promise<FileFacts | undefined>): Promise<readonly string[]> {
    if (last.kind === 'image') return describeImages(last.facts, facts)
    const own = describeDifferences(last.facts, facts)
    if (files === undefined || last.result === undefined) return own
    const before = await this.#options.filesOf(last.result)
    const now = before === undefined ? undefined : await files()
    return before === undefined || now === undefined ? own : [...own, ...describeFiles(before, now, own.length > 0)]
  }

  /** What is different about a step that was not done and has another result than last time. */
  async #changes(
    vertex: Vertex,
    last: StepNote | undefined,
    facts: StepFacts,
    result: string | undefined,
  ): Promise<readonly string[]> {
    if (last === undefined) return ['it is new']
    const files = async (): Promise<FileFacts | undefined> =>
      result === undefined ? undefined : await this.#options.filesOf(result)
    const own = await this.#differences(last, facts, files)
    return own.length > 0 ? own : this.#causes(vertex)
  }

  /** What changed of what a step builds on or copies from. */
  #causes(vertex: Vertex): readonly string[] {
    const found = vertex.inputs.flatMap((input) => {
      const noted = this.#notes.get(input.digest)
      if (noted === undefined) return input.op.kind === 'scratch' || input.op.kind === 'context' ? [] : this.#causes(input)
      if (!noted.changed) return []
      const of = noted.note.kind === 'image' ? '' : `after ${formatLabel(noted.note)}: `
      return noted.causes.map((cause) => (cause.startsWith('after ') || of === '' ? cause : of + cause))
    })
    return [...new Set(found)]
  }
}

const describeImages = (before: StepFacts, now: StepFacts): readonly string[] => {
  const [old, name] = [String(before['name']), String(now['name'])]
  const [from, to] = [before, now].map(({ manifest }) => String(manifest).slice(0, 'sha256:'.length + 12))
  if (old !== name) return [`base image ${old} → ${name}`]
  return from === to ? [] : [`base image ${name} moved from ${from} to ${to}`]
}
