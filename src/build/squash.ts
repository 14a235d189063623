import { squashLayers } from '../layers/squash.ts'
import type { LayerReader } from '../layers/interfaces.ts'
import type { Abortable } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { chainIds } from '../oci/chain-id.ts'
import type { DiffId } from '../oci/digest.ts'
import { batched } from './copy/batched.ts'
import type { BuildCache } from './cache.ts'
import type { FilesResult, ResultLayer } from './execute/executor.ts'
import type { BuildServices } from './interfaces.ts'
import type { PlannedHistory, StageState } from './plan/stage-state.ts'

/**
 * Which new layers become one. `all` of them; or from the layers of a stage on; or by number, the first layer over the base image
 * being 1: `3` from that one on, `2-4` those.
 */
export type SquashRange = 'all' | { readonly from: string }

type Squashed = Pick<FilesResult, 'layers' | 'time'> & { readonly history: StageState['history'] }

/** The result of a build with the layers of a range as one; the history keeps the steps, without layers, and has one more for it. */
export const squashResult = async (
  state: Pick<StageState, 'history'>,
  result: FilesResult,
  range: SquashRange,
  services: Pick<BuildServices, 'layers' | 'now'>,
  cache: BuildCache,
  options: Abortable,
): Promise<Squashed> => {
  const own = ownLayers(state.history)
  const [first, last] = range === 'all' ? [0, own.length - 1] : positionsOf(range.from, own)
  const [from, to] = [own[first], own[last]]
  if (from === undefined || to === undefined || from === to) return { ...result, history: state.history }
  const layers = result.layers.slice(from.layer, to.layer + 1)
  const below = result.layers.slice(0, from.layer)
  await result.prepare(options)
  const diffId = await squashCached(below, layers, services, cache, options)
  const time = Math.max(...layers.map((layer) => layer.time ?? 0))
  const squashed = new Set(own.slice(first, last + 1).map(({ entry }) => entry))
  const history: PlannedHistory[] = []
  for (const [index, one] of state.history.entries()) {
    history.push(squashed.has(index) ? { ...one, entry: { ...one.entry, empty_layer: true } } : one)
    if (index === to.entry)
      history.push({
        inherited: false,
        stage: one.stage ?? '',
        entry: { created_by: `SQUASH ${layers.length} layers # gantry`, comment: 'gantry.squash.v0' },
      })
  }
  return { time: result.time, history, layers: [...below, { diffId, time }, ...result.layers.slice(to.layer + 1)] }
}

/** The layers that this build made, by their places among all entries of the history, and among all layers. */
const ownLayers = (history: StageState['history']): readonly { entry: number; layer: number; stage: string }[] => {
  let layer = 0
  const own = []
  for (const [entry, one] of history.entries()) {
    if (one.entry.empty_layer === true) continue
    if (!one.inherited) own.push({ entry, layer, stage: one.stage ?? '' })
    layer++
  }
  return own
}

const positionsOf = (from: string, own: ReturnType<typeof ownLayers>): readonly [first: number, last: number] => {
  const last = own.length - 1
  const stage = own.findIndex((one) => one.stage === from.toLowerCase() && !/^\d+$/.test(one.stage))
  if (stage >= 0) return [stage, last]
  const [, start = '', end = String(own.length)] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(from) ?? []
  if (start !== '' && Number(start) >= 1 && Number(start) <= Number(end) && Number(end) <= own.length)
    return [Number(start) - 1, Number(end) - 1]
  const stages = [...new Set(own.map((one) => one.stage))].filter((name) => !/^\d*$/.test(name))
  throw new GantryError('invalid_argument', 'SQUASH_RANGE', `Cannot squash from "${from}": there is no such layer or stage`, {
    hint: `the build makes ${own.length} layers${stages.length === 0 ? '' : `, in the stages ${stages.join(', ')}`}`,
  })
}

const squashCached = async (
  below: readonly ResultLayer[],
  layers: readonly ResultLayer[],
  services: Pick<BuildServices, 'layers' | 'now'>,
  cache: BuildCache,
  options: Abortable,
): Promise<DiffId> => {
  const ids = layers.map(({ diffId }) => diffId)
  const inputs = { kind: 'squash', layers: ids, onto: chainIds(below.map(({ diffId }) => diffId)).at(-1) ?? 'scratch' }
  const known = await cache.find(inputs)
  if (known !== undefined) return known.layer
  await using readers = new AsyncDisposableStack()
  const open = async (some: readonly ResultLayer[]): Promise<readonly LayerReader[]> => {
    const opened = []
    for (const { diffId } of some) opened.push(readers.use(await services.layers.open(diffId)))
    return opened
  }
  const tar = squashLayers(await open(below), await open(layers))
  const { diffId } = await services.layers.create(batched(tar), options)
  const createdAt = services.now().toISOString()
  await cache.keep({ layer: diffId, time: 0, createdAt, inputs, step: `SQUASH ${layers.length} layers` })
  return diffId
}
