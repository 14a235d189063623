import type { CopyEvent } from '../../../content/interfaces.ts'
import type { BuildEvent } from './build-event.ts'
import { BuildSteps } from './build-steps.ts'
import { LayerLines } from './layer-lines.ts'
import type { Direction, ProgressRenderer, ProgressTarget } from './progress.ts'
import { Screen } from './screen.ts'

/** Milliseconds between two drawings: at most 15 a second. */
const interval = 67
/** Milliseconds after which the clocks of running steps are drawn anew. */
const clockInterval = 250

/** Progress as a block of lines that is drawn over, for terminals. */
class TerminalProgress implements ProgressRenderer {
  readonly #target: ProgressTarget
  readonly #layers: LayerLines
  readonly #steps: BuildSteps
  readonly #screen: Screen
  #messages: string[] = []
  #drawnAt = -Infinity
  #cancel: (() => void) | undefined
  #dueAt = Infinity
  #closed = false

  constructor(target: ProgressTarget, direction: Direction) {
    this.#target = target
    this.#layers = new LayerLines(direction)
    this.#steps = new BuildSteps(target.color)
    this.#screen = new Screen(target)
  }

  copy(event: CopyEvent): void {
    if (this.#closed) return
    for (const change of this.#layers.apply(event)) if (change.kind === 'message') this.#messages.push(change.line)
    this.#request()
  }

  build(event: BuildEvent): void {
    if (this.#closed) return
    const message = this.#steps.apply(event, this.#target.now())
    if (message !== undefined) this.#messages.push(message)
    this.#request()
  }

  /** Draws now if the last drawing is long enough ago, else when it will be. */
  #request(): void {
    const now = this.#target.now()
    if (now - this.#drawnAt >= interval) this.#draw()
    else this.#drawAt(this.#drawnAt + interval)
  }

  #drawAt(time: number): void {
    if (time >= this.#dueAt) return
    this.#cancel?.()
    this.#dueAt = time
    this.#cancel = this.#target.schedule(() => this.#draw(), Math.max(1, time - this.#target.now()))
  }

  /** The last drawing shows every line, however many rows there are. */
  #draw(rows?: number): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#dueAt = Infinity
    if (this.#closed) return
    this.#drawnAt = this.#target.now()
    const size = this.#target.size()
    // A line that fills the last column would wrap on some terminals.
    const columns = Math.max(1, size.columns - 1)
    const room = rows ?? Math.max(1, size.rows - 1)
    const build = this.#steps.any ? this.#steps.lines(this.#drawnAt, columns, room) : []
    const lines = [...build, ...this.#layers.lines(columns, Math.max(0, room - build.length))]
    const messages = this.#messages
    this.#messages = []
    if (lines.length > 0 || messages.length > 0) this.#screen.draw(lines, messages)
    if (this.#steps.running) this.#drawAt(this.#drawnAt + clockInterval)
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#draw(Number.MAX_SAFE_INTEGER)
      this.#cancel?.()
      this.#closed = true
      this.#screen.close()
      const failures = this.#steps.failures()
      if (failures.length > 0) this.#target.write(failures.map((line) => `${line}\n`).join(''))
    }
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Progress for a terminal: one line a layer or step, drawn over at most 15 times a second, never wider or higher than the terminal. */
export const terminalProgress = (target: ProgressTarget, direction: Direction): ProgressRenderer =>
  new TerminalProgress(target, direction)
