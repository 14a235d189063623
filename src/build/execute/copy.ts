import { join } from 'node:path'
import { bytesAsText } from '../../layers/tree/byte-text.ts'
import { streamOf } from '../../lib/bytes.ts'
import { GantryError, throwIfAborted } from '../../lib/errors.ts'
import { writeTar } from '../../lib/tar/writer.ts'
import { batched } from '../copy/batched.ts'
import { parseChmod } from '../copy/chmod.ts'
import { copyInto, type CopyOptions } from '../copy/copy-into.ts'
import { extractInto } from '../copy/extract-into.ts'
import { LayerDraft } from '../copy/layer-draft.ts'
import { selectSources, type CopySource } from '../copy/select-sources.ts'
import { isArchive, spoolArchive } from '../copy/spool-archive.ts'
import type { StepFacts } from '../explain/step-note.ts'
import { hasWildcard } from '../glob.ts'
import type { CopyFrom, CopyOp } from '../graph.ts'
import { hashOf } from '../graph.ts'
import { MemoryTree } from '../tree/memory-tree.ts'
import { nameOf, shownPath, type Tree } from '../tree/tree.ts'
import { sourceDigest } from './content-digest.ts'
import {
  chainOf,
  defaultTime,
  keyOf,
  latestCopied,
  type ExecuteContext,
  type Executor,
  type FilesResult,
  type Result,
  type StepLayer,
} from './executor.ts'
import { filesInput, treeInput } from './inputs.ts'
import { layerViews } from './layer-views.ts'
import { resolveOwner } from './owner.ts'

/** Sources of one word of COPY, and the tree they are in. */
interface Selected {
  readonly from: CopyFrom
  readonly tree: Tree
  readonly sources: readonly CopySource[]
  /** What a source is called where it comes from. */
  readonly sourceName: (path: string) => string
}

const contextName = (path: string): string => shownPath(path).slice(1)

/**
 * COPY and ADD: the layer's tar is written from the sources as they are, without mounting anything. The cache is asked first by
 * what is copied onto which files, then by what the layer will hold, which often is the same on other files.
 */
export const executeCopy: Executor<CopyOp> = async (vertex, inputs, context) => {
  const { op } = vertex
  const base = filesInput(inputs)
  const selected = lazy(() => selectAll(op, inputs, context, defaultTime(base, context.times)))
  const draft = lazy(async () => await draftOf(op, await selected(), async () => await treeInput(inputs, 0, context), context))
  return {
    kind: 'step',
    base,
    keys: [
      async () => {
        // of a whole context only what matches counts, which is what the draft knows
        if (op.from.some((from) => from.kind === 'input' && from.include !== undefined)) return undefined
        return keyOf({ ...quickInputs(op), onto: ontoOf(op, base), sources: await sourceIds(op, inputs, selected) }, context)
      },
      async () => await viewsKey(op, inputs, selected, context),
      async () => {
        const key = await layerKey(draft, context, op.from.some(({ kind }) => kind === 'inline') ? base.time : undefined)
        return op.time === undefined ? key : { ...key, fixed: op.time }
      },
    ],
    facts: keyOf(quickInputs(op), context),
    files: async () => await (await draft()).fileFacts(),
    run: async () => await writeLayer(await draft(), context),
  }
}

/** Writes the layer of a draft into the layer store. */
export const writeLayer = async (draft: LayerDraft, context: ExecuteContext): Promise<StepLayer> => {
  const { layers } = context.services
  const info = await layers.create(batched(writeTar(draft.tar(latestCopied(context.times)))), { signal: context.signal })
  const time = draft.newest()
  return { ...info, ...(time === undefined ? {} : { time }) }
}

/** A layer that will hold the same is the same, whatever made it. `time`: of what has no time of its own, where there is such a thing. */
export const layerKey = async (
  draft: () => Promise<LayerDraft>,
  context: ExecuteContext,
  time: number | undefined,
): Promise<StepFacts> => {
  const dated = context.times.kind === 'sources'
  const content = await (await draft()).digest(dated)
  return keyOf({ kind: 'layer', content, ...(dated && time !== undefined ? { time } : {}) }, context)
}

/** Calls once, when it is first asked. */
export const lazy = <T>(work: () => Promise<T>): (() => Promise<T>) => {
  let result: Promise<T> | undefined
  return () => (result ??= work())
}

const quickInputs = ({ from, ...op }: CopyOp): StepFacts => ({
  ...op,
  from: from.map((one) =>
    one.kind === 'input'
      ? { path: one.path, include: one.include, unpack: one.unpack }
      : { name: one.name, content: hashOf(one.content) },
  ),
})

/** Whether an owner has to be looked up in what is copied onto. */
const hasNames = (chown: string | undefined): boolean => chown !== undefined && !/^(?:\d+|root)?(?::(?:\d+|root)?)?$/.test(chown)

/** What names the files that are copied onto; the same for all where none of them has a say. */
const ontoOf = (op: CopyOp, base: FilesResult): string => (op.link && !hasNames(op.chown) ? 'scratch' : chainOf(base))

