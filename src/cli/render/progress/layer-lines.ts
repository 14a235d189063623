import type { CopyEvent } from '../../../content/interfaces.ts'
import type { Descriptor } from '../../../oci/descriptor.ts'
import { isConfigType, isIndexType, isManifestType, mediaTypes } from '../../../oci/media-type.ts'
import { cutToWidth, printable } from '../display-width.ts'
import { humanSize, shortId } from '../units.ts'
import { progressBar } from './bar.ts'
import type { Direction } from './progress.ts'

interface Words {
  readonly waiting: string
  readonly moving: string
  /** Absent where the bar stays until the blob is done. */
  readonly received?: string
  readonly done: string
  readonly exists: string
}

const wordsOf: Readonly<Record<Direction, Words>> = {
  pull: {
    waiting: 'Pulling fs layer',
    moving: 'Downloading',
    received: 'Download complete',
    done: 'Pull complete',
    exists: 'Already exists',
  },
  push: { waiting: 'Preparing', moving: 'Pushing', done: 'Pushed', exists: 'Layer already exists' },
  copy: { waiting: 'Waiting', moving: 'Copying', done: 'Copied', exists: 'Already exists' },
}

interface Layer {
  readonly id: string
  status: string
  /** Bytes; the bar is shown while this is a number. */
  moved: number | undefined
  readonly size: number
  finished: boolean
}

/** What an event changed: the state of a layer, or something to tell once. */
export type LayerChange = { readonly kind: 'layer'; readonly line: string } | { readonly kind: 'message'; readonly line: string }

const isLayer = ({ mediaType }: Descriptor): boolean =>
  !isIndexType(mediaType) && !isManifestType(mediaType) && !isConfigType(mediaType) && mediaType !== mediaTypes.ociEmpty

/** A line for each layer that is copied, in the words of docker's pull and push. */
export class LayerLines {
  readonly #words: Words
  readonly #layers = new Map<string, Layer>()
  /** Configs of artifacts, whose media types nobody knows. */
  readonly #hidden = new Set<string>()

  constructor(direction: Direction) {
    this.#words = wordsOf[direction]
  }

  /** Takes an event; answers what is new for a display of lines, which has no moving bars. */
  apply(event: CopyEvent): readonly LayerChange[] {
    const words = this.#words
    switch (event.kind) {
      case 'manifest':
        return this.#announce(event.blobs)
      case 'exists':
        return this.#finish(event.descriptor, words.exists)
      case 'mounted':
        return this.#finish(event.descriptor, 'Mounted')
      case 'done':
        return this.#finish(event.descriptor, words.done)
      case 'started':
        return this.#move(event.descriptor, 0)
      case 'progress':
        return this.#move(event.descriptor, event.offset)
      case 'received':
        return words.received === undefined
          ? this.#move(event.descriptor, event.descriptor.size)
          : this.#set(event.descriptor, words.received)
      case 'retry': {
        const seconds = Math.ceil(event.wait / 1000)
        const layer = event.descriptor === undefined ? undefined : this.#find(event.descriptor)
        const place = layer?.moved === undefined || layer.moved === 0 ? '' : ` at ${humanSize(layer.moved, 4)}`
        const text = `Retrying in ${seconds} second${seconds === 1 ? '' : 's'}${place}: ${printable(event.reason)}`
        return event.descriptor !== undefined && layer !== undefined
          ? this.#set(event.descriptor, text)
          : [{ kind: 'message', line: text }]
      }
      case 'warning':
        return [{ kind: 'message', line: `warning: ${printable(event.message)}` }]
      case 'resolved':
      case 'tagged':
        return []
    }
  }

  #announce([config, ...layers]: readonly Descriptor[]): readonly LayerChange[] {
    if (config !== undefined) this.#hidden.add(config.digest)
    return layers.flatMap((layer) => (this.#layers.has(layer.digest) ? [] : this.#set(layer, this.#words.waiting)))
  }

  #find(descriptor: Descriptor): Layer | undefined {
    if (!isLayer(descriptor) || this.#hidden.has(descriptor.digest)) return undefined
    const known = this.#layers.get(descriptor.digest)
    if (known !== undefined) return known
    const layer: Layer = { id: shortId(descriptor.digest), status: '', moved: undefined, size: descriptor.size, finished: false }
    this.#layers.set(descriptor.digest, layer)
    return layer
  }

  #set(descriptor: Descriptor, status: string): readonly LayerChange[] {
    const layer = this.#find(descriptor)
    if (layer === undefined) return []
    layer.moved = undefined
    if (layer.status === status) return []
    layer.status = status
    return [{ kind: 'layer', line: `${layer.id}: ${status}` }]
  }

  #move(descriptor: Descriptor, offset: number): readonly LayerChange[] {
    const layer = this.#find(descriptor)
    if (layer === undefined) return []
    layer.status = this.#words.moving
    layer.moved = offset
    layer.finished = false
    return []
  }

  #finish(descriptor: Descriptor, status: string): readonly LayerChange[] {
    const layer = this.#find(descriptor)
    if (layer !== undefined) layer.finished = true
    return this.#set(descriptor, status)
  }

  /** One line a layer, none wider than `columns`; at most `rows` of them, those that are finished left out first. */
  lines(columns: number, rows: number): readonly string[] {
    const layers = [...this.#layers.values()]
    if (layers.length <= rows) return layers.map((layer) => lineOf(layer, columns))
    const finished = layers.filter((layer) => layer.finished).length
    const shown = layers.filter((layer) => !layer.finished).slice(0, Math.max(0, rows - 1))
    const summary = `${finished} of ${layers.length} layers complete, ${shown.length} shown`
    return [...shown.map((layer) => lineOf(layer, columns)), cutToWidth(summary, columns)].slice(0, rows)
  }
}

const lineOf = ({ id, status, moved, size }: Layer, columns: number): string => {
  const text = `${id}: ${status}`
  const bar = moved === undefined ? '' : progressBar(moved, size, columns - text.length - 1)
  return cutToWidth(bar === '' ? text : `${text} ${bar}`, columns)
}
