import { posix } from 'node:path'
import { textFromBytes } from '../../layers/tree/byte-text.ts'
import { isGantryError } from '../../lib/errors.ts'
import { selectSources, type CopySource } from '../copy/select-sources.ts'
import type { CopyOp, Vertex } from '../graph.ts'
import { PatternMatcher } from '../ignore.ts'
import type { Tree } from '../tree/tree.ts'

/** An instruction that takes something of the build context. */
export interface Taker {
  readonly file: string
  readonly line: number
  /** The instruction as it is written. */
  readonly text: string
  /** Where it is put; nowhere by what RUN mounts. */
  readonly destination?: string
}

/** Says which instructions take a path of the context, and where they put it. */
export type FindTakers = (path: string) => readonly Taker[]

/** One source of one instruction: the file or the folder that it means, and what it leaves out of that. */
interface Taking {
  readonly taker: Omit<Taker, 'destination'>
  readonly source: CopySource
  readonly destination: string
  readonly include?: PatternMatcher
  readonly exclude?: PatternMatcher
}

/** Looks through the steps that lead to some files for what they take of the context. */
export const findTakers = async (ends: readonly Vertex[], tree: Tree): Promise<FindTakers> => {
  const takings: Taking[] = []
  for (const vertex of stepsOf(ends)) if (vertex.op.kind === 'copy') takings.push(...(await takingsOf(vertex, vertex.op, tree)))
  const order = takings.toSorted((a, b) => a.taker.line - b.taker.line)
  return (path) =>
    order.flatMap((taking) => {
      const destination = destinationOf(taking, path)
      if (destination === undefined) return []
      return [/^RUN\b/i.test(taking.taker.text) ? taking.taker : { ...taking.taker, destination }]
    })
}

const stepsOf = (ends: readonly Vertex[]): readonly Vertex[] => {
  const seen = new Map<string, Vertex>()
  const pending = [...ends]
  for (let vertex = pending.pop(); vertex !== undefined; vertex = pending.pop()) {
    if (seen.has(vertex.digest)) continue
    seen.set(vertex.digest, vertex)
    pending.push(...vertex.inputs)
  }
  return [...seen.values()]
}

const takingsOf = async ({ inputs, source }: Vertex, op: CopyOp, tree: Tree): Promise<readonly Taking[]> => {
  if (source === undefined) return []
  const lines = source.file.lines.slice(source.start - 1, source.end)
  const taker = { file: source.file.name, line: source.start, text: (lines[0] ?? '').trim() }
  const takings: Taking[] = []
  for (const from of op.from) {
    if (from.kind !== 'input') continue
    const input = inputs[from.index]?.op
    if (input?.kind !== 'context' || input.name !== undefined) continue
    for (const one of await sourcesOf(tree, from.path))
      takings.push({
        taker,
        source: one,
        destination: op.destination,
        ...(from.include === undefined ? {} : { include: new PatternMatcher(from.include) }),
        ...(op.exclude.length === 0 ? {} : { exclude: new PatternMatcher(op.exclude) }),
      })
  }
  return takings
}

/** A source that is not there fails when it is built, and takes nothing. */
const sourcesOf = async (tree: Tree, path: string): Promise<readonly CopySource[]> => {
  try {
    return await selectSources(tree, path)
  } catch (error) {
    if (isGantryError(error, 'not_found') || isGantryError(error, 'invalid_argument')) return []
    throw error
  }
}

const destinationOf = ({ source, destination, include, exclude }: Taking, path: string): string | undefined => {
  const { entry, name } = source
  if (entry.kind !== 'folder') {
    if (path !== entry.path) return undefined
    return destination.endsWith('/') ? posix.join(destination, textFromBytes(name).text) : destination
  }
  const inside = entry.path === '' ? path : path.startsWith(`${entry.path}/`) ? path.slice(entry.path.length + 1) : undefined
  if (inside === undefined || inside === '') return undefined
  const relative = textFromBytes(inside).text
  if (include?.matchPath(relative).matched === false || exclude?.matchPath(relative).matched === true) return undefined
  return posix.join(destination, relative)
}
