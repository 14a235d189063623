import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseIgnoreFile, PatternMatcher } from './ignore.ts'

const ignored = (patterns: readonly string[], path: string): boolean => new PatternMatcher(patterns).matchPath(path).matched

test('parseIgnoreFile() reads lines as moby does (102)', () => {
  const text = '\u{feff}#top\n # not a comment\r\n/abs\n  a/../b/  \n! /c\n!\n./d//e\n\n#x\nfoo # bar\n/\n'
  assert.deepEqual(parseIgnoreFile(text), [
    { pattern: '# not a comment', line: 2 },
    { pattern: 'abs', line: 3 },
    { pattern: 'b', line: 4 },
    { pattern: '!c', line: 5 },
    { pattern: '!', line: 6 },
    { pattern: 'd/e', line: 7 },
    { pattern: 'foo # bar', line: 10 },
    { pattern: '/', line: 11 },
  ])
})

const table: readonly (readonly [readonly string[], string, boolean])[] = [
  // anchored at the root (103)
  [['foo'], 'foo', true],
  [['foo'], 'a/foo', false],
  [['**/foo'], 'a/foo', true],
  [['**/foo'], 'foo', true],
  [['**/foo'], 'xfoo', false],
  // a folder takes what is in it with it
  [['foo'], 'foo/a/b', true],
  [['fo*'], 'foo/a', true],
  [['foo'], 'foobar', false],
  // the last match wins
  [['foo', '!foo/bar'], 'foo/bar', false],
  [['foo', '!foo/bar'], 'foo/bar/x', false],
  [['foo', '!foo/bar'], 'foo/baz', true],
  [['!foo/bar', 'foo'], 'foo/bar', true],
  [['*', '!a', 'a/b'], 'a/b', true],
  [['*', '!a', 'a/b'], 'a/c', false],
  [['docs/*', '!docs/README.md'], 'docs/README.md', false],
  [['**', '!dist/*.whl'], 'dist/x-1.2+g3.whl', false],
  // ** is any number of folders, zero too (104)
  [['a/**/b'], 'a/b', true],
  [['a/**/b'], 'a/x/y/b', true],
  [['a/**'], 'a', false],
  [['a/**'], 'a/b/c', true],
  [['a**/*.t'], 'a/x/y.t', true],
  [['a**'], 'abc/d', true],
  [['**x'], 'yx', true],
  [['**/*.txt'], 'a/b.txt', true],
  [['**/**/*.txt'], 'b.txt', true],
  [['**/dir/*'], 'a/dir/b', true],
  [['**x]'], 'yx]', false],
  [['**x]'], 'y/x]', true],
  [['a]'], 'a]', true],
  [['foo/**', '!foo/**/keep'], 'foo/a/b/keep', false],
  [['*', '!*/'], 'a', false],
  [['**'], 'any/thing', true],
  [['.'], 'a', false],
  // * stays within a name and takes hidden ones
  [['*'], '.hidden', true],
  [['a/*.t'], 'a/b/c.t', false],
  [['.*'], '.a', true],
  [['.*'], 'a', false],
  // characters that mean something in regular expressions only
  [['a.b'], 'axb', false],
  [['a.|)$(}+{bc'], 'a.|)$(}+{bc', true],
  [['a(b)c/d+'], 'a(b)c/d+', true],
  [['a[b-d]e'], 'ace', true],
  [['a[^b-d]e'], 'ace', false],
  [['a\\*b'], 'a*b', true],
  [['a\\*b'], 'axb', false],
  [['a\\\\'], 'a\\', true],
]

for (const [patterns, path, expected] of table)
  test(`PatternMatcher ${expected ? 'takes' : 'leaves'} ${path} for ${JSON.stringify(patterns)}`, () => {
    assert.equal(ignored(patterns, path), expected)
  })

test('PatternMatcher refuses bad patterns', () => {
  for (const pattern of ['!', '[', 'a\\', '![-a]'])
    assert.throws(() => new PatternMatcher([pattern]), { code: 'PATTERN_INVALID' })
})

test('PatternMatcher names the rule that decided', () => {
  const matcher = new PatternMatcher(['*', '!src', 'src/*.log'])
  assert.equal(matcher.matchPath('a').rule, 0)
  assert.equal(matcher.matchPath('src/a').rule, 1)
  assert.equal(matcher.matchPath('src/a.log').rule, 2)
  assert.equal(matcher.matchPath('src/sub/a.log').rule, 1)
})

const pattern = fc
  .tuple(
    fc.constantFrom('', '', '!'),
    fc.array(fc.constantFrom('a', 'b', '*', '**', 'a*', '?', '*b'), { minLength: 1, maxLength: 3 }),
  )
  .map(([mark, parts]) => mark + parts.join('/'))
const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'ba'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))

test('PatternMatcher never says that a folder covers all when something in it escapes', () => {
  fc.assert(
    fc.property(fc.array(pattern, { minLength: 1, maxLength: 4 }), path, path, (patterns, folder, below) => {
      const matcher = new PatternMatcher(patterns)
      const result = matcher.matchPath(folder)
      fc.pre(matcher.coversAll(folder, result))
      assert.ok(matcher.matchPath(`${folder}/${below}`).matched)
    }),
    { numRuns: 5000, seed: 5 },
  )
})

test('PatternMatcher agrees with a direct reading of the rules for single patterns', () => {
  const positive = pattern.filter((one) => !one.startsWith('!') && !/\*\*[^/]|[^/]\*\*/.test(one))
  const direct = (pattern: string, path: string): boolean => {
    const source = pattern
      .replaceAll('**/', '\u0001')
      .replaceAll('**', '\u0002')
      .replaceAll('*', '[^/]*')
      .replaceAll('?', '[^/]')
      .replaceAll('\u0001', '(.*/)?')
      .replaceAll('\u0002', '.*')
    const parts = path.split('/')
    return parts.some((_, index) => new RegExp(`^${source}$`).test(parts.slice(0, index + 1).join('/')))
  }
  fc.assert(
    fc.property(positive, path, (pattern, path) => {
      assert.equal(ignored([pattern], path), direct(pattern, path))
    }),
    { numRuns: 5000, seed: 6 },
  )
})

test('PatternMatcher takes time in proportion to hostile patterns', () => {
  const start = performance.now()
  ignored([`${'*a'.repeat(500)}b`, `**/${'**/a*'.repeat(300)}b`], 'a'.repeat(4000))
  assert.ok(performance.now() - start < 3000)
})
