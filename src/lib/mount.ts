/** One mount(2) that has to be made, as data. All paths absolute; the target folder exists. */
export type Mount =
  /** An EROFS image in a regular file, mounted read-only; `devices` are the extra devices its device table names, in order. */
  | { readonly kind: 'erofs'; readonly target: string; readonly image: string; readonly devices: readonly string[] }
  /** overlayfs; `lower` topmost first. Read-only without `upper`. `userXattr` for a mount in a user namespace. */
  | {
      readonly kind: 'overlay'
      readonly target: string
      readonly lower: readonly string[]
      readonly upper?: string
      readonly work?: string
      readonly userXattr?: boolean
    }
  /** An empty file system in memory, 0700. */
  | { readonly kind: 'tmpfs'; readonly target: string }
  | { readonly kind: 'bind'; readonly target: string; readonly source: string; readonly readOnly: boolean }
