import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GantryError } from '../lib/errors.ts'
import { exitStatusOf, runtimeError } from './runtime-error.ts'

test("runtimeError() speaks docker's words for crun and runc", () => {
  const cases: readonly (readonly [string, string, string, number])[] = [
    [
      'executable file `x` not found in $PATH: No such file or directory',
      'x',
      'exec: "x": executable file not found in $PATH: unknown',
      127,
    ],
    [
      '2026-11-23T19:41:26.691165Z: executable file `/x` not found in $PATH: No such file or directory\n',
      '/x',
      'exec: "/x": stat /x: no such file or directory: unknown',
      127,
    ],
    ['open executable: Permission denied', '/x', 'exec: "/x": permission denied: unknown', 126],
    ['open executable: Operation not permitted', '', 'exec: "": executable file not found in $PATH: unknown', 127],
    [
      'time="2026-11-23T20:04:02Z" level=error msg="runc create failed: unable to start container process: exec: \\"x\\": executable file not found in $PATH"',
      'x',
      'exec: "x": executable file not found in $PATH: unknown',
      127,
    ],
    [
      'runc run failed: unable to start container process: exec: "/x": permission denied',
      '/x',
      'exec: "/x": permission denied: unknown',
      126,
    ],
    [
      'warning\n2026-11-23T19:41:26.691165Z: mount `x` to `y`: Invalid argument\n',
      'x',
      'mount `x` to `y`: Invalid argument',
      125,
    ],
    ['', 'x', 'the runtime ended without saying why', 125],
  ]
  for (const [text, command, reason, status] of cases) {
    const error = runtimeError('create container "c"', text, command)
    assert.equal(error.message, `Cannot create container "c": ${reason}`)
    assert.equal(exitStatusOf(error), status)
  }
  assert.equal(exitStatusOf(new Error('x')), 125)
  assert.equal(exitStatusOf(new GantryError('internal', 'X', 'x')), 125)
})
