import type { BuildEvent } from '../engine/build.ts'
import { messageOf } from '../lib/errors.ts'
import type { BuildEvent as ShownEvent } from './render/progress/build-event.ts'

/** What a build reports, as progress shows it: text instead of bytes and errors. */
export const shownEvent = (event: BuildEvent): ShownEvent => {
  if (event.kind === 'log') return { kind: 'log', id: event.id, text: Buffer.from(event.bytes).toString('utf8') }
  if (event.kind === 'failed') return { kind: 'failed', id: event.id, reason: messageOf(event.error) }
  return event
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
