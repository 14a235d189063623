import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../../../lib/errors.ts'
import { parseManifest } from '../manifest.ts'
import { isPackageName, type Lock } from './lock.ts'
import { parseNpmLock } from './npm.ts'
import { readPnpmLock } from './pnpm.ts'
import { readYaml } from './read-yaml.ts'
import { parseClassicLock } from './yarn-classic.ts'
import { berryEntries, createYarnLock } from './yarn.ts'

const manifestOf = (fields: object): ReturnType<typeof parseManifest> => parseManifest(JSON.stringify(fields), 'package.json')

/** What an importer gets, as `alias key version source`, dependencies of dependencies below, each once. */
const closure = (lock: Lock, path: string, manifest: object): readonly string[] => {
  const start = lock.importer(path, manifestOf(manifest))
  assert.ok(start, `"${path}" is an importer`)
  const lines: string[] = []
  const pending = [start]
  const seen = new Set<string>()
  for (let from = pending.shift(); from !== undefined; from = pending.shift())
    for (const dependency of from.dependencies) {
      const found = lock.resolve(from, dependency)
      lines.push(`${dependency.alias} ${found === undefined ? '-' : `${found.key} ${found.version} ${found.source}`}`)
      if (found === undefined || seen.has(found.key)) continue
      seen.add(found.key)
      pending.push(found)
    }
  return lines
}

const withFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-lock-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const yaml = async (text: string): Promise<unknown> => {
  let document: unknown
  await withFolder(async (folder) => {
    document = await readYaml(text, 'lock.yaml', folder)
  })
  return document
}

test('npm: a package gets what is nearest above it, a link what it stands for', () => {
  const lock = parseNpmLock(
    JSON.stringify({
      lockfileVersion: 3,
      packages: {
        '': { dependencies: { a: '1', '@s/c': '1', lib: '*', git: 'github:x/git' } },
        'packages/lib': { dependencies: { b: '3' } },
        'packages/lib/node_modules/b': { version: '3.0.0', resolved: 'https://r/b' },
        'node_modules/lib': { resolved: 'packages/lib', link: true },
        'node_modules/a': { version: '1.0.0', resolved: 'https://r/a', dependencies: { b: '1' } },
        'node_modules/b': { version: '1.0.0', resolved: 'https://r/b' },
        'node_modules/@s/c': {
          version: '1.0.0',
          dependencies: { b: '2' },
          peerDependencies: { a: '1', p: '1' },
          peerDependenciesMeta: { p: { optional: true } },
        },
        'node_modules/@s/c/node_modules/b': { version: '2.0.0', inBundle: true },
        'node_modules/git': { version: '1.0.0', resolved: 'git+ssh://git@github.com/x/git.git#abc' },
      },
    }),
    'package-lock.json',
  )
  assert.deepEqual(lock.importers, ['', 'packages/lib'])
  assert.deepEqual(closure(lock, '', { dependencies: { a: '1', '@s/c': '1', lib: '*', git: 'github:x/git' } }), [
    'a node_modules/a 1.0.0 registry',
    '@s/c node_modules/@s/c 1.0.0 registry',
    'lib packages/lib  workspace',
    'git node_modules/git 1.0.0 other',
    'b node_modules/b 1.0.0 registry',
    'b node_modules/@s/c/node_modules/b 2.0.0 registry',
    'a node_modules/a 1.0.0 registry',
    'b packages/lib/node_modules/b 3.0.0 registry',
  ])
  assert.throws(() => lock.importer('', manifestOf({ dependencies: { a: '2' } })), { code: 'LOCKFILE_OUTDATED' })
  assert.throws(() => parseNpmLock('{"lockfileVersion":1,"dependencies":{}}', 'package-lock.json'), {
    message: 'Cannot read "package-lock.json": it has no "packages"',
  })
})

const pnpm9 = `---
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      alias:
        specifier: npm:@s/real@1
        version: '@s/real@1.0.0'
  packages/api:
    dependencies:
      a: {specifier: ^1.0.0, version: 1.0.0(p@2.0.0)}
      lib: {specifier: 'workspace:*', version: 'link:../lib'}
      git: {specifier: 'github:x/git', version: 'https://codeload.github.com/x/git/tar.gz/abc'}
    optionalDependencies:
      native: {specifier: '1', version: 1.0.0}
  packages/lib:
    dependencies:
      p: {specifier: ^2.0.0, version: 2.0.0}
packages:
  '@s/real@1.0.0': {resolution: {integrity: sha512-AA==}}
  a@1.0.0: {resolution: {integrity: sha512-AA==}, peerDependencies: {p: '*'}}
  p@2.0.0: {resolution: {integrity: sha512-AA==}}
  native@1.0.0: {resolution: {integrity: sha512-AA==}, os: [linux], cpu: [x64]}
  git@https://codeload.github.com/x/git/tar.gz/abc: {resolution: {tarball: 'https://codeload.github.com/x/git/tar.gz/abc'}, version: 3.0.0}
snapshots:
  '@s/real@1.0.0': {}
  a@1.0.0(p@2.0.0):
    dependencies: {p: 2.0.0}
  p@2.0.0: {}
  native@1.0.0: {optional: true}
  git@https://codeload.github.com/x/git/tar.gz/abc: {}
`

