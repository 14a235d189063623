import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../../lib/errors.ts'
import { readMirrorFile } from './mirror-file.ts'

const host = { os: 'linux', architecture: 'amd64' }

test('readMirrorFile() reads repositories, images, registries and defaults', async () => {
  const text = `
[defaults]
referrers = true
platforms = ["linux/arm64"]
[[mirror]]
source = "alpine"
target = "localhost:5000/mirror/alpine"
tags = { allow = ["3.*"], range = ">=3.18", newest = 2 }
[[mirror]]
source = "localhost:5000/a:1"
target = "oci:folder"
platforms = []
referrers = false
[[mirror]]
registry = "localhost:5000"
repositories.deny = ["test/*"]
target = "other:5000/copies"
`
  const [alpine, one, registry] = await readMirrorFile('m.toml', text, host)
  assert.deepEqual(alpine, {
    source: { kind: 'repository', reference: { domain: 'docker.io', path: 'library/alpine' } },
    target: { kind: 'registry', reference: { domain: 'localhost:5000', path: 'mirror/alpine' } },
    tags: { allow: ['3.*'], deny: [], range: '>=3.18', newest: 2 },
    platforms: [{ os: 'linux', architecture: 'arm64' }],
    referrers: true,
  })
  assert.equal(one?.source.kind, 'image')
  assert.deepEqual([one?.platforms, one?.referrers], [[], false])
  assert.deepEqual(registry?.source, {
    kind: 'registry',
    domain: 'localhost:5000',
    repositories: { allow: [], deny: ['test/*'] },
  })
  assert.deepEqual(registry?.target, { kind: 'prefix', domain: 'other:5000', path: 'copies/' })
  const same = await readMirrorFile('m.json', JSON.stringify({ mirror: [{ source: 'alpine', target: 'x/y' }] }), host)
  assert.equal(same.length, 1)
})

test('readMirrorFile() says where a mistake is', async () => {
  const entry = (...lines: readonly string[]): string => ['[[mirror]]', 'source = "a"', 'target = "b"', ...lines].join('\n')
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    [entry('tag = 1'), /^Cannot read "m\.toml", line 4: "mirror\[0\]\.tag" is not known here$/],
    [entry('tags.newest = "3"'), /line 4: "mirror\[0\]\.tags\.newest" is not a whole number of 1 or more/],
    [entry('[mirror.tags]', 'allow = ["/(/"]'), /line 5: "mirror\[0\]\.tags\.allow\[0\]" is wrong: Cannot use the pattern/],
    [entry('tags.range = "x y"'), /line 4: .* is wrong: Cannot use "x y" as a range/],
    [entry('platforms = ["a/b/c/d"]'), /line 4: "mirror\[0\]\.platforms\[0\]" is wrong/],
    [entry('registry = "a:1"'), /line 1: "mirror\[0\]" has to have either "source" or "registry"/],
    [entry('referrers = 1'), /line 4: "mirror\[0\]\.referrers" is not true or false/],
    ['[[mirror]]\nsource = "a:1"\ntarget = "dir:x"', /line 3: "mirror\[0\]\.target" is neither a repository nor an OCI layout/],
    ['[[mirror]]\nsource = "a"\ntarget = "b:1"', /line 3: "mirror\[0\]\.target" has a tag or digest/],
    ['[[mirror]]\nsource = "oci:a"\ntarget = "b"', /line 2: "mirror\[0\]\.source" is not in a registry/],
    ['mirror = []', /line 1: "mirror" has no entries/],
    ['', /^Cannot read "m\.toml": "mirror" is not an array/],
    ['[[mirror]\n', /^Cannot read "m\.toml", line 1: /],
  ]
  for (const [text, message] of cases)
    await assert.rejects(readMirrorFile('m.toml', text, host), { kind: 'invalid_argument', message })
})

test('readMirrorFile() ends with mirrors or its own error, whatever the file says', async () => {
  const key = fc.constantFrom('source', 'target', 'registry', 'repositories', 'tags', 'platforms', 'referrers', 'x')
  const value = fc.oneof(
    fc.string(),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.string()),
    fc.dictionary(key, fc.jsonValue()),
    fc.constant('a/b'),
  )
  const file = fc.record({ mirror: fc.array(fc.dictionary(key, value)), defaults: fc.dictionary(key, value) })
  await fc.assert(
    fc.asyncProperty(file, async (content) => {
      try {
        await readMirrorFile('m.json', JSON.stringify(content), host)
      } catch (error) {
        assert.ok(isGantryError(error), String(error))
      }
    }),
    { numRuns: 50 },
  )
})
