import { createHash } from 'node:crypto'
import type { LayerEntry, LayerReader, LayerStore } from '../layers/interfaces.ts'
import { bytesAsText, textFromBytes } from '../layers/tree/byte-text.ts'
import type { ImageConfig } from '../oci/image-config.ts'
import type { DiffId } from '../oci/digest.ts'
import { canonicalJson } from './graph.ts'

/** One thing that is not the same in two images. */
export type Difference =
  /** A field of the config: `config.Env`. */
  | { readonly kind: 'config'; readonly field: string; readonly first: string; readonly second: string }
  /** An attribute of a file in a layer, counted from 1; `step` is the history's created_by. */
  | { readonly kind: 'file'; readonly layer: number; readonly step: string; readonly path: string; readonly what: string }
  | { readonly kind: 'layers'; readonly first: number; readonly second: number }

/** Most differences that are told of one layer. */
const mostOfLayer = 20

/** What is different between two images that should be the same: of their configs, and of each file of each layer. */
export const compareImages = async (
  store: Pick<LayerStore, 'open'>,
  first: ImageConfig,
  second: ImageConfig,
): Promise<readonly Difference[]> => {
  const differences: Difference[] = [...compareConfigs(first, second)]
  const [a, b] = [first.rootfs.diff_ids, second.rootfs.diff_ids]
  if (a.length !== b.length) return [...differences, { kind: 'layers', first: a.length, second: b.length }]
  const steps = (first.history ?? []).filter((entry) => entry.empty_layer !== true).map((entry) => entry.created_by ?? '')
  for (const [index, diffId] of a.entries()) {
    const other = b[index]
    if (other === undefined || other === diffId) continue
    const found = await compareLayers(store, diffId, other)
    for (const one of found.slice(0, mostOfLayer))
      differences.push({ kind: 'file', layer: index + 1, step: steps[index] ?? '', ...one })
    const more = found.length - mostOfLayer
    if (more > 0)
      differences.push({ kind: 'file', layer: index + 1, step: steps[index] ?? '', path: '…', what: `${more} more differences` })
  }
  return differences
}

function* compareConfigs(first: ImageConfig, second: ImageConfig): Generator<Difference> {
  const fields = (config: ImageConfig): ReadonlyMap<string, unknown> => {
    const { config: execution = {}, rootfs: _layers, history = [], ...rest } = config
    return new Map<string, unknown>([
      ...Object.entries(rest),
      ...Object.entries(execution).map(([key, value]) => [`config.${key}`, value] as const),
      ...history.map((entry, index) => [`history ${index + 1}`, entry] as const),
    ])
  }
  const [a, b] = [fields(first), fields(second)]
  for (const field of new Set([...a.keys(), ...b.keys()])) {
    const [one, other] = [shown(a.get(field)), shown(b.get(field))]
    if (one !== other) yield { kind: 'config', field, first: one, second: other }
  }
}

const shown = (value: unknown): string => (value === undefined ? 'nothing' : canonicalJson(value)).slice(0, 500)

type FileDifference = Pick<Extract<Difference, { kind: 'file' }>, 'path' | 'what'>

const compareLayers = async (
  store: Pick<LayerStore, 'open'>,
  first: DiffId,
  second: DiffId,
): Promise<readonly FileDifference[]> => {
  await using a = await store.open(first)
  await using b = await store.open(second)
  const others = new Map<string, LayerEntry>()
  for await (const entry of b.entries()) others.set(bytesAsText(entry.path, entry.rawPath), entry)
  const differences: FileDifference[] = []
  for await (const entry of a.entries()) {
    const key = bytesAsText(entry.path, entry.rawPath)
    const path = `/${textFromBytes(key).text}`
    const other = others.get(key)
    others.delete(key)
    if (other === undefined) differences.push({ path, what: 'only the first build has it' })
    else for (const what of await compareEntries(a, entry, b, other)) differences.push({ path, what })
  }
  for (const key of others.keys()) differences.push({ path: `/${textFromBytes(key).text}`, what: 'only the second build has it' })
  return differences.length > 0 ? differences : [{ path: '/', what: 'the order or the form of the entries' }]
}

const compareEntries = async (
  a: LayerReader,
  first: LayerEntry,
  b: LayerReader,
  second: LayerEntry,
): Promise<readonly string[]> => {
  const found: string[] = []
  const [one, other] = [factsOf(first), factsOf(second)]
  for (const name of new Set([...one.keys(), ...other.keys()])) {
    const [before, after] = [one.get(name) ?? 'none', other.get(name) ?? 'none']
    if (before !== after) found.push(`${name} ${before} → ${after}`)
  }
  if (first.kind === 'file' && second.kind === 'file' && first.size === second.size && first.hardLink === undefined) {
    const [before, after] = [await digestOf(a, first), await digestOf(b, second)]
    if (before !== after) found.push(`content sha256:${before.slice(0, 12)}… → sha256:${after.slice(0, 12)}…`)
  }
  return found
}

const factsOf = (entry: LayerEntry): ReadonlyMap<string, string> => {
  const { kind, mode, uid, gid, size, mtime, target, hardLink, device, xattrs = {}, opaque = false } = entry
  const time = `${new Date(mtime.seconds * 1000).toISOString().slice(0, 19)}.${String(mtime.nanoseconds).padStart(9, '0')}Z`
  return new Map<string, string>([
    ['kind', kind],
    ['mode', mode.toString(8)],
    ['owner', `${uid}:${gid}`],
    ['size', String(size)],
    ['time', time],
    ['link', target ?? hardLink ?? 'none'],
    ['device', device === undefined ? 'none' : `${device.major}:${device.minor}`],
    ['opaque', String(opaque)],
    ...Object.entries(xattrs).map(([name, value]) => [`xattr ${name}`, Buffer.from(value).toString('hex')] as const),
  ])
}

const digestOf = async (reader: LayerReader, entry: LayerEntry): Promise<string> => {
  const hash = createHash('sha256')
  for await (const chunk of reader.read(entry)) hash.update(chunk)
  return hash.digest('hex')
}