test('pnpm: version 9 names packages with their peers, and workspaces as links', async () => {
  const lock = readPnpmLock(await yaml(`---\nconfig: {}\n${pnpm9}`), 'pnpm-lock.yaml')
  assert.deepEqual(lock.importers, ['', 'packages/api', 'packages/lib'])
  assert.deepEqual(closure(lock, '', { dependencies: { alias: 'npm:@s/real@1' } }), ['alias @s/real@1.0.0 1.0.0 registry'])
  const api = {
    dependencies: { a: '^1.0.0', lib: 'workspace:*', git: 'github:x/git' },
    optionalDependencies: { native: '1' },
  }
  assert.deepEqual(closure(lock, 'packages/api', api), [
    'a a@1.0.0(p@2.0.0) 1.0.0 registry',
    'lib link:packages/lib  workspace',
    'git git@https://codeload.github.com/x/git/tar.gz/abc 3.0.0 other',
    'native native@1.0.0 1.0.0 registry',
    'p p@2.0.0 2.0.0 registry',
    'p p@2.0.0 2.0.0 registry',
  ])
  assert.throws(() => lock.importer('packages/api', manifestOf({ dependencies: { a: '^2.0.0' } })), { code: 'LOCKFILE_OUTDATED' })
  const importer = lock.importer('packages/api', manifestOf(api))
  const dependency = importer?.dependencies.find(({ alias }) => alias === 'native')
  assert.deepEqual(importer && dependency && lock.resolve(importer, dependency)?.platforms, {
    os: ['linux'],
    cpu: ['x64'],
    libc: [],
  })
})

test('pnpm: version 6 has slashes before names, and one project without importers', async () => {
  const lock = readPnpmLock(
    await yaml(`lockfileVersion: '6.0'
dependencies:
  '@s/a': {specifier: ^1.0.0, version: 1.0.0(p@2.0.0)}
packages:
  /@s/a@1.0.0(p@2.0.0):
    resolution: {integrity: sha512-AA==}
    dependencies: {p: 2.0.0, g: github.com/x/g/abc}
  /p@2.0.0: {resolution: {integrity: sha512-AA==}}
  github.com/x/g/abc: {resolution: {tarball: 'https://codeload.github.com/x/g'}, name: g, version: 1.0.0}
`),
    'pnpm-lock.yaml',
  )
  assert.deepEqual(closure(lock, '', { dependencies: { '@s/a': '^1.0.0' } }), [
    '@s/a /@s/a@1.0.0(p@2.0.0) 1.0.0 registry',
    'p /p@2.0.0 2.0.0 registry',
    'g github.com/x/g/abc 1.0.0 other',
  ])
  assert.throws(() => readPnpmLock({ lockfileVersion: '5.4' }, 'pnpm-lock.yaml'), {
    message: 'Cannot read "pnpm-lock.yaml": version "5.4" is not known',
  })
})

test('yarn: version 1 has an entry for all ranges that led to it', () => {
  const entries = parseClassicLock(
    `# THIS IS AN AUTOGENERATED FILE. DO NOT EDIT THIS FILE DIRECTLY.
# yarn lockfile v1


"@s/a@^1.0.0", "@s/a@^1.0.1":
  version "1.0.1"
  resolved "https://r.example/@s/a/-/a-1.0.1.tgz#abc"
  integrity sha512-AA==
  dependencies:
    b "2 || 3"
    "@s/c" "^1.0.0"
  optionalDependencies:
    fsevents "^2"

b@2, "b@2 || 3":
  version "2.0.0"
  resolved "https://r.example/b/-/b-2.0.0.tgz#abc"

"@s/c@^1.0.0":
  version "1.0.0"
  resolved "git+ssh://git@github.com/s/c.git#abc"
`,
    'yarn.lock',
  )
  const lock = createYarnLock(entries, { workspaces: new Map([['lib', 'packages/lib']]), resolutions: new Map() })
  assert.deepEqual(closure(lock, '', { dependencies: { '@s/a': '^1.0.0', lib: '1.0.0' } }), [
    '@s/a @s/a@^1.0.0 1.0.1 registry',
    'lib packages/lib  workspace',
    'b b@2 || 3 2.0.0 registry',
    '@s/c @s/c@^1.0.0 1.0.0 other',
    'fsevents -',
  ])
  assert.throws(() => lock.importer('', manifestOf({ dependencies: { x: '1' } })), { code: 'LOCKFILE_OUTDATED' })
  for (const text of ['a:\n b c\n', 'a "b', '  version "1"\n', 'a:\n    b "1"\n'])
    assert.throws(() => parseClassicLock(text, 'yarn.lock'), { code: 'LOCKFILE_INVALID' }, text)
})

