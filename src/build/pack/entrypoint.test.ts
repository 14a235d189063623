import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandWords, splitAssignments } from './command-words.ts'
import { findEntrypoint, parseEntrypoint, type Entrypoint } from './entrypoint.ts'
import { parseManifest } from './manifest.ts'

const find = async (manifest: object, project = ''): Promise<Entrypoint> =>
  await findEntrypoint({
    manifest: parseManifest(JSON.stringify(manifest), 'package.json'),
    project,
    target: '/app',
    node: 'node',
    bin: async (name) =>
      name === 'next'
        ? { path: 'node_modules/next/dist/bin/next', node: true }
        : name === 'native'
          ? { path: 'node_modules/native/native', node: false }
          : undefined,
    script: async (path) => (['server.js', 'dist/main.js', 'bin/run', 'packages/api/index.js'].includes(path) ? path : undefined),
    absence: async () => 'which does not exist',
  })

const words = async (start: string, scripts: object = {}): Promise<readonly string[]> =>
  (await find({ scripts: { start, ...scripts } })).words

test('a simple start script becomes words, with the files that they mean', async () => {
  assert.deepEqual(await words('node server.js'), ['node', '/app/server.js'])
  assert.deepEqual(await words('node --enable-source-maps -r dotenv/config dist/main.js --port 80'), [
    'node',
    '--enable-source-maps',
    '-r',
    'dotenv/config',
    '/app/dist/main.js',
    '--port',
    '80',
  ])
  assert.deepEqual(await words(`node -e "console.log('a b')"`), ['node', '-e', "console.log('a b')"])
  assert.deepEqual(await words('next start -p 80'), ['node', '/app/node_modules/next/dist/bin/next', 'start', '-p', '80'])
  assert.deepEqual(await words('npx next start'), ['node', '/app/node_modules/next/dist/bin/next', 'start'])
  assert.deepEqual(await words('native --x'), ['/app/node_modules/native/native', '--x'])
  assert.deepEqual(await words('./bin/run'), ['/app/bin/run'])
  assert.deepEqual(await words('busybox httpd'), ['busybox', 'httpd'])
})

test('scripts that call scripts are followed', async () => {
  assert.deepEqual(await words('npm run serve', { serve: 'node server.js' }), ['node', '/app/server.js'])
  assert.deepEqual(await words('npm run -s serve -- --port 80', { serve: 'node server.js' }).catch(String), [
    'node',
    '/app/server.js',
    '--port',
    '80',
  ])
  assert.deepEqual(await words('yarn serve', { serve: 'pnpm run again', again: 'node server.js' }), ['node', '/app/server.js'])
  await assert.rejects(words('npm run a', { a: 'npm run b', b: 'npm run a' }), { code: 'SCRIPT_CYCLE' })
  const { warnings } = await find({ scripts: { prestart: 'tsc', start: 'node server.js' } })
  assert.deepEqual(warnings, ['the script "prestart" is not run when the image starts'])
})

test('variables before a command become those of the image', async () => {
  for (const start of ['A=1 B="x y" node server.js', 'cross-env A=1 B="x y" node server.js', 'env A=1 B="x y" node server.js']) {
    const found = await find({ scripts: { start } })
    assert.deepEqual(found.words, ['node', '/app/server.js'], start)
    assert.deepEqual(found.variables, [
      ['A', '1'],
      ['B', 'x y'],
    ])
  }
})

test('what only a shell understands is left to one, with what docker run adds', async () => {
  for (const start of [
    'node a.js && node b.js',
    'node server.js > log',
    'node server.js --port $PORT',
    'node *.js',
    'npm run other',
  ]) {
    const found = await find({ scripts: { start } })
    assert.deepEqual(found.words, ['sh', '-c', `${start} "$@"`, 'sh'])
    assert.ok(found.shell)
  }
  for (const start of ['(node a.js)', 'node a.js &', 'if true; then node a.js; fi', 'node a.js; # b'])
    assert.deepEqual(await words(start), ['sh', '-c', start])
})

test('without a start script: bin, main, server.js, index.js', async () => {
  assert.deepEqual((await find({ name: '@a/x', bin: { y: 'server.js', x: 'bin/run' } })).words, ['node', '/app/bin/run'])
  assert.deepEqual((await find({ bin: './bin/run', name: 'x' })).from, 'bin')
  assert.deepEqual((await find({ main: './dist/main.js' })).words, ['node', '/app/dist/main.js'])
  assert.deepEqual((await find({})).words, ['node', '/app/server.js'])
  assert.deepEqual((await find({}, 'packages/api')).words, ['node', '/app/packages/api/index.js'])
  await assert.rejects(find({}, 'packages/other'), { code: 'NO_ENTRYPOINT' })
})

test('a script that the image would not have is no entrypoint', async () => {
  await assert.rejects(words('node missing.js'), {
    message: 'Cannot pack: what the start script runs is "missing.js", which does not exist',
  })
  await assert.rejects(words('node ../outside.js'), { code: 'SCRIPT_MISSING' })
  await assert.rejects(find({ main: '../../etc/passwd' }), { code: 'SCRIPT_MISSING' })
  await assert.rejects(find({ bin: { x: 'gone.js' } }), { code: 'SCRIPT_MISSING' })
})

test('words are split as a shell splits them', () => {
  assert.deepEqual(commandWords(String.raw`a 'b c' "d \"e\"" f\ g h"i"'j'`), ['a', 'b c', 'd "e"', 'f g', 'hij'])
  assert.deepEqual(commandWords(''), [])
  for (const text of ["a 'b", 'a "b', 'a "$B"', 'a "`b`"', 'a\nb', 'a \\', 'a;b', 'a|b', '~/a', '# a'])
    assert.equal(commandWords(text), undefined, text)
  assert.deepEqual(splitAssignments(['env']), { variables: [], words: ['env'] })
})

test('an entrypoint is given as words or as JSON', () => {
  assert.deepEqual(parseEntrypoint('node a.js'), ['node', 'a.js'])
  assert.deepEqual(parseEntrypoint('["sh", "-c", "a && b"]'), ['sh', '-c', 'a && b'])
  for (const text of ['', 'a && b', '[1]', '[', '[]'])
    assert.throws(() => parseEntrypoint(text), { code: 'ENTRYPOINT_INVALID' }, text)
})
