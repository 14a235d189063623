import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { digestOf } from '../../../oci/digest.ts'
import type { Descriptor } from '../../../oci/descriptor.ts'
import { mediaTypes } from '../../../oci/media-type.ts'
import { createProgress, isInteractive, parseProgressMode, progressModes, progressTarget } from './create-progress.ts'
import type { ProgressTarget } from './progress.ts'

const layer: Descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf('layer'), size: 1000 }
const config: Descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf('config'), size: 2 }
const id = layer.digest.slice(7, 19)

const setUp = () => {
  const written: string[] = []
  const clock = { time: 0 }
  const target: ProgressTarget = {
    write: (text) => written.push(text),
    size: () => ({ columns: 80, rows: 24 }),
    color: false,
    now: () => clock.time,
    schedule: () => () => {},
  }
  return { written, clock, target }
}

describe('createProgress() in plain mode', () => {
  test('writes a line for each change of a layer', async () => {
    const { written, target } = setUp()
    const progress = createProgress('plain', 'pull', target, true)
    progress.copy({ kind: 'manifest', descriptor: layer, blobs: [config, layer] })
    progress.copy({ kind: 'started', descriptor: layer })
    for (const offset of [100, 200, 1000]) progress.copy({ kind: 'progress', descriptor: layer, offset })
    progress.copy({ kind: 'received', descriptor: layer })
    progress.copy({ kind: 'done', descriptor: layer })
    progress.copy({ kind: 'done', descriptor: layer })
    progress.copy({ kind: 'warning', message: 'x' })
    await progress.close()
    progress.copy({ kind: 'warning', message: 'late' })
    assert.equal(written.join(''), `${id}: Pulling fs layer\n${id}: Download complete\n${id}: Pull complete\nwarning: x\n`)
  })

  test('writes the output of build steps under their numbers', async () => {
    const { written, clock, target } = setUp()
    const progress = createProgress('plain', 'pull', target, false)
    progress.build({ kind: 'started', id: 'a', label: '[1/3] FROM x' })
    progress.build({ kind: 'done', id: 'a' })
    progress.build({ kind: 'cached', id: 'b', label: '[2/3] COPY . .' })
    progress.build({ kind: 'started', id: 'c', label: '[3/3] RUN make' })
    clock.time = 1234
    progress.build({ kind: 'log', id: 'c', text: 'one\ntw' })
    progress.build({ kind: 'log', id: 'c', text: 'o\nrest' })
    progress.build({ kind: 'failed', id: 'c', reason: 'exit code 2' })
    progress.build({ kind: 'warning', message: 'w' })
    await progress.close()
    assert.equal(
      written.join(''),
      `#1 [1/3] FROM x
#1 DONE 0.0s

#2 [2/3] COPY . .
#2 CACHED

#3 [3/3] RUN make
#3 1.2 one
#3 1.2 two
#3 1.2 rest
#3 ERROR: exit code 2
warning: w
`,
    )
  })

  test('repeats a label when steps take turns', () => {
    const { written, target } = setUp()
    const progress = createProgress('plain', 'pull', target, false)
    for (const id of ['a', 'b']) progress.build({ kind: 'started', id, label: `label ${id}` })
    for (const id of ['a', 'a', 'b']) progress.build({ kind: 'log', id, text: `${id}\n` })
    assert.equal(written.join(''), '#1 label a\n\n#2 label b\n\n#1 label a\n#1 0.0 a\n#1 0.0 a\n\n#2 label b\n#2 0.0 b\n')
  })
})

test('createProgress() in rawjson mode writes events as JSON, moved bytes not too often', async () => {
  const { written, clock, target } = setUp()
  const progress = createProgress('rawjson', 'push', target, true)
  for (let offset = 0; offset < 300; offset++) {
    clock.time = offset
    progress.copy({ kind: 'progress', descriptor: layer, offset })
  }
  progress.build({ kind: 'log', id: 'a', text: 'line\n' })
  await progress.close()
  progress.copy({ kind: 'done', descriptor: layer })
  const events = written.map((line) => JSON.parse(line) as { time: number; kind: string; offset?: number })
  assert.deepEqual(
    events.map(({ time, kind, offset }) => [time, kind, offset]),
    [
      [0, 'progress', 0],
      [100, 'progress', 100],
      [200, 'progress', 200],
      [299, 'log', undefined],
    ],
  )
})

test('createProgress() writes nothing in quiet mode', async () => {
  const { written, target } = setUp()
  await using progress = createProgress('quiet', 'pull', target, true)
  progress.copy({ kind: 'warning', message: 'x' })
  progress.build({ kind: 'warning', message: 'x' })
  assert.deepEqual(written, [])
})

test('createProgress() chooses by the terminal in auto mode', async () => {
  for (const interactive of [true, false]) {
    const { written, target } = setUp()
    const progress = createProgress('auto', 'pull', target, interactive)
    progress.copy({ kind: 'manifest', descriptor: layer, blobs: [config, layer] })
    await progress.close()
    assert.equal(written.join('').includes('\u001b'), interactive)
  }
})

test('parseProgressMode() knows the modes and refuses others', () => {
  for (const mode of progressModes) assert.equal(parseProgressMode(mode), mode)
  assert.throws(() => parseProgressMode('fancy'), { kind: 'invalid_argument', message: /Cannot show progress as "fancy"/ })
})

describe('progressTarget()', () => {
  const stream = { isTTY: true, columns: 120, rows: 40, write() {} }

  test('has colors on a terminal unless NO_COLOR or TERM forbid it', () => {
    assert.equal(progressTarget(stream, {}).color, true)
    assert.equal(progressTarget(stream, { NO_COLOR: '' }).color, true)
    assert.equal(progressTarget(stream, { NO_COLOR: '1' }).color, false)
    assert.equal(progressTarget(stream, { TERM: 'dumb' }).color, false)
    assert.equal(progressTarget({ ...stream, isTTY: false }, {}).color, false)
    assert.equal(isInteractive(stream, {}), true)
    assert.equal(isInteractive(stream, { TERM: 'dumb' }), false)
    assert.equal(isInteractive({ write() {} }, {}), false)
  })

  test('asks the stream for its size each time and takes 80 by 24 for none', () => {
    const changing = { ...stream }
    const target = progressTarget(changing, {})
    assert.deepEqual(target.size(), { columns: 120, rows: 40 })
    changing.columns = 50
    assert.equal(target.size().columns, 50)
    assert.deepEqual(progressTarget({ write() {} }, {}).size(), { columns: 80, rows: 24 })
  })

  test('calls back later, unless that is canceled', async () => {
    const target = progressTarget(stream, {})
    const called: number[] = []
    target.schedule(() => called.push(1), 1)()
    await new Promise<void>((resolve) => {
      const keepAlive = setTimeout(() => {}, 5000)
      target.schedule(() => {
        clearTimeout(keepAlive)
        resolve()
      }, 5)
    })
    assert.deepEqual(called, [])
    assert.ok(target.now() > 0)
  })
})
