import { cutToWidth, displayWidth, printable } from '../display-width.ts'
import { humanSize } from '../units.ts'
import type { BuildEvent } from './build-event.ts'
import { LogLines } from './log-lines.ts'

interface Step {
  readonly label: string
  state: 'planned' | 'running' | 'cached' | 'done' | 'failed' | 'canceled'
  /** Milliseconds of the target's clock. */
  started: number
  ended: number
  readonly log: LogLines
  /** The last lines of output. */
  tail: string[]
  readonly statuses: Map<string, { readonly current: number; readonly total: number | undefined }>
  /** Why it is done again. */
  why: string | undefined
}

const shownLog = 6
const keptLog = 100
const gray = '\u001b[90m'
const blue = '\u001b[34m'
const red = '\u001b[31m'
const reset = '\u001b[0m'

/** `1.2s`, from milliseconds. */
export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1)}s`

/** Why a step is done again, in a line. */
export const explained = (reasons: readonly string[]): string => printable(`runs again: ${reasons.join(', ')}`)

/** The steps of a build and a picture of them for a terminal. */
export class BuildSteps {
  readonly #steps = new Map<string, Step>()
  readonly #color: boolean
  #begun: number | undefined

  constructor(color: boolean) {
    this.#color = color
  }

  get any(): boolean {
    return this.#steps.size > 0
  }

  get running(): boolean {
    return this.#steps.values().some((step) => step.state === 'running')
  }

  /** Takes an event at a time in milliseconds; answers a message to be told once. */
  apply(event: BuildEvent, now: number): string | undefined {
    if (event.kind === 'warning') return `warning: ${printable(event.message)}`
    this.#begun ??= now
    if (event.kind === 'planned') {
      this.#step(event.id, event.label, now)
      return undefined
    }
    const step = this.#step(event.id, 'label' in event ? event.label : event.id, now)
    if (event.kind === 'status') step.statuses.set(event.name, { current: event.current, total: event.total })
    else if (event.kind === 'explained') step.why = explained(event.reasons)
    else if (event.kind === 'log') step.tail = [...step.tail, ...step.log.push(event.text)].slice(-keptLog)
    else if (event.kind === 'started') {
      step.state = 'running'
      step.started = now
    } else {
      step.tail = [...step.tail, ...step.log.end()].slice(-keptLog)
      step.state = event.kind
      step.ended = now
    }
    return undefined
  }

  #step(id: string, label: string, now: number): Step {
    const known = this.#steps.get(id)
    if (known !== undefined) return known
    const step: Step = {
      label: printable(label),
      state: 'planned',
      started: now,
      ended: now,
      log: new LogLines(),
      tail: [],
      statuses: new Map(),
      why: undefined,
    }
    this.#steps.set(id, step)
    return step
  }

  /** The picture, none of its lines wider than `columns`; at most `rows` of them, the oldest steps that are finished left out first. */
  lines(now: number, columns: number, rows: number): readonly string[] {
    const steps = [...this.#steps.values()]
    const finished = steps.filter(({ state }) => state !== 'planned' && state !== 'running').length
    const head = `[+] Building ${seconds(now - (this.#begun ?? now))} (${finished}/${steps.length})`
    const blocks = steps
      .filter(({ state }) => state !== 'planned')
      .map((step) => ({ step, lines: this.#stepLines(step, now, columns) }))
    let total = blocks.reduce((sum, { lines }) => sum + lines.length, 1)
    const shown = blocks.filter(({ step, lines }) => {
      const fits = total <= rows || step.state === 'running' || step.state === 'failed'
      if (!fits) total -= lines.length
      return fits
    })
    return [this.#paint(blue, cutToWidth(head, columns)), ...shown.flatMap(({ lines }) => lines)].slice(0, rows)
  }

  #stepLines(step: Step, now: number, columns: number): readonly string[] {
    const { label, state, started, ended } = step
    const time = state === 'cached' ? '0.0s' : seconds((state === 'running' ? now : ended) - started)
    const word = state === 'cached' ? 'CACHED ' : state === 'failed' ? 'ERROR ' : state === 'canceled' ? 'CANCELED ' : ''
    const color = state === 'failed' ? red : state === 'running' ? '' : blue
    const first = this.#paint(color, justify(` => ${word}${label}`, time, columns))
    const why = step.why === undefined ? [] : [this.#paint(gray, cutToWidth(` => => ${step.why}`, columns))]
    if (state !== 'running') return [first, ...why]
    const statuses = [...step.statuses].map(([name, { current, total }]) => {
      const moved = total === undefined ? humanSize(current) : `${humanSize(current)} / ${humanSize(total)}`
      return cutToWidth(` => => ${printable(name)} ${moved}`, columns)
    })
    const log = step.tail.slice(-shownLog).map((line) => this.#paint(gray, cutToWidth(` => => # ${line}`, columns)))
    return [first, ...why, ...statuses, ...log]
  }

  /** The end of the output of steps that failed, for after the picture. */
  failures(): readonly string[] {
    return [...this.#steps.values()]
      .filter(({ state, tail }) => state === 'failed' && tail.length > 0)
      .flatMap(({ label, tail }) => ['------', ` > ${label}:`, ...tail, '------'])
  }

  #paint(color: string, text: string): string {
    return this.#color && color !== '' ? `${color}${text}${reset}` : text
  }
}

/** Two texts at both ends of a line. */
const justify = (left: string, right: string, columns: number): string => {
  const cut = cutToWidth(left, columns - right.length - 1)
  return cutToWidth(`${cut}${' '.repeat(Math.max(1, columns - displayWidth(cut) - right.length))}${right}`, columns)
}
