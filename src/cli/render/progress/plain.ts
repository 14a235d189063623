import type { CopyEvent } from '../../../content/interfaces.ts'
import { printable } from '../display-width.ts'
import type { BuildEvent } from './build-event.ts'
import { explained, seconds } from './build-steps.ts'
import { LayerLines } from './layer-lines.ts'
import { LogLines } from './log-lines.ts'
import type { Direction, ProgressRenderer, ProgressTarget } from './progress.ts'

interface Step {
  readonly number: number
  readonly label: string
  started: number
  readonly log: LogLines
}

/** Progress as lines: one for each change of a layer, and the whole output of build steps, numbered as BuildKit's plain output is. */
class PlainProgress implements ProgressRenderer {
  readonly #target: ProgressTarget
  readonly #layers: LayerLines
  readonly #steps = new Map<string, Step>()
  #current: Step | undefined
  #closed = false

  constructor(target: ProgressTarget, direction: Direction) {
    this.#target = target
    this.#layers = new LayerLines(direction)
  }

  #line(text: string): void {
    this.#target.write(`${text}\n`)
  }

  copy(event: CopyEvent): void {
    if (this.#closed) return
    for (const change of this.#layers.apply(event)) this.#line(change.line)
  }

  build(event: BuildEvent): void {
    if (this.#closed || event.kind === 'planned' || event.kind === 'status') return
    if (event.kind === 'warning') return this.#line(`warning: ${printable(event.message)}`)
    const step = this.#step(event.id, 'label' in event ? event.label : event.id)
    if (event.kind === 'started') step.started = this.#target.now()
    if (event.kind === 'explained') return this.#tell(step, explained(event.reasons))
    const log = event.kind === 'log' ? step.log.push(event.text) : step.log.end()
    const time = seconds(this.#target.now() - step.started)
    for (const line of log) this.#tell(step, `${time.slice(0, -1)} ${line}`)
    if (event.kind === 'started') this.#tell(step)
    if (event.kind === 'cached') this.#tell(step, 'CACHED')
    if (event.kind === 'done') this.#tell(step, `DONE ${time}`)
    if (event.kind === 'canceled') this.#tell(step, 'CANCELED')
    if (event.kind === 'failed') this.#tell(step, `ERROR: ${printable(event.reason)}`)
    return undefined
  }

  #step(id: string, label: string): Step {
    const known = this.#steps.get(id)
    if (known !== undefined) return known
    const step: Step = { number: this.#steps.size + 1, label: printable(label), started: this.#target.now(), log: new LogLines() }
    this.#steps.set(id, step)
    return step
  }

  /** A line of a step, after the step's label if another one spoke last. */
  #tell(step: Step, text?: string): void {
    if (this.#current !== step) {
      if (this.#current !== undefined) this.#line('')
      this.#line(`#${step.number} ${step.label}`)
      this.#current = step
    }
    if (text !== undefined) this.#line(`#${step.number} ${text}`)
  }

  close(): Promise<void> {
    if (!this.#closed) for (const step of this.#steps.values()) for (const line of step.log.end()) this.#tell(step, line)
    this.#closed = true
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Progress for files and pipes: lines that last, without bars. */
export const plainProgress = (target: ProgressTarget, direction: Direction): ProgressRenderer =>
  new PlainProgress(target, direction)