test('yarn: newer versions name workspaces, platforms and optional dependencies', async () => {
  const entries = berryEntries(
    await yaml(`__metadata:
  version: 8
"api@workspace:packages/api":
  version: 0.0.0-use.local
  resolution: "api@workspace:packages/api"
  languageName: unknown
  linkType: soft
"lib@workspace:*, lib@workspace:packages/lib":
  version: 0.0.0-use.local
  resolution: "lib@workspace:packages/lib"
"a@npm:^1.0.0":
  version: 1.0.0
  resolution: "a@npm:1.0.0"
  dependencies:
    native: "npm:1.0.0"
    forced: "npm:^1"
  dependenciesMeta:
    native:
      optional: true
"native@npm:1.0.0":
  version: 1.0.0
  resolution: "native@npm:1.0.0"
  conditions: os=darwin & cpu=arm64
"forced@npm:2.0.0":
  version: 2.0.0
  resolution: "forced@npm:2.0.0"
`),
  )
  const workspaces = new Map([
    ['api', 'packages/api'],
    ['lib', 'packages/lib'],
  ])
  const lock = createYarnLock(entries, { workspaces, resolutions: new Map([['**/forced', '2.0.0']]) })
  assert.deepEqual(closure(lock, 'packages/api', { dependencies: { lib: 'workspace:*', a: '^1.0.0' } }), [
    'lib packages/lib  workspace',
    'a a@^1.0.0 1.0.0 registry',
    'forced forced@npm:^1 2.0.0 registry',
    'native native@npm:1.0.0 1.0.0 registry',
  ])
})

test('a YAML lockfile that was read is known, one that has itself within it is none', async () => {
  await withFolder(async (folder) => {
    const first = await readYaml(pnpm9, 'pnpm-lock.yaml', folder)
    assert.equal((await readdir(join(folder, 'lockfiles'))).length, 1)
    assert.deepEqual(await readYaml(pnpm9, 'pnpm-lock.yaml', folder), JSON.parse(JSON.stringify(first)))
    await assert.rejects(readYaml('a: &x\n  b: *x\n', 'y', folder), { code: 'LOCKFILE_INVALID' })
    await assert.rejects(readYaml('a: [', 'y', folder), { code: 'LOCKFILE_INVALID' })
    const bomb = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let level = 1; level < 12; level++)
      bomb.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`)
    await assert.rejects(readYaml(`${bomb.join('\n')}\n`, 'y', folder), (error) => isGantryError(error, 'invalid_argument'))
  })
})

test('names of packages are no paths', () => {
  for (const name of ['a', '@s/a', 'a.b', 'A_b', '__proto__', 'constructor']) assert.ok(isPackageName(name), name)
  for (const name of [
    '',
    '.',
    '..',
    '.bin',
    '/a',
    'a/b',
    '@s',
    '@s/',
    '@/a',
    '@../a',
    '@s/../a',
    'a\\b',
    'a\0',
    'node_modules',
    '@s/..',
  ])
    assert.ok(!isPackageName(name), name)
})

test('lockfiles of any text and any shape are read or refused', async () => {
  const refuses = (work: () => unknown): void => {
    try {
      work()
    } catch (error) {
      assert.ok(isGantryError(error, 'invalid_argument') || isGantryError(error, 'failed_precondition'), String(error))
    }
  }
  const key = fc.oneof(
    fc.constantFrom(
      'packages',
      'importers',
      'snapshots',
      'dependencies',
      'lockfileVersion',
      'version',
      '',
      '.',
      '__proto__',
      'link',
      'resolved',
    ),
    fc.constantFrom('node_modules/a', 'a@1.0.0', '/a@1.0.0', 'a@npm:1', 'constructor'),
    fc.string(),
  )
  const leaf = fc.oneof(fc.constantFrom('9.0', '6.0', 'link:../..', '1.0.0', true, null, 3), fc.string())
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    ),
  }))
  const anything = manifestOf({ dependencies: { a: '1' } })
  const walk = (lock: Lock): void => {
    for (const path of lock.importers.slice(0, 5)) {
      const from = lock.importer(path, anything)
      for (const dependency of from?.dependencies ?? []) if (from) lock.resolve(from, dependency)
    }
  }
  fc.assert(
    fc.property(value, (document) => {
      refuses(() => walk(parseNpmLock(JSON.stringify(document), 'l')))
      refuses(() => walk(readPnpmLock(document, 'l')))
      refuses(() => walk(createYarnLock(berryEntries(document), { workspaces: new Map(), resolutions: new Map() })))
      refuses(() => parseManifest(JSON.stringify(document), 'p'))
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('a', '"', ':', ',', ' ', '\n', '@', '\\') })), (text) => {
      refuses(() => parseClassicLock(text, 'l'))
      refuses(() => parseNpmLock(text, 'l'))
      refuses(() => parseManifest(text, 'p'))
    }),
    { numRuns: 500 },
  )
})