/** What names the sources: of other stages their files as a whole, of everything else the digests of what is taken. */
const sourceIds = async (
  op: CopyOp,
  inputs: readonly Result[],
  selected: () => Promise<readonly Selected[]>,
): Promise<unknown> => {
  const ids: unknown[] = []
  for (const from of op.from) {
    if (from.kind === 'inline') continue
    const input = inputs[from.index]
    // what a stage made need not be here to be named
    if (input?.kind === 'files') ids.push(chainOf(input))
    else
      for (const { tree, sources } of (await selected()).filter((one) => one.from === from))
        for (const one of sources) ids.push([one.name, one.entry.kind, await sourceDigest(tree, one, op.exclude)])
  }
  return ids
}

/** Of other stages: which of their layers have a say in what is copied. */
const viewsKey = async (
  op: CopyOp,
  inputs: readonly Result[],
  selected: () => Promise<readonly Selected[]>,
  context: ExecuteContext,
): Promise<StepFacts | undefined> => {
  const views: unknown[] = []
  for (const from of op.from) {
    const input = from.kind === 'input' && from.include === undefined ? inputs[from.index] : undefined
    if (input?.kind !== 'files') return undefined
    for (const { sources } of (await selected()).filter((one) => one.from === from))
      for (const { name, entry } of sources)
        views.push([name, entry.kind, entry.path, await layerViews(input, entry.path, context.services.layers)])
  }
  return keyOf({ ...quickInputs(op), onto: ontoOf(op, filesInput(inputs)), views }, context)
}

const selectAll = async (
  op: CopyOp,
  inputs: readonly Result[],
  context: ExecuteContext,
  time: number,
): Promise<readonly Selected[]> => {
  const all: Selected[] = []
  for (const from of op.from) {
    if (from.kind === 'inline') {
      const tree = inlineTree(from.name, from.content, time)
      all.push({ from, tree, sources: await selectSources(tree, '*'), sourceName: (path) => `<<${contextName(path)}` })
      continue
    }
    const tree = await treeInput(inputs, from.index, context)
    if (from.literal === true) {
      const entry = await tree.stat(bytesAsText(from.path))
      all.push({ from, tree, sources: entry === undefined ? [] : [{ name: nameOf(entry.path), entry }], sourceName: contextName })
      continue
    }
    for (const path of from.include ?? [])
      if (!hasWildcard(path) && !hasWildcard(from.path)) await selectSources(tree, `${from.path}/${path}`)
    const sourceName = inputs[from.index]?.kind === 'context' ? contextName : shownPath
    all.push({ from, tree, sources: await selectSources(tree, from.path), sourceName })
  }
  return all
}

/** A heredoc's text as a file: 0644. */
const inlineTree = (name: string, content: string, time: number): MemoryTree => {
  const path = nameOf(bytesAsText(name))
  if (path === '' || path === '.' || path === '..')
    throw new GantryError('invalid_argument', 'HEREDOC_NAME', `a file cannot be called "${name}"`)
  const bytes = Buffer.from(content)
  return new MemoryTree([
    {
      path,
      kind: 'file',
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      mtime: { seconds: time, nanoseconds: 0 },
      open: () => streamOf(bytes),
    },
  ])
}

const draftOf = async (
  op: CopyOp,
  selected: readonly Selected[],
  target: () => Promise<Tree>,
  context: ExecuteContext,
): Promise<LayerDraft> => {
  const below = op.link && !hasNames(op.chown) ? new MemoryTree() : await target()
  const draft = new LayerDraft(op.link ? new MemoryTree() : below)
  await checkDestination(op, selected, draft)
  const owner = op.chown === undefined ? undefined : await resolveOwner(op.chown, below)
  const common = {
    destination: op.destination,
    exclude: op.exclude,
    ...(owner === undefined ? {} : { owner }),
    ...(op.chmod === undefined ? {} : { chmod: parseChmod(op.chmod) }),
    ...(op.time === undefined ? {} : { time: { seconds: op.time, nanoseconds: 0 } }),
  }
  for (const { from, tree, sources, sourceName } of selected) {
    const options = { ...common, sourceName }
    for (const source of sources) {
      throwIfAborted(context.signal)
      if (from.kind === 'input' && from.unpack && source.entry.kind === 'file' && (await isArchive(tree.read(source.entry))))
        await extract(draft, tree, source, options, context)
      else
        await copyInto(
          draft,
          tree,
          source,
          from.kind === 'input' && from.include !== undefined ? { ...options, include: from.include } : options,
        )
    }
  }
  return draft
}

const extract = async (
  draft: LayerDraft,
  tree: Tree,
  source: CopySource,
  options: CopyOptions,
  context: ExecuteContext,
): Promise<void> => {
  const spool = join(await context.scratch(), 'archive')
  const entries = await spoolArchive(tree.read(source.entry), spool, { signal: context.signal })
  await extractInto(draft, entries, { ...options, time: source.entry.mtime })
}

/** Several sources need a folder to go to (Dockerfile reference §COPY). */
const checkDestination = async (op: CopyOp, selected: readonly Selected[], draft: LayerDraft): Promise<void> => {
  const count = selected.reduce((sum, { sources }) => sum + sources.length, 0)
  if (count < 2 || op.destination.endsWith('/')) return
  const { path, entry } = await draft.resolve(bytesAsText(op.destination))
  if (entry?.kind === 'folder') return
  throw new GantryError(
    'invalid_argument',
    'DESTINATION_NOT_A_FOLDER',
    'When using COPY or ADD with more than one source file, the destination must be a directory and end with a /',
    { hint: `write "${shownPath(path)}/"` },
  )
}
