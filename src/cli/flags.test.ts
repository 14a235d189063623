import assert from 'node:assert/strict'
import { parseArgs } from 'node:util'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseFlags, type Flags } from './flags.ts'

const flags = {
  detach: { type: 'boolean', short: 'd', help: '' },
  interactive: { type: 'boolean', short: 'i', help: '' },
  env: { type: 'list', short: 'e', help: '' },
  name: { type: 'string', short: 'n', help: '' },
  rm: { type: 'boolean', help: '' },
} as const

const none = { detach: undefined, interactive: undefined, env: [], name: undefined, rm: undefined }

test('parseFlags() takes the forms that docker takes', () => {
  for (const [words, values, args] of [
    ['--name x a', { name: 'x' }, ['a']],
    ['--name=x=y', { name: 'x=y' }, []],
    ['--name=', { name: '' }, []],
    ['-n x', { name: 'x' }, []],
    ['-nx', { name: 'x' }, []],
    ['-n=x', { name: 'x' }, []],
    ['-di', { detach: true, interactive: true }, []],
    ['-dnx', { detach: true, name: 'x' }, []],
    ['-dn x', { detach: true, name: 'x' }, []],
    ['-e A=1 a --env B=2 b -eC=3', { env: ['A=1', 'B=2', 'C=3'] }, ['a', 'b']],
    ['--rm=false --detach=true', { rm: false, detach: true }, []],
    ['-d=false', { detach: false }, []],
    ['--name -- a', { name: '--' }, ['a']],
    ['a -- --rm b', {}, ['a', '--rm', 'b']],
    ['- a', {}, ['-', 'a']],
  ] as const)
    assert.deepEqual(parseFlags(flags, words.split(' ')), { values: { ...none, ...values }, args }, words)
})

test('parseFlags() passes all from the first argument on through when told to', () => {
  assert.deepEqual(parseFlags(flags, ['--rm', 'image', '-d', '--', '--name'], true), {
    values: { ...none, rm: true },
    args: ['image', '-d', '--', '--name'],
  })
  assert.deepEqual(parseFlags(flags, ['--rm', '--', '-d'], true), { values: { ...none, rm: true }, args: ['-d'] })
})

test('parseFlags() says what is wrong as docker does', () => {
  for (const [words, message] of [
    ['--nope', 'unknown flag: --nope'],
    ['--nope=1', 'unknown flag: --nope'],
    ['--__proto__=1', 'unknown flag: --__proto__'],
    ['-dx', "unknown shorthand flag: 'x' in -dx"],
    ['--name', 'flag needs an argument: --name'],
    ['-n', 'flag needs an argument: -n'],
    ['--rm=maybe', 'invalid argument "maybe" for "--rm" flag: it must be true or false'],
  ] as const)
    assert.throws(() => parseFlags(flags, words.split(' ')), { kind: 'invalid_argument', code: 'USAGE', message })
})

/** What Node.js makes of the same words. */
const byNode = (words: readonly string[]): unknown => {
  const options = Object.fromEntries(
    Object.entries<Flags[string]>(flags).map(([name, { type, short }]) => [
      name,
      {
        type: type === 'boolean' ? ('boolean' as const) : ('string' as const),
        multiple: type === 'list',
        ...(short === undefined ? {} : { short }),
      },
    ]),
  )
  const { values, positionals } = parseArgs({ args: [...words], options, allowPositionals: true })
  return { values: { ...none, ...values }, args: positionals }
}

test('parseFlags() makes the same of words as parseArgs() of Node.js', () => {
  const word = fc.constantFrom(
    '-d',
    '-i',
    '-di',
    '-e',
    '-ex',
    '-din',
    '-nx',
    '-n',
    '--env',
    '--env=a=b',
    '--name',
    '--name=',
    '--rm',
  )
  const plain = fc.constantFrom('a', '-', '', 'b=c', '--')
  fc.assert(
    fc.property(fc.array(fc.oneof(word, plain), { maxLength: 8 }), (words) => {
      let expected: unknown
      try {
        expected = byNode(words)
      } catch {
        return // it is stricter about values that look like flags
      }
      assert.deepEqual(parseFlags(flags, words), expected)
    }),
  )
})
