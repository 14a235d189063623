import type { CopyEvent } from '../../../content/interfaces.ts'
import type { BuildEvent } from './build-event.ts'

/** Shows long work while it goes on, on stderr: bars on a terminal, lines elsewhere. */
export interface ProgressRenderer extends AsyncDisposable {
  copy(event: CopyEvent): void
  build(event: BuildEvent): void
  /** Shows the last state and gives the terminal back; what comes later is ignored. Does its work before it returns, for exit handlers. */
  close(): Promise<void>
}

/** Which way content goes, for the words. */
export type Direction = 'pull' | 'push' | 'copy'

/** Where progress goes and what time it is. */
export interface ProgressTarget {
  write(text: string): void
  /** Columns and rows of the terminal now. */
  size(): { readonly columns: number; readonly rows: number }
  readonly color: boolean
  /** Milliseconds; only differences count. */
  now(): number
  /** Calls back after milliseconds, unless what it answers is called first; must not keep the process alive. */
  schedule(callback: () => void, milliseconds: number): () => void
}
