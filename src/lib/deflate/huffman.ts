/** Symbols of the largest alphabet, that of literals and lengths (RFC 1951 §3.2.5). */
const maxSymbols = 288

/** Makes prefix codes; holds the scratch space for that. */
export class PrefixCodes {
  readonly #order = new Uint32Array(maxSymbols)
  readonly #weights = new Uint32Array(maxSymbols)
  readonly #counts = new Uint16Array(16)
  readonly #next = new Uint16Array(16)

  /**
   * Sets the lengths of a canonical prefix code, at most `limit` bits each, for symbols that occur as often as `frequencies` says (each
   * below 2^23); 0 for those that do not occur. Fewer than two symbols get two codes of one bit, since some inflaters refuse less.
   */
  lengths(frequencies: Uint32Array, limit: number, lengths: Uint8Array): void {
    let used = 0
    lengths.fill(0)
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const frequency = frequencies[symbol] as number
      if (frequency > 0) this.#order[used++] = frequency * 512 + symbol
    }
    if (used < 2) {
      const only = used === 0 ? 0 : (this.#order[0] as number) % 512
      lengths[only] = 1
      lengths[only === 0 ? 1 : 0] = 1
      return
    }
    const sorted = this.#order.subarray(0, used).sort()
    for (let at = 0; at < used; at++) this.#weights[at] = (sorted[at] as number) >>> 9
    toDepths(this.#weights, used)
    this.#limit(used, limit)
    // the rarest symbols have the longest codes
    for (let length = limit, at = 0; length > 0; length--)
      for (let left = this.#counts[length] as number; left > 0; left--) lengths[(sorted[at++] as number) & 511] = length
  }

  /** Counts the depths of each length; where codes would be longer than the limit, shorter ones give way until all fit. */
  #limit(used: number, limit: number): void {
    const counts = this.#counts.fill(0)
    for (let at = 0; at < used; at++) {
      const length = Math.min(this.#weights[at] as number, limit)
      counts[length] = (counts[length] as number) + 1
    }
    // in units of the longest code: more than all there is, where some were cut
    let space = 0
    for (let length = 1; length <= limit; length++) space += (counts[length] as number) << (limit - length)
    for (; space > 1 << limit; space--) {
      let length = limit - 1
      while (counts[length] === 0) length--
      counts[length] = (counts[length] as number) - 1
      counts[length + 1] = (counts[length + 1] as number) + 2
      counts[limit] = (counts[limit] as number) - 1
    }
  }

  /** The codes of canonical code lengths, with the first bit lowest, as deflate packs them (RFC 1951 §3.2.2). */
  codes(lengths: Uint8Array, codes: Uint16Array): void {
    const counts = this.#counts.fill(0)
    for (const length of lengths) counts[length] = (counts[length] as number) + 1
    counts[0] = 0
    for (let length = 1, code = 0; length < counts.length; length++) {
      code = (code + (counts[length - 1] as number)) << 1
      this.#next[length] = code
    }
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number
      if (length === 0) continue
      const code = this.#next[length] as number
      this.#next[length] = code + 1
      codes[symbol] = reverse(code, length)
    }
  }
}

/** Depths of the leaves of a Huffman tree, in place of their ascending weights (Moffat and Katajainen 1995). */
const toDepths = (weights: Uint32Array, count: number): void => {
  const a = weights
  a[0] = (a[0] as number) + (a[1] as number)
  let root = 0
  let leaf = 2
  const lighter = (at: number): number => {
    if (leaf >= count || (root < at && (a[root] as number) < (a[leaf] as number))) {
      const weight = a[root] as number
      a[root++] = at
      return weight
    }
    return a[leaf++] as number
  }
  for (let at = 1; at < count - 1; at++) {
    const first = lighter(at)
    a[at] = first + lighter(at)
  }
  a[count - 2] = 0
  for (let at = count - 3; at >= 0; at--) a[at] = (a[a[at] as number] as number) + 1
  let available = 1
  let inner = 0
  let depth = 0
  let node = count - 2
  let at = count - 1
  while (available > 0) {
    while (node >= 0 && a[node] === depth) {
      inner++
      node--
    }
    for (; available > inner; available--) a[at--] = depth
    available = 2 * inner
    inner = 0
    depth++
  }
}

const reverse = (code: number, length: number): number => {
  let reversed = 0
  for (let bit = 0; bit < length; bit++) reversed |= ((code >>> bit) & 1) << (length - 1 - bit)
  return reversed
}
