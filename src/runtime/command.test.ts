import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ExecutionConfig } from '../oci/image-config.ts'
import { mergeCommand, mergeEnvironment, processEnvironment, type CommandChoice } from './command.ts'

test('mergeCommand() follows docker (112)', () => {
  const both = { Entrypoint: ['/entry', 'a'], Cmd: ['b', 'c'] }
  const cases: readonly (readonly [ExecutionConfig | undefined, CommandChoice, readonly string[] | undefined])[] = [
    [both, {}, ['/entry', 'a', 'b', 'c']],
    [both, { cmd: ['x'] }, ['/entry', 'a', 'x']],
    // an entrypoint drops the image's command too
    [both, { entrypoint: ['x'] }, ['x']],
    [both, { entrypoint: ['x'], cmd: ['y'] }, ['x', 'y']],
    // --entrypoint "" resets
    [both, { entrypoint: [''], cmd: ['y'] }, ['y']],
    [both, { entrypoint: [''] }, undefined],
    // an empty list keeps the image's command, without its entrypoint
    [both, { entrypoint: [] }, ['b', 'c']],
    [both, { entrypoint: [], cmd: ['y'] }, ['y']],
    [{ Cmd: ['b'] }, {}, ['b']],
    [{ Cmd: ['b'] }, { cmd: ['x', ''] }, ['x', '']],
    [{ Entrypoint: ['/entry'], Cmd: null }, {}, ['/entry']],
    [{ Entrypoint: null, Cmd: [] }, {}, undefined],
    [{ Entrypoint: [''], Cmd: ['b'] }, {}, ['b']],
    [{ Entrypoint: ['', 'x'] }, {}, ['', 'x']],
    [undefined, { cmd: ['x'] }, ['x']],
    [undefined, {}, undefined],
  ]
  for (const [image, choice, expected] of cases) {
    const what = JSON.stringify([image, choice])
    if (expected === undefined)
      assert.throws(() => mergeCommand(image, choice), { code: 'NO_COMMAND', message: /: no command specified$/ }, what)
    else assert.deepEqual(mergeCommand(image, choice), expected, what)
  }
})

test("mergeEnvironment() puts the user's variables before the image's", () => {
  const merge = (given: readonly string[]): readonly string[] =>
    mergeEnvironment(['A=1', 'B=2', 'PATH=/x'], given, { HERE: 'there', EMPTY: '' })
  assert.deepEqual(merge([]), ['A=1', 'B=2', 'PATH=/x'])
  assert.deepEqual(merge(['B=', 'C=c=d']), ['B=', 'C=c=d', 'A=1', 'PATH=/x'])
  assert.deepEqual(merge(['HERE', 'EMPTY', 'A']), ['HERE=there', 'EMPTY=', 'A', 'B=2', 'PATH=/x'])
})

test('processEnvironment() adds what docker adds', () => {
  const of = (variables: readonly string[], terminal = false): readonly string[] =>
    processEnvironment(variables, { hostname: 'box', home: '/root', terminal })
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
  assert.deepEqual(of([]), [path, 'HOSTNAME=box', 'HOME=/root'])
  assert.deepEqual(of(['A=1'], true), [path, 'HOSTNAME=box', 'TERM=xterm', 'A=1', 'HOME=/root'])
  assert.deepEqual(of(['PATH=/mine', 'HOME=/else', 'HOSTNAME']), ['PATH=/mine', 'HOME=/else'])
  assert.deepEqual(of(['A=1', 'B=2', 'A=3', 'HOME=']), [path, 'HOSTNAME=box', 'A=3', 'B=2', 'HOME=/root'])
  assert.deepEqual(of(['TERM=vt100'], true)[2], 'TERM=vt100')
})

test('processEnvironment() has each name once, with the last value', () => {
  const variable = fc
    .tuple(fc.constantFrom('A', 'B', 'PATH', 'HOME', 'X'), fc.option(fc.string()))
    .map(([name, value]) => (value === null ? name : `${name}=${value}`))
  fc.assert(
    fc.property(fc.array(variable), (variables) => {
      const result = processEnvironment(variables, { hostname: 'h', home: '/', terminal: false })
      const names = result.map((one) => one.slice(0, one.indexOf('=')))
      assert.equal(new Set(names).size, names.length)
      for (const name of ['A', 'B', 'X']) {
        const last = variables.findLast((one) => one === name || one.startsWith(`${name}=`))
        assert.equal(
          result.find((one) => one.startsWith(`${name}=`)),
          last?.includes('=') === true ? last : undefined,
        )
      }
    }),
  )
})
