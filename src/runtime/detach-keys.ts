import { GantryError } from '../lib/errors.ts'

/** Docker's default: ctrl-p, ctrl-q. */
export const defaultDetachKeys: Uint8Array = Uint8Array.of(16, 17)

/** `ctrl-p,ctrl-q`, `a,b`: single characters, or `ctrl-` with a letter or one of `@[\]^_`. */
export const parseDetachKeys = (text: string): Uint8Array =>
  Uint8Array.from(
    text.split(',').map((key) => {
      const control = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1]
      if (control !== undefined) return control.toUpperCase().charCodeAt(0) - 64
      if (/^[ -~]$/.test(key)) return key.charCodeAt(0)
      throw new GantryError(
        'invalid_argument',
        'BAD_DETACH_KEYS',
        `Cannot use detach keys "${text}": Unknown character: '${key}'`,
        {
          hint: 'write them as letters or ctrl-LETTER with commas between, for example ctrl-p,ctrl-q',
        },
      )
    }),
  )

/** Looks for the keys in what is typed; without keys everything goes on. Keys that may be the start of them are held back until the next one decides. */
export class DetachFilter {
  readonly #keys: Uint8Array
  #matched = 0

  constructor(keys: Uint8Array) {
    this.#keys = keys
  }

  /** What goes on to the container, and whether the keys were found; what comes after them is dropped. */
  push(chunk: Uint8Array): { readonly bytes: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { bytes: chunk, detached: false }
    const bytes: number[] = []
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched]) {
        bytes.push(...this.#keys.subarray(0, this.#matched))
        this.#matched = 0
      }
      if (byte === this.#keys[this.#matched]) {
        this.#matched++
        if (this.#matched === this.#keys.length) return { bytes: Uint8Array.from(bytes), detached: true }
      } else bytes.push(byte)
    }
    return { bytes: Uint8Array.from(bytes), detached: false }
  }
}
