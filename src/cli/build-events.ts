import type { BuildEvent } from '../engine/build.ts'
import { messageOf } from '../lib/errors.ts'
import type { BuildEvent as ShownEvent } from './render/progress/build-event.ts'

/** Passes what a build reports on to whoever shows it, in its terms. */
export const showBuild = (show: (event: ShownEvent) => void): ((event: BuildEvent) => void) => {
  const labels = new Map<string, string>()
  return (event) => {
    if (event.kind === 'started') labels.set(event.step, event.name)
    show(shownEvent(event, labels))
  }
}

/** The output of a step that failed, for when nothing else is shown: its last 64 KiB. */
export const showFailedOutput = (write: (bytes: Uint8Array) => void): ((event: BuildEvent) => void) => {
  const kept = new Map<string, Buffer>()
  return (event) => {
    if (event.kind === 'log')
      kept.set(event.step, Buffer.concat([kept.get(event.step) ?? Buffer.alloc(0), event.bytes]).subarray(-65_536))
    else if (event.kind === 'failed') write(kept.get(event.step) ?? Buffer.alloc(0))
  }
}

const shownEvent = (event: BuildEvent, labels: ReadonlyMap<string, string>): ShownEvent => {
  switch (event.kind) {
    case 'started':
      return { kind: 'started', id: event.step, label: event.name }
    case 'cached':
      return { kind: 'cached', id: event.step, label: labels.get(event.step) ?? '' }
    case 'completed':
      return { kind: 'done', id: event.step }
    case 'failed':
      return { kind: 'failed', id: event.step, reason: messageOf(event.error) }
    case 'log':
      return { kind: 'log', id: event.step, text: Buffer.from(event.bytes).toString('utf8') }
    case 'status':
      return {
        kind: 'status',
        id: event.step,
        name: event.text,
        current: event.current ?? 0,
        ...(event.total === undefined ? {} : { total: event.total }),
      }
    case 'warning':
      return { kind: 'warning', message: event.message }
  }
}
