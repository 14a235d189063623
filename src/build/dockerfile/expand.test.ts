import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../../lib/errors.ts'
import { expand, type ExpandOptions } from './expand.ts'

const variables: Readonly<Record<string, string>> = {
  HOME: '/root',
  EMPTY: '',
  FILE: 'archive.tar.gz',
  PATHS: '/a/b/c.txt',
  SPACES: 'one  two',
  MARKS: '()[]{}^$.*?|\\x',
  LINES: 'ab\ncd',
  ÜBER: 'ü',
  _x1: 'under',
}
const lookup = (name: string): string | undefined => (Object.hasOwn(variables, name) ? variables[name] : undefined)
const textOf = (source: string, options?: ExpandOptions): string => expand(source, lookup, options).text

const good: readonly (readonly [string, string])[] = [
  ['plain', 'plain'],
  ['$HOME/x', '/root/x'],
  ['${HOME}x', '/rootx'],
  ['a$UNSETb', 'a'],
  ['a${UNSET}b', 'ab'],
  ['$ÜBER', 'ü'],
  ['$_x1.', 'under.'],
  ['$', '$'],
  ['$.', '$.'],
  ['a$1b', 'ab'],
  ['$12ab', 'ab'],
  ['$$HOME', 'HOME'],
  ['$@$*$#$?$-$!', ''],
  ['\\$HOME', '$HOME'],
  ['\\\\$HOME', '\\/root'],
  ['a\\tb', 'atb'],
  ['end\\', 'end'],
  // quotes (83)
  ["'$HOME'", '$HOME'],
  ["'\\$HOME'", '\\$HOME'],
  ['"$HOME"', '/root'],
  ['"\\$HOME"', '$HOME'],
  ['"a\\tb"', 'a\\tb'],
  ['"a\\"b"', 'a"b'],
  ['"it\'s $HOME"', "it's /root"],
  ['a\'b\'"c"d', 'abcd'],
  // default and alternative values, with and without the colon
  ['${UNSET-w}|${EMPTY-w}|${HOME-w}', 'w||/root'],
  ['${UNSET:-w}|${EMPTY:-w}|${HOME:-w}', 'w|w|/root'],
  ['${UNSET+w}|${EMPTY+w}|${HOME+w}', '|w|w'],
  ['${UNSET:+w}|${EMPTY:+w}|${HOME:+w}', '||w'],
  ['${HOME:?no}${HOME?no}${EMPTY?no}', '/root/root'],
  ['${UNSET:-${EMPTY:-$HOME}}', '/root'],
  ['${UNSET:-a b"c d"}', 'a bc d'],
  ['${UNSET:-\\}}', '}'],
  ['${UNSET:-\\$HOME}', '$HOME'],
  ['${UNSET:-{}', '{'],
  ['${HOME}}', '/root}'],
  // patterns
  ['${FILE#*.}', 'tar.gz'],
  ['${FILE##*.}', 'gz'],
  ['${FILE%.*}', 'archive.tar'],
  ['${FILE%%.*}', 'archive'],
  ['${FILE#x}${FILE%x}', 'archive.tar.gzarchive.tar.gz'],
  ['${FILE#}${FILE%%}', 'archive.tar.gzarchive.tar.gz'],
  ['${FILE#?r}', 'chive.tar.gz'],
  ['${FILE%?z}', 'archive.tar.'],
  ['${MARKS#()[]{\\}^$.\\*\\?|\\\\}', 'x'],
  ['${UNSET#*}', ''],
  ['${LINES#*}|${LINES##*}', 'ab\ncd|\ncd'],
  ['${PATHS/\\//-}', '-a/b/c.txt'],
  ['${PATHS//\\//-}', '-a-b-c.txt'],
  ['${PATHS/?\\/b/X}', '/X/c.txt'],
  ['${PATHS//[a-c]/X}', '/a/b/c.txt'],
  ['${PATHS/nothing/X}', '/a/b/c.txt'],
  ['${PATHS//a/$HOME}', '//root/b/c.txt'],
  ['${HOME/o}x/y}', '/root'],
  ['${EMPTY//x/y}', ''],
]

for (const [source, expected] of good)
  test(`expand() makes ${JSON.stringify(expected)} of ${JSON.stringify(source)}`, () => {
    assert.equal(textOf(source), expected)
  })

