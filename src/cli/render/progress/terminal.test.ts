import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { CopyEvent } from '../../../content/interfaces.ts'
import type { Descriptor } from '../../../oci/descriptor.ts'
import { digestOf } from '../../../oci/digest.ts'
import { mediaTypes } from '../../../oci/media-type.ts'
import type { BuildEvent } from './build-event.ts'
import type { ProgressTarget } from './progress.ts'
import { terminalProgress } from './terminal.ts'

// oxlint-disable-next-line no-control-regex
const pattern = /\u001b\[(?:\?25)?(\d*)([A-Za-z])|[\s\S]/gu

/** A terminal that understands what is written here and nothing else: anything unknown is an error. */
class TinyTerminal {
  columns: number
  rows: number
  cursorShown = true
  writes = 0
  /** Everything from the first line, what scrolled away included. */
  #lines: string[] = ['']
  #row = 0
  #column = 0
  /** What was written since the last line feed. */
  #logical = ''

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  get text(): string {
    return this.#lines
      .map((line) => line.trimEnd())
      .join('\n')
      .trimEnd()
  }

  write(text: string): void {
    this.writes++
    for (const match of text.matchAll(pattern)) {
      const [part, number, control] = match
      if (control !== undefined) this.#control(part, control, Number(number || 1))
      else this.#put(part)
    }
  }

  #control(part: string, control: string, number: number): void {
    const top = Math.max(0, this.#lines.length - this.rows)
    if (part === '\u001b[?25l' || part === '\u001b[?25h') this.cursorShown = control === 'h'
    else if (control === 'A') {
      assert.ok(this.#row - number >= top, 'the cursor cannot leave the screen')
      this.#row -= number
    } else if (control === 'K') this.#lines[this.#row] = this.#lines[this.#row]!.slice(0, this.#column)
    else if (control === 'J') {
      this.#lines.length = this.#row + 1
      this.#lines[this.#row] = this.#lines[this.#row]!.slice(0, this.#column)
    } else assert.equal(control, 'm', `unknown control ${JSON.stringify(part)}`)
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') {
      this.#logical = ''
      this.#newLine()
    } else {
      assert.match(character, /^[^\p{Cc}]$/u)
      this.#logical += character
      if (this.#column === this.columns) {
        assert.match(this.#logical, /^[wR]/, 'only warnings and retries may wrap')
        this.#newLine()
      }
      const line = this.#lines[this.#row]!.padEnd(this.#column)
      this.#lines[this.#row] = line.slice(0, this.#column) + character + line.slice(this.#column + 1)
      this.#column++
    }
  }

  #newLine(): void {
    this.#row++
    this.#column = 0
    if (this.#row === this.#lines.length) this.#lines.push('')
  }
}

/** A target on a tiny terminal, with a clock that is moved by hand. */
const setUp = (columns = 100, rows = 24) => {
  const terminal = new TinyTerminal(columns, rows)
  let time = 0
  let due: { readonly at: number; readonly callback: () => void } | undefined
  const target: ProgressTarget = {
    write: (text) => terminal.write(text),
    size: () => terminal,
    color: false,
    now: () => time,
    schedule(callback, milliseconds) {
      const entry = { at: time + milliseconds, callback }
      due = entry
      return () => {
        if (due === entry) due = undefined
      }
    },
  }
  const wait = (milliseconds: number): void => {
    const end = time + milliseconds
    while (due !== undefined && due.at <= end) {
      const { at, callback } = due
      due = undefined
      time = at
      callback()
    }
    time = end
  }
  return { terminal, target, wait, pending: () => due !== undefined }
}

const config: Descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf('config'), size: 2 }
const layer = (name: string, size: number): Descriptor => ({ mediaType: mediaTypes.ociLayerGzip, digest: digestOf(name), size })
const [a, b, c] = [layer('a', 2_000_000), layer('b', 4_000_000), layer('c', 10)]
const id = ({ digest }: Descriptor): string => digest.slice(7, 19)
const manifest = (...blobs: readonly Descriptor[]): CopyEvent => ({ kind: 'manifest', descriptor: layer('manifest', 1), blobs })

describe('terminalProgress() of a pull', () => {
  test('draws a line for each layer and leaves the last state', async () => {
    const { terminal, target, wait } = setUp()
    const progress = terminalProgress(target, 'pull')
    progress.copy(manifest(config, a, b, c))
    assert.equal(terminal.text, [a, b, c].map((layer) => `${id(layer)}: Pulling fs layer`).join('\n'))
    assert.equal(terminal.cursorShown, false)

    wait(100)
    progress.copy({ kind: 'exists', descriptor: c })
    wait(100)
    for (const descriptor of [config, a, b]) progress.copy({ kind: 'started', descriptor })
    progress.copy({ kind: 'progress', descriptor: a, offset: 500_000 })
    progress.copy({ kind: 'received', descriptor: b })
    wait(100)
    assert.equal(
      terminal.text,
      `${id(a)}: Downloading [============>                                      ]    500kB/2MB
${id(b)}: Download complete
${id(c)}: Already exists`,
    )

    for (const descriptor of [config, a, b]) progress.copy({ kind: 'done', descriptor })
    await progress.close()
    const last = `${id(a)}: Pull complete\n${id(b)}: Pull complete\n${id(c)}: Already exists`
    assert.equal(terminal.text, last)
    assert.equal(terminal.cursorShown, true)

    progress.copy({ kind: 'started', descriptor: a })
    await progress.close()
    assert.equal(terminal.text, last)
  })

  test('draws at most 15 times a second', () => {
    const { terminal, target, wait } = setUp()
    const progress = terminalProgress(target, 'pull')
    progress.copy(manifest(config, a))
    for (let offset = 0; offset < 1000; offset++) {
      progress.copy({ kind: 'progress', descriptor: a, offset: offset * 2000 })
      wait(1)
    }
    assert.ok(terminal.writes <= 16, String(terminal.writes))
    wait(100)
    assert.match(terminal.text, /1.998MB\/2MB/)
  })

  test('puts warnings and retries of no layer above the layers', async () => {
    const { terminal, target, wait } = setUp()
    const progress = terminalProgress(target, 'pull')
    progress.copy(manifest(config, a))
    wait(100)
    progress.copy({ kind: 'warning', message: 'old\u001b[2J registry' })
    wait(100)
    progress.copy({ kind: 'retry', descriptor: a, reason: 'reset', wait: 1200 })
    progress.copy({ kind: 'retry', reason: 'busy', wait: 500 })
    await progress.close()
    assert.equal(terminal.text, `warning: old [2J registry\nRetrying in 1 second: busy\n${id(a)}: Retrying in 2 seconds: reset`)
  })

  test('shows a blob once that several manifests have, and no config', async () => {
    const { terminal, target } = setUp()
    const progress = terminalProgress(target, 'pull')
    const artifactConfig: Descriptor = { ...layer('artifact', 3), mediaType: 'application/x' }
    progress.copy(manifest(config, a))
    progress.copy(manifest(artifactConfig, a, b))
    progress.copy({ kind: 'done', descriptor: artifactConfig })
    await progress.close()
    assert.equal(terminal.text, `${id(a)}: Pulling fs layer\n${id(b)}: Pulling fs layer`)
  })
})

test('terminalProgress() of a push speaks of pushing', async () => {
  const { terminal, target, wait } = setUp(60)
  const progress = terminalProgress(target, 'push')
  progress.copy(manifest(config, a, b, c))
  wait(100)
  progress.copy({ kind: 'exists', descriptor: a })
  progress.copy({ kind: 'mounted', descriptor: b })
  progress.copy({ kind: 'received', descriptor: c })
  wait(100)
  assert.equal(
    terminal.text,
    `${id(a)}: Layer already exists\n${id(b)}: Mounted\n${id(c)}: Pushing [=====================>]      10B/10B`,
  )
  progress.copy({ kind: 'done', descriptor: c })
  await progress.close()
  assert.match(terminal.text, /: Pushed$/)
})

describe('terminalProgress() on a small terminal', () => {
  const layers = Array.from({ length: 20 }, (_, index) => layer(`layer ${index}`, 1000))

  test('shows what is not finished and how much is, and all at the end', async () => {
    const { terminal, target, wait } = setUp(40, 6)
    const progress = terminalProgress(target, 'pull')
    progress.copy(manifest(config, ...layers))
    wait(100)
    for (const descriptor of layers.slice(0, 17)) progress.copy({ kind: 'done', descriptor })
    wait(100)
    const rest = layers.slice(17).map((layer) => `${id(layer)}: Pulling fs layer`)
    assert.equal(terminal.text, [...rest, '17 of 20 layers complete, 3 shown'].join('\n'))
    await progress.close()
    assert.equal(terminal.text.split('\n').length, 20)
  })

  test('keeps the bar, then the numbers, then the text inside narrow ones', () => {
    for (const [columns, expected] of [
      [60, /^\w+: Downloading \[=+> +\] +1\.5MB\/2MB$/],
      [45, /^\w+: Downloading +1\.5MB\/2MB$/],
      [30, /^\w+: Downloading$/],
      [10, /^\w{9}$/],
    ] as const) {
      const { terminal, target } = setUp(columns, 5)
      terminalProgress(target, 'pull').copy({ kind: 'progress', descriptor: a, offset: 1_500_000 })
      assert.match(terminal.text, expected)
    }
  })
})

describe('terminalProgress() of a build', () => {
  const start = (id: string, label: string): BuildEvent => ({ kind: 'started', id, label })

  test('draws steps with their times, output and bytes', async () => {
    const { terminal, target, wait } = setUp(60)
    const progress = terminalProgress(target, 'pull')
    for (const [id, label] of [
      ['1', '[internal] load context'],
      ['2', '[1/2] FROM base'],
      ['3', '[2/2] RUN make'],
    ] as const)
      progress.build({ kind: 'planned', id, label })
    progress.build(start('1', '[internal] load context'))
    wait(1500)
    progress.build({ kind: 'status', id: '1', name: 'transferring context', current: 1500, total: 3000 })
    assert.equal(
      terminal.text,
      `[+] Building 1.5s (0/3)
 => [internal] load context                            1.5s
 => => transferring context 1.5kB / 3kB`,
    )
    progress.build({ kind: 'done', id: '1' })
    progress.build({ kind: 'cached', id: '2', label: '[1/2] FROM base' })
    progress.build(start('3', '[2/2] RUN make'))
    wait(500)
    progress.build({ kind: 'log', id: '3', text: 'cc a.c\ncc b.c\n10%\r20%\r\u001b[31mlinking\u001b[0m\nunfinished' })
    assert.equal(
      terminal.text,
      `[+] Building 2.0s (2/3)
 => [internal] load context                            1.5s
 => CACHED [1/2] FROM base                             0.0s
 => [2/2] RUN make                                     0.5s
 => => # cc a.c
 => => # cc b.c
 => => # linking`,
    )
    progress.build({ kind: 'failed', id: '3', reason: 'exit code 2' })
    await progress.close()
    assert.equal(
      terminal.text,
      `[+] Building 2.0s (3/3)
 => [internal] load context                            1.5s
 => CACHED [1/2] FROM base                             0.0s
 => ERROR [2/2] RUN make                               0.5s
------
 > [2/2] RUN make:
cc a.c
cc b.c
linking
unfinished
------`,
    )
    assert.equal(terminal.cursorShown, true)
  })

  test('leaves out finished steps that do not fit', () => {
    const { terminal, target, wait } = setUp(40, 5)
    const progress = terminalProgress(target, 'pull')
    for (let step = 1; step <= 9; step++) {
      progress.build(start(String(step), `step ${step}`))
      if (step < 9) progress.build({ kind: 'done', id: String(step) })
    }
    wait(100)
    const lines = terminal.text.split('\n')
    assert.deepEqual([lines.length, lines[0]], [4, '[+] Building 0.1s (8/9)'])
    assert.match(lines.at(-1)!, /^ => step 9 +0.1s$/)
  })

  test('has no timer left when no step runs, and none after its end', async () => {
    const { target, wait, pending } = setUp()
    const progress = terminalProgress(target, 'pull')
    progress.build(start('1', 'x'))
    wait(1000)
    assert.equal(pending(), true)
    await progress.close()
    assert.equal(pending(), false)
  })
})

test('terminalProgress() goes home over lines that a narrower terminal has wrapped', () => {
  const written: string[] = []
  const size = { columns: 80, rows: 24 }
  let time = 0
  const target: ProgressTarget = {
    write: (text) => written.push(text),
    size: () => size,
    color: false,
    now: () => time,
    schedule: () => () => {},
  }
  const progress = terminalProgress(target, 'pull')
  progress.copy({ kind: 'progress', descriptor: a, offset: 1_000_000 })
  size.columns = 40
  time = 100
  progress.copy({ kind: 'progress', descriptor: a, offset: 2_000_000 })
  assert.ok(written[1]!.startsWith('\r\u001b[2A'))
})

test('terminalProgress() draws any order of events inside its terminal', async () => {
  const descriptor = fc.constantFrom(config, a, b, c)
  const text = fc.string({ unit: 'binary', maxLength: 30 })
  const copyEvent: fc.Arbitrary<CopyEvent> = fc.oneof(
    fc.record({ kind: fc.constantFrom('exists', 'mounted', 'started', 'received', 'done'), descriptor }),
    fc.record({ kind: fc.constant('progress'), descriptor, offset: fc.nat({ max: 5_000_000 }) }),
    fc.record({ kind: fc.constant('retry'), descriptor, reason: text, wait: fc.nat({ max: 9000 }) }),
    fc.constant(manifest(config, a, b)),
  )
  const stepId = fc.constantFrom('1', '2', '3', '4')
  const buildEvent: fc.Arbitrary<BuildEvent> = fc.oneof(
    fc.record({ kind: fc.constantFrom('planned', 'started', 'cached'), id: stepId, label: text }),
    fc.record({ kind: fc.constantFrom('done', 'canceled'), id: stepId }),
    fc.record({ kind: fc.constant('log'), id: stepId, text }),
    fc.record({ kind: fc.constant('failed'), id: stepId, reason: text }),
    fc.record({ kind: fc.constant('status'), id: stepId, name: text, current: fc.nat(), total: fc.nat() }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(copyEvent, buildEvent)),
      fc.integer({ min: 2, max: 90 }),
      fc.integer({ min: 2, max: 12 }),
      async (events, columns, rows) => {
        const { terminal, target, wait } = setUp(columns, rows)
        const progress = terminalProgress(target, 'push')
        for (const event of events) {
          if ('id' in event) progress.build(event)
          else progress.copy(event)
          wait(40)
        }
        // Failures are shown in full, at any width.
        terminal.columns = 10_000
        await progress.close()
        assert.equal(terminal.cursorShown, true)
      },
    ),
    { seed: 40, numRuns: 200 },
  )
})
