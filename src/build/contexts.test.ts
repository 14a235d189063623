import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { streamOf } from '../lib/bytes.ts'
import { isGantryError } from '../lib/errors.ts'
import { TestBuilds } from './test-builds.ts'
import { commit, git, GitDaemon, hasGitDaemon, TestServer } from './test-servers.ts'

const tarOf = (folder: string, ...flags: readonly string[]): Buffer =>
  execFileSync('tar', ['-C', folder, '--owner=0', '--group=0', '-c', ...flags, '.'])

test('a context is an archive of this machine, of any compression', async () => {
  await using builds = await TestBuilds.open()
  const folder = await builds.context({
    Dockerfile: 'FROM scratch\nCOPY a /',
    'sub/Other': 'FROM scratch\nCOPY a /other',
    a: 'A',
  })
  for (const flag of ['--format=ustar', '--gzip', '--bzip2', '--xz', '--zstd']) {
    const path = join(builds.root, `context${flag}`)
    await writeFile(path, tarOf(folder, flag))
    assert.deepEqual(await builds.listing(await builds.build({ context: path })), ['644 0:0 a "A"'], flag)
  }
  const path = join(builds.root, 'context--gzip')
  assert.deepEqual(await builds.listing(await builds.build({ context: path, dockerfile: 'sub/Other' })), ['644 0:0 other "A"'])
  const outside = join(await builds.context({ D: 'FROM scratch\nCOPY a /outside' }), 'D')
  assert.deepEqual(await builds.listing(await builds.build({ context: path, dockerfile: outside })), ['644 0:0 outside "A"'])
  await writeFile(path, 'no archive')
  await assert.rejects(builds.build({ context: path }), { code: 'NO_CONTEXT', message: /it is no folder and no archive/ })
})