const bad: readonly (readonly [string, string])[] = [
  ['${}', 'syntax error: bad substitution'],
  ['${:-x}', 'syntax error: bad substitution'],
  ['${{x}', 'syntax error: bad substitution'],
  ['${', "syntax error: missing '}'"],
  ['${HOME', "syntax error: missing '}'"],
  ['${HOME:-x', "syntax error: missing '}'"],
  ['${HOME:-${x}', "syntax error: missing '}'"],
  ['${HOME/x}', "syntax error: missing '/' in ${}"],
  ['${HOME/x/y', "syntax error: missing '}'"],
  ['${HOME=x}', 'unsupported modifier (=) in substitution'],
  ['${HOME:=x}', 'unsupported modifier (:=) in substitution'],
  ['${HOME:#x}', 'unsupported modifier (:#) in substitution'],
  ['${HOME.}', 'unsupported modifier (.) in substitution'],
  ['${.}', 'unsupported modifier (.) in substitution'],
  ['${HOME#\\x}', "invalid pattern (\\x) in substitution: invalid escape '\\x'"],
  ['${UNSET?}', 'UNSET: is not allowed to be unset'],
  ['${EMPTY:?}', 'EMPTY: is not allowed to be empty'],
  ['${UNSET:?set it, $HOME}', 'UNSET: set it, /root'],
  ["it's", 'unexpected end of statement while looking for matching single-quote'],
  ['"a', 'unexpected end of statement while looking for matching double-quote'],
  ['"a\\"', 'unexpected end of statement while looking for matching double-quote'],
]

for (const [source, reason] of bad)
  test(`expand() refuses ${JSON.stringify(source)}`, () => {
    assert.throws(
      () => expand(source, lookup),
      (error) => error instanceof GantryError && error.kind === 'invalid_argument' && error.message.endsWith(reason),
    )
  })

test('expand() takes the escape character of the escape directive', () => {
  assert.equal(textOf('`$HOME \\$HOME c:\\dir', { escape: '`' }), '$HOME \\/root c:\\dir')
})

test('expand() leaves variables that are not set as they are when asked to', () => {
  const source = '$HOME $UNSET ${UNSET} ${UNSET:-x} ${UNSET#a} ${UNSET/a/b}'
  assert.equal(textOf(source, { keepUnset: true }), '/root $UNSET ${UNSET} ${UNSET:-x} ${UNSET#a} ${UNSET/a/b}')
})

test('expand() keeps quotes and escapes when asked to', () => {
  assert.equal(textOf('"a b" \'c\'', { rawQuotes: true }), '"a b" \'c\'')
  assert.equal(textOf('a\\ b', { rawEscapes: true }), 'a\\ b')
  assert.equal(textOf('it\'s "$HOME" \\$HOME', { literalQuotes: true }), 'it\'s "/root" $HOME')
})

test('expand() splits words after substitution, but not inside quotes', () => {
  const words = (source: string): readonly string[] => expand(source, lookup).words
  assert.deepEqual(words('a$SPACES b'), ['aone', 'two', 'b'])
  assert.deepEqual(words('"$SPACES" x'), ['one  two', 'x'])
  assert.deepEqual(words('a\\ b c'), ['a b', 'c'])
  assert.deepEqual(words('  '), [])
  assert.deepEqual(words('80${UNSET:-81} 90'), ['8081', '90'])
  assert.deepEqual(words('<< EOF x'), ['<< EOF', 'x'])
})

test('expand() names the variables that were asked for', () => {
  const { used, unset } = expand('$HOME ${UNSET:-$EMPTY} ${OTHER}', lookup)
  assert.deepEqual([...used], ['HOME', 'EMPTY'])
  assert.deepEqual([...unset], ['UNSET', 'OTHER'])
})

test('expand() limits nesting and length', () => {
  const deep = '${a:-'.repeat(5000)
  assert.throws(() => expand(deep, lookup), /nested deeper than 100/)
  assert.throws(() => expand('$x$x$x', () => 'y'.repeat(500_000)), /more than 1048576 characters/)
})

test('expand() takes time in proportion to a hostile pattern', () => {
  const value = 'a'.repeat(2000)
  const pattern = '*a'.repeat(300)
  const start = performance.now()
  expand(`\${v##${pattern}b}\${v%%b${pattern}}`, () => value)
  assert.ok(performance.now() - start < 2000)
})

test('expand() throws nothing but a GantryError for random token soup', () => {
  const token = fc.constantFrom(
    '$',
    '{',
    '}',
    '${',
    ':',
    '-',
    '+',
    '?',
    '#',
    '%',
    '/',
    '//',
    '\\',
    '"',
    "'",
    '<<',
    ' ',
    'HOME',
    'x',
    '*',
    '\t',
    'é',
    '😀',
  )
  fc.assert(
    fc.property(fc.array(token, { maxLength: 40 }), fc.boolean(), fc.boolean(), (tokens, keepUnset, rawEscapes) => {
      try {
        expand(tokens.join(''), lookup, { keepUnset, rawEscapes })
      } catch (error) {
        assert.ok(error instanceof GantryError, String(error))
      }
    }),
    { numRuns: 2000, seed: 7 },
  )
})

test('expand() leaves quoted text as it is, whatever it is', () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 50 }).filter((text) => !text.includes("'")),
      (text) => {
        assert.equal(textOf(`'${text}'`), text)
      },
    ),
    { seed: 8 },
  )
})
