import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { configError, parseConfigFile } from './config-file.ts'
import { isGantryError } from './errors.ts'

test('parseConfigFile() knows the lines of keys in TOML', async () => {
  const file = await parseConfigFile(
    'a.toml',
    [
      'x = 1',
      '[defaults]',
      'y.z = "a"',
      '[[mirror]]',
      'source = "a"',
      '[mirror.tags]',
      'allow = [',
      ' "b",',
      ']',
      '[[mirror]]',
      'inline = { a = 1 }',
    ].join('\n'),
  )
  const lines = [
    'x',
    'defaults',
    'defaults.y.z',
    'mirror[0].source',
    'mirror[0].tags.allow[0]',
    'mirror[1]',
    'mirror[1].inline.a',
    'no',
  ]
  assert.deepEqual(
    lines.map((path) => file.lineOf(path)),
    [1, 2, 3, 5, 7, 10, 11, undefined],
  )
  assert.equal(configError(file, 'x', 'is not a string', 'try').message, 'Cannot read "a.toml", line 1: "x" is not a string')
})

test('parseConfigFile() knows the lines of keys in JSON', async () => {
  const file = await parseConfigFile(
    'a.json',
    '{\n "x": 1,\n "mirror": [\n  {"source": "a:{,[b"},\n  {\n   "tags": {"allow": ["b",\n    "c"]}}\n ]\n}',
  )
  const lines = ['x', 'mirror', 'mirror[0]', 'mirror[0].source', 'mirror[1]', 'mirror[1].tags.allow[1]', 'mirror[1].tags.deny']
  assert.deepEqual(
    lines.map((path) => file.lineOf(path)),
    [2, 3, 4, 4, 5, 7, 6],
  )
})

test('parseConfigFile() says on which line the syntax is wrong', async () => {
  await assert.rejects(parseConfigFile('a.toml', 'x = 1\ny = \n'), {
    code: 'CONFIG_SYNTAX',
    message: /^Cannot read "a\.toml", line 2: /,
  })
  await assert.rejects(parseConfigFile('a.json', '{\n "a": 1,\n}'), {
    message: 'Cannot read "a.json", line 3: Expected double-quoted property name',
  })
})

test('parseConfigFile() ends with a value or its own error, whatever the text', async () => {
  const text = fc.oneof(fc.string(), fc.json(), fc.stringMatching(/^[[\]{}a-c.="',:\n 1]{0,60}$/))
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('a.toml', 'a.json'), text, fc.string(), async (name, content, path) => {
      try {
        ;(await parseConfigFile(name, content)).lineOf(path)
      } catch (error) {
        assert.ok(isGantryError(error), String(error))
      }
    }),
  )
})
