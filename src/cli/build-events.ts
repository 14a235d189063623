import { TextDecoder } from 'node:util'
import { lintSummary, type BuildEvent } from '../engine/build.ts'
import { messageOf } from '../lib/errors.ts'
import { printable } from './render/display-width.ts'
import type { BuildEvent as ShownEvent } from './render/progress/build-event.ts'

/** Passes what a build reports on to whoever shows it: text instead of bytes and errors. */
export const showBuild = (
  show: (event: ShownEvent) => void,
  /** Is given a line about each place of the Dockerfile that breaks a rule. */
  onLint: (summary: string) => void = () => undefined,
): ((event: BuildEvent) => void) => {
  // a chunk may end in the middle of a character
  const decoders = new Map<string, TextDecoder>()
  const text = (id: string, stream: string, bytes: Uint8Array): string => {
    const decoder = decoders.get(id + stream) ?? new TextDecoder()
    decoders.set(id + stream, decoder)
    return decoder.decode(bytes, { stream: true })
  }
  return (event) => {
    if (event.kind === 'log') show({ kind: 'log', id: event.id, text: text(event.id, event.stream, event.bytes) })
    else if (event.kind === 'failed') show({ kind: 'failed', id: event.id, reason: messageOf(event.error) })
    else if (event.kind === 'status') show({ ...event, current: event.current ?? 0 })
    else if (event.kind === 'lint') onLint(lintSummary(event.warning))
    else show(event)
  }
}

/** Passes on the output of a step that failed, for when nothing else is shown: its last 64 KiB. */
export const showFailedOutput = (write: (bytes: Uint8Array) => void): ((event: BuildEvent) => void) => {
  const kept = new Map<string, Buffer>()
  return (event) => {
    if (event.kind === 'log')
      kept.set(event.id, Buffer.concat([kept.get(event.id) ?? Buffer.alloc(0), event.bytes]).subarray(-65_536))
    else if (event.kind === 'failed') write(kept.get(event.id) ?? Buffer.alloc(0))
  }
}

/** Sums up what was found in the Dockerfile, as docker does. */
export const showLint = (summaries: readonly string[], say: (line: string) => void): void => {
  if (summaries.length === 0) return
  const count = summaries.length === 1 ? '1 warning' : `${summaries.length} warnings`
  say(`\n ${count} found (build --check shows the lines, and how to mend them):`)
  for (const summary of summaries) say(` - ${printable(summary)}`)
}
