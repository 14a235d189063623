import { constants, createGunzip, createZstdDecompress } from 'node:zlib'
import { GantryError } from './errors.ts'

/** The ways a blob may be compressed that this package writes and reads. */
export type Codec = 'gzip' | 'zstd'

/**
 * What node:zlib's streams drive on the thread pool. Driven here by hand: a stream costs more than the inflating itself, and that for
 * zstd loses the frames that follow the first one in a chunk.
 */
interface Handle {
  onerror: (message: string, errno: number, code: string) => void
  writeSync(
    flush: number,
    input: Uint8Array,
    inputAt: number,
    inputLength: number,
    output: Uint8Array,
    outputAt: number,
    outputLength: number,
  ): void
}

interface HandleOwner {
  readonly _handle?: Partial<Handle>
  /** Room left in the output, bytes left of the input. */
  readonly _writeState?: Uint32Array
  close(): void
}

const open = (codec: Codec): HandleOwner => (codec === 'gzip' ? createGunzip() : createZstdDecompress())

const nothing = new Uint8Array(0)

/**
 * Inflates synchronously from the caller's buffers into the caller's buffers, which may be shared memory. Takes all gzip members and
 * all zstd frames (skippable ones too), and refuses what follows them, zeros included, as Go's readers and so the other container
 * tools do. Errors are `data_loss`: COMPRESSION_INVALID, COMPRESSION_TRUNCATED.
 */
export class Inflater implements Disposable {
  readonly #codec: Codec
  readonly #owner: HandleOwner
  readonly #handle: Handle
  readonly #state: Uint32Array
  #failure: { readonly message: string; readonly code: string } | undefined
  /** What the last `step` took of its input and put into its output, in bytes. */
  taken = 0
  made = 0

  constructor(codec: Codec) {
    this.#codec = codec
    this.#owner = open(codec)
    const { _handle: handle, _writeState: state } = this.#owner
    if (typeof handle?.writeSync !== 'function' || !(state instanceof Uint32Array))
      throw new GantryError('unsupported', 'NO_INFLATER', `Cannot decompress ${codec}: not known how in this version of Node.js`)
    this.#handle = handle as Handle
    this.#state = state
    this.#handle.onerror = (message, _errno, code) => (this.#failure = { message, code })
  }

  /**
   * Goes on with `input` from `at` to `end` into the room of `output` from `to` to `limit`. To be called, if need be with no input,
   * until all is taken and room is left: only then is nothing held back.
   */
  step(input: Uint8Array, at: number, end: number, output: Uint8Array, to: number, limit: number): void {
    this.#handle.writeSync(0, input, at, end - at, output, to, limit - to)
    if (this.#failure !== undefined) throw this.#error(this.#failure)
    const [room = 0, left = 0] = this.#state
    this.taken = end - at - left
    this.made = limit - to - room
    if (end > at && this.taken === 0 && this.made === 0) throw this.#error({ message: 'bytes follow its end', code: 'TRAILING' })
  }

  /** Says that the input is over. `output` is scratch space. */
  finish(output: Uint8Array): void {
    const flush = this.#codec === 'gzip' ? constants.Z_FINISH : constants.ZSTD_e_end
    this.#handle.writeSync(flush, nothing, 0, 0, output, 0, output.length)
    if (this.#failure !== undefined) throw this.#error(this.#failure)
  }

  [Symbol.dispose](): void {
    this.#owner.close()
  }

  #error({ message, code }: { readonly message: string; readonly code: string }): GantryError {
    const truncated = code === 'Z_BUF_ERROR'
    return new GantryError(
      'data_loss',
      truncated ? 'COMPRESSION_TRUNCATED' : 'COMPRESSION_INVALID',
      `Cannot decompress ${this.#codec}: ${truncated ? 'it ends in the middle' : message}`,
    )
  }
}
