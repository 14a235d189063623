import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { parseLogLine } from './log-line.ts'
import { readLogs, type ReadLogsOptions } from './logs.ts'

const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000000${second}+00:00`
const log = [
  `${at(1)} stdout F one`,
  `${at(2)} stderr F two`,
  `${at(3)} stdout P thr`,
  `${at(4)} stderr F four`,
  `${at(5)} stdout F ee`,
  `not a line of a log`,
  `${at(6)} stdout F `,
  `${at(7)} stdout P end`,
  '',
].join('\n')

describe('readLogs()', () => {
  let folder: string
  let file: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gantry-logs-'))
    file = join(folder, 'log')
    await writeFile(file, log)
  })
  after(async () => {
    await rm(folder, { recursive: true })
  })

  const read = async (options?: ReadLogsOptions, path = file): Promise<string> => {
    let text = ''
    for await (const { stream, bytes } of readLogs(path, options))
      text += (stream === 'stderr' ? '!' : '') + Buffer.from(bytes).toString('latin1')
    return text
  }

  test('gives back what was written', async () => {
    assert.equal(await read(), 'one\n!two\nthr!four\nee\n\nend')
    assert.equal(await read({}, join(folder, 'missing')), '')
  })

  test('puts the time before each line, not before its parts', async () => {
    const time = (second: number): string => `2026-01-02T03:04:0${second}.000000${second}00Z`
    assert.equal(
      await read({ timestamps: true }),
      `${time(1)} one\n!${time(2)} two\n${time(3)} thr!${time(4)} four\nee\n${time(6)} \n${time(7)} end`,
    )
  })

  test('keeps to a span of time', async () => {
    const milliseconds = (second: number): number => Date.parse(`2026-01-02T03:04:0${second}Z`)
    assert.equal(await read({ since: milliseconds(2), until: milliseconds(4) }), '!two\nthr')
    assert.equal(await read({ since: milliseconds(2), until: milliseconds(4) + 0.01 }), '!two\nthr!four\n')
    assert.equal(await read({ since: milliseconds(8) }), '')
  })

  test('gives the last lines, parts of one counted once', async () => {
    assert.equal(await read({ tail: 0 }), '')
    assert.equal(await read({ tail: 1 }), 'end')
    assert.equal(await read({ tail: 2 }), '\nend')
    assert.equal(await read({ tail: 4 }), 'thr!four\nee\n\nend')
    assert.equal(await read({ tail: 5 }), '!two\nthr!four\nee\n\nend')
    assert.equal(await read({ tail: 100 }), await read())
  })

  test('finds the end of a long log in blocks', async () => {
    const path = join(folder, 'long')
    const lines = Array.from({ length: 6000 }, (_, i) => `${at(1)} stdout F line ${i}`)
    await writeFile(path, `${lines.join('\n')}\n`)
    for (const tail of [1, 1000, 5999, 6000, 6001]) {
      const expected = Array.from({ length: 6000 }, (_, i) => `line ${i}\n`).slice(-tail)
      assert.equal(await read({ tail }, path), expected.join(''))
    }
    await writeFile(path, `${at(1)} stdout F ${'x'.repeat(200_000)}\n${at(1)} stdout F y\n`)
    assert.equal((await read({ tail: 2 }, path)).length, 200_003)
  })

  test('follows what is added until the end', async () => {
    const path = join(folder, 'followed')
    await writeFile(path, `${at(1)} stdout F one\n${at(2)} std`)
    const end = Promise.withResolvers<void>()
    const reading = read({ follow: end.promise }, path)
    await sleep(20)
    await appendFile(path, `out F two\n`)
    await sleep(20)
    await appendFile(path, `${at(3)} stdout P three`)
    await appendFile(path, `\n${at(4)} stdout F four\n`)
    end.resolve()
    assert.equal(await reading, 'one\ntwo\nthreefour\n')
  })

  test('stops following when aborted', async () => {
    const abort = new AbortController()
    const reading = read({ follow: new Promise(() => undefined), signal: abort.signal })
    setTimeout(() => abort.abort(), 20)
    await assert.rejects(reading, { kind: 'canceled' })
  })

  test('reads whatever is in the file', async () => {
    const path = join(folder, 'hostile')
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(5), async (bytes, tail) => {
        await writeFile(path, Buffer.concat([Buffer.from(`${at(1)} stdout F a\n`), bytes]))
        assert.ok((await read({}, path)).startsWith('a\n'))
        await read({ tail }, path)
      }),
      { numRuns: 50 },
    )
  })
})

test('parseLogLine() brings times to UTC', () => {
  const parse = (text: string): string | undefined => parseLogLine(Buffer.from(text))?.time
  assert.equal(parse('2026-01-02T03:04:05.123456789+02:00 stdout F x'), '2026-01-02T01:04:05.123456789Z')
  assert.equal(parse('2026-01-02T23:04:05.1-05:30 stderr P '), '2026-01-03T04:34:05.100000000Z')
  assert.equal(parse('2026-01-02T03:04:05.5Z stdout F x'), '2026-01-02T03:04:05.500000000Z')
  for (const text of [
    '',
    '2026-13-02T03:04:05.5Z stdout F x',
    '2026-01-02T03:04:05Z stdout F x',
    '2026-01-02T03:04:05.5Z stdin F x',
    '2026-01-02T03:04:05.5Z stdout X x',
    '2026-01-02T03:04:05.5Z stdout F',
  ])
    assert.equal(parse(text), undefined, text)
})