test('a context is an archive or a Dockerfile that a server has', async () => {
  await using builds = await TestBuilds.open()
  const tar = tarOf(
    await builds.context({ Dockerfile: 'FROM scratch\nCOPY a /', D: 'FROM scratch\nCOPY a /d', a: 'A' }),
    '--gzip',
  )
  await using server = await TestServer.open((request, response) => {
    if (request.url?.startsWith('/tar')) response.writeHead(200, { 'last-modified': 'Tue, 02 Jan 2024 03:04:05 GMT' }).end(tar)
    else response.writeHead(200).end('FROM scratch\nCOPY context /f\n')
  })
  assert.deepEqual(await builds.listing(await builds.build({ context: `${server.url}/tar` })), ['644 0:0 a "A"'])
  assert.deepEqual(await builds.listing(await builds.build({ context: `${server.url}/tar`, dockerfile: 'D' })), ['644 0:0 d "A"'])
  assert.deepEqual(await builds.listing(await builds.build({ context: `${server.url}/Dockerfile` })), [
    '600 0:0 f "FROM scratch\\nCOPY context /f\\n"',
  ])
  // a Dockerfile from a server, the context from here, and the other way round
  const context = await builds.context({ context: 'C' })
  assert.deepEqual(await builds.listing(await builds.build({ context, dockerfile: `${server.url}/x` })), ['644 0:0 f "C"'])
  const dockerfile = streamOf(Buffer.from('FROM scratch\nCOPY a /stdin'))
  assert.deepEqual(await builds.listing(await builds.build({ context: `${server.url}/tar`, dockerfile })), ['644 0:0 stdin "A"'])
  await assert.rejects(builds.build({ context: streamOf(Buffer.from('FROM scratch')), dockerfile: 'x' }), {
    code: 'DOCKERFILE_AMBIGUOUS',
  })
  // the address of a context may hold a password, which nothing that is kept may have
  await builds.build({ context: `http://ann:hunter2@${server.host}/tar?token=t0ken` })
  for (const entry of await readdir(builds.root, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      assert.doesNotMatch(await readFile(join(entry.parentPath, entry.name), 'latin1'), /hunter2|t0ken/, entry.name)
})

test(
  'a context is a commit of a git repository, or a folder of it',
  { skip: hasGitDaemon ? false : 'needs git and its daemon' },
  async () => {
    await using builds = await TestBuilds.open()
    const app = join(builds.root, 'repositories', 'app.git')
    await mkdir(app, { recursive: true })
    git(app, 'init', '-q', '.')
    commit(app, {
      Dockerfile: 'FROM scratch\nCOPY . /',
      'sub/Dockerfile': 'FROM scratch\nCOPY a /',
      'sub/a': 'A',
      '.dockerignore': 'sub',
    })
    git(app, 'branch', 'old')
    commit(app, { 'sub/a': 'B' })
    await using daemon = await GitDaemon.open(join(builds.root, 'repositories'))
    const whole = await builds.build({ context: `${daemon.url}/app.git` })
    assert.deepEqual(
      (await builds.listing(whole)).map((line) => line.split(' ')[2]),
      ['.dockerignore', 'Dockerfile', 'sub/', 'sub/Dockerfile', 'sub/a'],
    )
    assert.deepEqual(await builds.listing(await builds.build({ context: `${daemon.url}/app.git#:sub` })), ['644 0:0 a "B"'])
    assert.deepEqual(await builds.listing(await builds.build({ context: `${daemon.url}/app.git#old:sub` })), ['644 0:0 a "A"'])
    await assert.rejects(builds.build({ context: `${daemon.url}/app.git?what=1` }), /unexpected query "what"/)
  },
)

test('an archive cannot lead out of the context, nor fill the disk', async () => {
  await using builds = await TestBuilds.open()
  const folder = await builds.context({ Dockerfile: 'FROM scratch\nCOPY . /', 'd/f': 'F' })
  const hostile = execFileSync('tar', [
    '-C',
    folder,
    '-P',
    '--transform=s,^d/f,../../../../tmp/x,',
    '--owner=0',
    '--group=0',
    '-c',
    'Dockerfile',
    'd/f',
  ])
  assert.deepEqual(await builds.listing(await builds.build({ context: streamOf(hostile) })), [
    '644 0:0 Dockerfile "FROM scratch\\nCOPY . /"',
    '755 0:0 tmp/',
    '644 0:0 tmp/x "F"',
  ])
  // a link to a folder of this machine, and a file below it
  const link = await builds.context({ Dockerfile: 'FROM scratch\nCOPY . /', out: { link: builds.root } })
  const other = await builds.context({ 'out/file': 'evil' })
  const first = join(builds.root, 'hostile.tar')
  await writeFile(first, tarOf(link))
  execFileSync('tar', ['-C', other, '--owner=0', '--group=0', '-rf', first, 'out/file'])
  await builds.build({ context: streamOf(readFileSync(first)) })
  assert.ok(!(await readdir(builds.root)).includes('file'))
  // a header of 512 bytes that says 5 GB: its bytes never come
  const bomb = Buffer.from(tarOf(await builds.context({ huge: 'x' }), '--format=ustar'))
  const at = bomb.indexOf('huge') - 2
  bomb.write('77777777777\0', at + 124, 'latin1')
  bomb.write('        ', at + 148, 'latin1')
  const sum = bomb.subarray(at, at + 512).reduce((total, byte) => total + byte, 0)
  bomb.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1')
  await assert.rejects(builds.build({ context: streamOf(bomb) }), { kind: 'resource_exhausted', code: 'ARCHIVE_BOMB' })
  assert.deepEqual(await builds.leftovers(), [])
})

test('random bytes as a context are a Dockerfile or refused, and nothing else', async () => {
  await using builds = await TestBuilds.open()
  const tar = tarOf(await builds.context({ Dockerfile: 'FROM scratch', a: 'A' }))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(tar.length - 1), fc.nat(255)), { maxLength: 8 }), async (changes) => {
      const bytes = Buffer.from(tar)
      for (const [at, byte] of changes) bytes[at] = byte
      try {
        await builds.build({ context: streamOf(bytes) })
      } catch (error) {
        assert.ok(isGantryError(error) && error.kind !== 'internal', String(error))
      }
    }),
    { numRuns: 30, seed: 7 },
  )
})
