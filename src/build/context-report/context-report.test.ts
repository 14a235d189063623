import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { streamOf } from '../../lib/bytes.ts'
import type { CheckOptions } from '../check-dockerfile.ts'
import { PatternMatcher } from '../ignore.ts'
import { TestBuilds, type ContextFile } from '../test-builds.ts'
import { FolderTree } from '../tree/folder-tree.ts'
import { withContextReport, type ContextEntry, type ContextReport } from './context-report.ts'
import { traceRules } from './rule-trace.ts'

const report = async <T>(builds: TestBuilds, options: CheckOptions, work: (report: ContextReport) => Promise<T>): Promise<T> =>
  await withContextReport(options, builds.services, work)

const line = ({ path, size, ignored, rules, takers }: ContextEntry): string =>
  [
    `${path} ${size}`,
    ...(ignored ? ['out'] : []),
    ...rules.map((rule) => `${rule.line}${rule.matched === path ? '' : `(${rule.matched})`}`),
    ...takers.map((taker) => `L${taker.line}→${taker.destination ?? ''}`),
  ].join(' ')

const files: Readonly<Record<string, ContextFile>> = {
  Dockerfile:
    'ARG D=docs\nFROM missing AS one\nWORKDIR /w\nCOPY src lib/\nFROM one\nARG D\nCOPY --exclude=*.t $D link /d/\nCOPY --from=one /x /y\n',
  '.dockerignore': '# all but\nnode_modules\n\ndocs/*\n!docs/a*\n',
  'node_modules/a/b': '12345',
  'node_modules/c': '12345',
  'docs/a.t': '1',
  'docs/a.u': '12',
  'docs/no': '123',
  'src/x': '1234',
  link: { link: 'src/x' },
}

test('list() says what goes in, which rule keeps the rest out, and which instruction of any stage takes a file', async () => {
  await using builds = await TestBuilds.open()
  const context = await builds.context(files)
  const lines = await report(builds, { context }, async (one) => {
    assert.deepEqual(one.problems, [])
    return (await one.list()).map(line)
  })
  assert.deepEqual(lines, [
    '.dockerignore 40',
    'Dockerfile 124',
    'docs/a.t 1 4 5',
    'docs/a.u 2 4 5 L7→/d/a.u',
    'docs/no 3 out 4',
    'link 0',
    'node_modules 10 out 2',
    'src/x 4 L4→/w/lib/x L7→/d/link',
  ])
  const only = await report(builds, { context, target: 'one', buildArgs: { D: 'src' } }, async (one) =>
    (await one.list()).map(line),
  )
  assert.equal(only.at(-1), 'src/x 4 L4→/w/lib/x')
})

test('why() knows files, folders and what is not there; a rule says which folder it matched', async () => {
  await using builds = await TestBuilds.open()
  const context = await builds.context(files)
  await report(builds, { context }, async (one) => {
    const why = async (path: string): Promise<string | undefined> => {
      const entry = await one.why(path)
      return entry === undefined ? undefined : line(entry)
    }
    assert.equal(await why('./node_modules//a/b'), 'node_modules/a/b 5 out 2(node_modules)')
    assert.equal(await why('/docs/'), 'docs 6')
    assert.equal(await why('node_modules'), 'node_modules 10 out 2')
    assert.equal(await why('docs/../src/x'), 'src/x 4 L4→/w/lib/x L7→/d/link')
    assert.equal(await why('nope'), undefined)
    assert.equal(await why('../../etc/passwd'), undefined)
  })
})

test('NAME.dockerignore goes before .dockerignore, and without a Dockerfile only the takers are missing (105)', async () => {
  await using builds = await TestBuilds.open()
  const context = await builds.context({
    'd/Own': 'FROM scratch\nCOPY a /',
    'd/Own.dockerignore': 'b',
    '.dockerignore': 'a',
    a: 'A',
    b: 'B',
  })
  const own = await report(builds, { context, dockerfile: join(context, 'd/Own') }, async (one) => [
    await one.why('a'),
    await one.why('b'),
  ])
  assert.deepEqual(
    own.map((one) => one && line(one)),
    ['a 1 L2→/a', 'b 1 out 1'],
  )
  assert.equal(own[1]?.rules[0]?.file, 'Own.dockerignore')
  await report(builds, { context }, async (one) => {
    assert.match(one.problems.join(), /failed to read dockerfile/)
    assert.deepEqual(
      (await one.why('a'))?.rules.map(({ file }) => file),
      ['.dockerignore'],
    )
  })
  await builds.write(context, 'Dockerfile', 'FROM scratch\nCOPY --no=1 a /')
  await report(builds, { context }, async (one) => {
    assert.match(one.problems.join(), /unknown flag: --no/)
    assert.equal((await one.list()).length, 6)
  })
})

