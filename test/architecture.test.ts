import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

const source = join(import.meta.dirname, '..', 'src')

/** Which folders a folder of src may import, besides itself. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  oci: ['lib'],
  content: ['lib', 'oci'],
  remote: ['lib', 'oci', 'content'],
  layers: ['lib', 'oci', 'content'],
  runtime: ['lib', 'oci', 'content'],
  build: ['lib', 'oci', 'content', 'remote', 'layers', 'runtime'],
  registry: ['lib', 'oci', 'content'],
  engine: ['lib', 'oci', 'content', 'remote', 'layers', 'runtime', 'build', 'registry'],
  hub: ['lib', 'oci', 'content', 'registry', 'engine'],
  cli: ['lib', 'oci', 'content', 'engine', 'hub'],
  testing: ['lib', 'oci', 'content', 'remote', 'layers', 'registry'],
}

/** Test files may use the contract suites, and the folders that their subject is tested with. */
const testsMayImport = ['testing', 'remote', 'layers', 'runtime', 'content', 'registry', 'engine', 'oci', 'lib']

/** Tests, and what only tests use. */
const isTest = (file: string): boolean => /\.test\.ts$|\/test-[^/]*\.ts$/.test(file)

const imports = (text: string): readonly string[] =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g), ...text.matchAll(/new URL\('(\.[^']+)', import\.meta\.url\)/g)].map(
    (match) => match[1] ?? '',
  )

test('no folder imports one that the table does not allow', () => {
  const wrong: string[] = []
  for (const file of globSync('**/*.ts', { cwd: source })) {
    const folder = file.split('/')[0] ?? ''
    assert.ok(folder in mayImport, `src/${folder} is not in the table`)
    const allowed = new Set([folder, ...(mayImport[folder] ?? []), ...(isTest(file) ? testsMayImport : [])])
    for (const path of imports(readFileSync(join(source, file), 'utf8'))) {
      const target = relative(source, join(source, dirname(file), path)).split('/')[0] ?? ''
      if (target !== '..' && !allowed.has(target)) wrong.push(`src/${file} imports ${path}`)
    }
  }
  assert.deepEqual(wrong, [])
})

test('no file of the product is longer than 400 lines', () => {
  const long = globSync('**/*.ts', { cwd: source })
    .filter((file) => !isTest(file))
    .filter((file) => readFileSync(join(source, file), 'utf8').split('\n').length > 401)
  assert.deepEqual(long, [])
})

test('only cli and lib read the environment, the clock and the console', () => {
  const wrong: string[] = []
  for (const file of globSync('**/*.ts', { cwd: source })) {
    const folder = file.split('/')[0] ?? ''
    if (['cli', 'lib', 'testing'].includes(folder) || isTest(file)) continue
    const text = readFileSync(join(source, file), 'utf8')
    for (const pattern of [/\bprocess\.env\b/, /\bDate\.now\(\)/, /\bnew Date\(\)/, /\bconsole\./])
      if (pattern.test(text)) wrong.push(`src/${file}: ${pattern.source}`)
  }
  assert.deepEqual(wrong, [])
})
