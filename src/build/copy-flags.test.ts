import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { TestBuilds } from './test-builds.ts'

let builds: TestBuilds
before(async () => {
  builds = await TestBuilds.open()
  const { descriptor } = await builds.dockerfile('FROM scratch\nCOPY . /\nCOPY --chmod=700 --chown=5:6 etc /opt/', {
    'etc/passwd': 'app:x:500:501::/:/bin/sh\n',
    real: '',
    lib: { link: 'usr' },
    'usr/.keep': '',
    '.dockerignore': 'Dockerfile\n.dockerignore',
  })
  await builds.content.tag('docker.io/library/base:latest', descriptor)
})
after(async () => await builds[Symbol.asyncDispose]())

const tree = {
  'a/b/one.txt': '1',
  'a/c/two.txt': '2',
  'a/c/three.md': '3',
  'x/y/four.txt': '4',
  top: 't',
}

const listing = async (text: string, below = ''): Promise<readonly string[]> =>
  (await builds.listing(await builds.dockerfile(text, tree), below)).map((line) => line.replace(/^\d+ /, ''))

test('--link copies as if onto nothing: links are not followed, folders above become root’s own (97)', async () => {
  const text = 'FROM base\nCOPY --link top /lib/new\nCOPY --link top /opt/new\n'
  const lines = await builds.listing(await builds.dockerfile(text, tree))
  assert.ok(lines.includes('755 0:0 lib/'), lines.join('\n'))
  assert.ok(lines.includes('644 0:0 lib/new "t"'))
  assert.ok(lines.includes('755 0:0 opt/'))
  // without it the link is followed, and the folder stays as it is
  const followed = await builds.listing(await builds.dockerfile('FROM base\nCOPY top /lib/new\nCOPY top /opt/new', tree))
  assert.ok(followed.includes('777 0:0 lib -> usr') && followed.includes('644 0:0 usr/new "t"'))
  assert.ok(followed.includes('755 5:6 opt/'))
})

test('--link with --chmod is as without --link, and names of owners are still looked up', async () => {
  const lines = await builds.listing(
    await builds.dockerfile('FROM base\nCOPY --link --chmod=600 top /lib/new\nCOPY --link --chown=app top /own/', tree),
  )
  assert.ok(lines.includes('600 0:0 usr/new "t"'), lines.join('\n'))
  assert.ok(lines.includes('644 500:501 own/top "t"'))
})

test('--link depends on its sources only: another base takes nothing from the cache away', async () => {
  const context = await builds.context({ ...tree, Dockerfile: 'FROM base\nARG V\nCOPY $V /v\nCOPY --link top /linked/' })
  await builds.build({ context, buildArgs: { V: 'top' } })
  const { steps } = await builds.build({ context, buildArgs: { V: 'a/b/one.txt' } })
  assert.deepEqual(
    steps.filter((step) => step.includes('COPY')).map((step) => step.replace(/^\[\d\/\d\] /, '')),
    ['COPY a/b/one.txt /v → done', 'COPY --link top /linked/ → cached'],
  )
})

test('--parents keeps the folders of a source, from the pivot on (97)', async () => {
  assert.deepEqual(await listing('FROM scratch\nCOPY --parents a/b/one.txt a/c/*.txt /d/'), [
    '0:0 d/',
    '0:0 d/a/',
    '0:0 d/a/b/',
    '0:0 d/a/b/one.txt "1"',
    '0:0 d/a/c/',
    '0:0 d/a/c/two.txt "2"',
  ])
  assert.deepEqual(await listing('FROM scratch\nCOPY --parents a/./b/one.txt a/./c/*.txt /d/'), [
    '0:0 d/',
    '0:0 d/b/',
    '0:0 d/b/one.txt "1"',
    '0:0 d/c/',
    '0:0 d/c/two.txt "2"',
  ])
  // only here two stars are any number of folders
  assert.deepEqual(await listing('FROM scratch\nCOPY --parents **/*.txt /'), [
    '0:0 a/',
    '0:0 a/b/',
    '0:0 a/b/one.txt "1"',
    '0:0 a/c/',
    '0:0 a/c/two.txt "2"',
    '0:0 x/',
    '0:0 x/y/',
    '0:0 x/y/four.txt "4"',
  ])
  await assert.rejects(listing('FROM scratch\nCOPY --parents a/b/none /d/'), { code: 'SOURCE_NOT_FOUND' })
  assert.deepEqual(await listing('FROM scratch\nCOPY --parents a/none* /d/'), ['0:0 d/'])
})

test('--exclude leaves out by the rules of .dockerignore, variables not expanded', async () => {
  assert.deepEqual(await listing('FROM scratch\nARG X=md\nCOPY --exclude=**/*.md --exclude=b --exclude=$X a /d/'), [
    '0:0 d/',
    '0:0 d/c/',
    '0:0 d/c/two.txt "2"',
  ])
  assert.deepEqual(await listing('FROM scratch\nCOPY --exclude=* --exclude=!c/two.txt a /d/'), [
    '0:0 d/',
    '0:0 d/c/',
    '0:0 d/c/two.txt "2"',
  ])
})

test('a glob that matches nothing copies nothing, a path that is not there fails (95)', async () => {
  assert.deepEqual(await listing('FROM scratch\nCOPY none* /d/'), [])
  assert.deepEqual(await listing('FROM scratch\nCOPY **/two.txt /d/'), [])
  await assert.rejects(listing('FROM scratch\nCOPY none /d/'), { code: 'SOURCE_NOT_FOUND' })
  await assert.rejects(listing('FROM scratch\nCOPY ../../etc/passwd /d/'), { code: 'SOURCE_NOT_FOUND' })
  assert.deepEqual(await listing('FROM scratch\nCOPY /../top/ /d'), ['0:0 d "t"'])
})

test('an owner stays root’s after USER, and names need the image’s own files (98)', async () => {
  const lines = await builds.listing(
    await builds.dockerfile(
      'FROM base\nUSER app\nCOPY top /t1\nCOPY --chown=app top /t2\nCOPY --chown=9 top /t3\nCOPY --chown=:7 top /t4',
      tree,
    ),
  )
  assert.deepEqual(
    lines.filter((line) => /t[1-4] /.test(line)),
    ['644 0:0 t1 "t"', '644 500:501 t2 "t"', '644 9:9 t3 "t"', '644 0:7 t4 "t"'],
  )
  await assert.rejects(listing('FROM scratch\nCOPY --chown=app top /'), { code: 'OWNER_NOT_FOUND' })
})
