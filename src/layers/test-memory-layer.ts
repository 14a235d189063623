import type { ByteStream } from '../lib/bytes.ts'
import { encodeErofs } from './erofs/encode.ts'
import { ErofsReader } from './erofs/reader.ts'
import { treeOfTar } from './erofs/test-layers.ts'
import type { LayerEntry, LayerReader } from './interfaces.ts'

/** A reader of a layer in memory. */
export class MemoryLayer implements LayerReader {
  readonly #tar: Buffer
  readonly #index: ErofsReader
  closed = false

  constructor(tar: Buffer) {
    this.#tar = tar
    this.#index = ErofsReader.of(Buffer.concat([...encodeErofs(treeOfTar(tar), { devices: [{ bytes: tar.length }] })]))
  }

  async *entries(): AsyncIterable<LayerEntry> {
    yield* this.#index.entries()
  }

  async entry(path: string | Uint8Array): Promise<LayerEntry | undefined> {
    return this.#index.entry(path)
  }

  async *list(path: string | Uint8Array): AsyncIterable<LayerEntry> {
    yield* this.#index.list(path)
  }

  async *read(entry: LayerEntry): ByteStream {
    const inode = this.#index.entry(entry.rawPath ?? entry.path)?.inode ?? 0
    for (const { position, length } of this.#index.parts(inode)) yield this.#tar.subarray(position, position + length)
  }

  async *tar(): ByteStream {
    yield this.#tar
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true
  }
}
