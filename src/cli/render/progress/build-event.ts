/** What a build reports of its steps; `id` tells steps apart, `label` is what users read: `[build 2/5] RUN make`. */
export type BuildEvent =
  /** A step that will run or be found in the cache, in the order in which they are shown. */
  | { readonly kind: 'planned'; readonly id: string; readonly label: string }
  | { readonly kind: 'started'; readonly id: string; readonly label: string }
  /** The step's result was in the cache; no `done` follows. */
  | { readonly kind: 'cached'; readonly id: string; readonly label: string }
  /** Output of the step, cut anywhere. */
  | { readonly kind: 'log'; readonly id: string; readonly text: string }
  /** Bytes that a part of the step has moved, of `total` if that is known. */
  | { readonly kind: 'status'; readonly id: string; readonly name: string; readonly current: number; readonly total?: number }
  | { readonly kind: 'done'; readonly id: string }
  | { readonly kind: 'failed'; readonly id: string; readonly reason: string }
  | { readonly kind: 'canceled'; readonly id: string }
  /** Why a step that was known is done again, each reason in a few words. */
  | { readonly kind: 'explained'; readonly id: string; readonly reasons: readonly string[] }
  | { readonly kind: 'warning'; readonly message: string }