test('what is left out may be unreadable', { skip: process.getuid?.() === 0 ? 'root may read everything' : false }, async () => {
  await using builds = await TestBuilds.open()
  const context = await builds.context({ Dockerfile: 'FROM scratch', '.dockerignore': 'secret' })
  await mkdir(join(context, 'secret'))
  await chmod(join(context, 'secret'), 0)
  const entries = await report(builds, { context }, async (one) => await one.list())
  assert.ok(entries.some(({ path, ignored }) => path === 'secret' && ignored))
})

test('what the report says goes in is what the build is given', async () => {
  await using builds = await TestBuilds.open()
  const paths = ['a', 'b', 'c/a', 'c/b', 'c/d/a', 'c/d/e/f', 'd/a']
  const context = await builds.context(Object.fromEntries(paths.map((path) => [path, path])))
  const pattern = fc
    .tuple(
      fc.constantFrom('', '', '!'),
      fc.array(fc.constantFrom('a', 'b', 'c', 'd', '*', '**', '?'), { minLength: 1, maxLength: 3 }),
    )
    .map(([mark, parts]) => mark + parts.join('/'))
  await fc.assert(
    fc.asyncProperty(fc.array(pattern, { maxLength: 4 }), async (patterns) => {
      await builds.write(context, '.dockerignore', patterns.join('\n'))
      const tree = new FolderTree(context, { ignore: patterns })
      const inside: string[] = []
      const walk = async (folder: string): Promise<void> => {
        for (const entry of await tree.list(folder)) {
          if (entry.kind === 'folder') await walk(entry.path)
          else inside.push(entry.path)
        }
      }
      await walk('')
      const entries = await report(builds, { context }, async (one) => await one.list())
      assert.deepEqual(
        entries.filter(({ ignored }) => !ignored).map(({ path }) => path),
        inside,
      )
      assert.equal(
        entries.reduce((sum, { files: count }) => sum + count, 0),
        paths.length + 1,
      )
      assert.ok(entries.every(({ ignored, rules }) => !ignored || rules.length > 0))
    }),
    { numRuns: 40, seed: 11 },
  )
})

test('traceRules() ends where the matcher does', () => {
  const pattern = fc
    .tuple(fc.constantFrom('', '!'), fc.array(fc.constantFrom('a', 'b', '*', '**'), { minLength: 1, maxLength: 3 }))
    .map(([mark, parts]) => mark + parts.join('/'))
  const path = fc.array(fc.constantFrom('a', 'b', 'ab'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
  fc.assert(
    fc.property(fc.array(pattern, { maxLength: 5 }), path, (patterns, one) => {
      const matcher = new PatternMatcher(patterns)
      const { ignored, rules } = traceRules(one, matcher, {
        file: 'f',
        lines: patterns.map((text, index) => ({ pattern: text, line: index + 1 })),
      })
      assert.equal(ignored, matcher.matchPath(one).matched)
      assert.equal(rules.length % 2 === 1, ignored)
    }),
    { numRuns: 3000, seed: 12 },
  )
})

test('a context from elsewhere has no rules', async () => {
  await using builds = await TestBuilds.open()
  const folder = await builds.context({ Dockerfile: 'FROM scratch\nCOPY a /', '.dockerignore': 'a', a: 'A' })
  const tar = execFileSync('tar', ['-C', folder, '-c', '.'])
  const lines = await report(builds, { context: streamOf(tar) }, async (one) => (await one.list()).map(line))
  assert.deepEqual(lines, ['.dockerignore 1', 'Dockerfile 21', 'a 1 L2→/a'])
})
