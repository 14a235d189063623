/** One program under measurement, with a store of its own. */
export interface Tool {
  readonly name: string
  readonly environment: NodeJS.ProcessEnv
  /** Starts what it needs; answers the processes that work for it besides the command itself. */
  start(): Promise<readonly number[]>
  stop(): Promise<void>
  /** Empties its store. */
  reset(): void
  /** The command line of an operation; undefined for one that it does not have. */
  command(verb: Verb): readonly string[] | undefined
}

export type Verb =
  | { readonly verb: 'pull' | 'push' | 'run'; readonly image: string }
  | { readonly verb: 'tag'; readonly image: string; readonly name: string }
  | { readonly verb: 'build'; readonly context: string; readonly name: string; readonly cache: boolean }
  | { readonly verb: 'save'; readonly image: string; readonly file: string }
  | { readonly verb: 'load'; readonly file: string }
  | { readonly verb: 'images' }

/** For tools without a daemon. */
// oxlint-disable-next-line require-await
export const noDaemon = { start: async (): Promise<readonly number[]> => [], stop: async (): Promise<void> => undefined }
