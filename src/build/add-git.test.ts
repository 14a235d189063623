import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { chmod, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { messageOf } from '../lib/errors.ts'
import { TestBuilds } from './test-builds.ts'
import { commit, git, GitDaemon, hasGitDaemon, TestServer } from './test-servers.ts'

const skip = hasGitDaemon ? false : 'needs git and its daemon'

/** A folder for repositories, with one that is called `app.git`. */
const repositories = async (builds: TestBuilds): Promise<{ readonly folder: string; readonly app: string }> => {
  const folder = join(builds.root, 'repositories')
  const app = join(folder, 'app.git')
  await mkdir(app, { recursive: true })
  git(app, 'init', '-q', '.')
  return { folder, app }
}

test('ADD of a git repository brings the files of a commit, and of them those of a folder (100)', { skip }, async () => {
  await using builds = await TestBuilds.open()
  const { folder, app } = await repositories(builds)
  await mkdir(join(app, 'sub'))
  await writeFile(join(app, 'run'), 'x')
  await chmod(join(app, 'run'), 0o777)
  await symlink('run', join(app, 'link'))
  const first = commit(app, { 'sub/a': 'one', '.dockerignore': 'sub' })
  git(app, 'tag', '-a', '-m', 'm', 'v1')
  git(app, 'branch', 'old')
  const second = commit(app, { 'sub/a': 'two' })
  await using daemon = await GitDaemon.open(folder)
  const add = async (rest: string, flags = ''): Promise<readonly string[]> =>
    await builds.listing(await builds.dockerfile(`FROM scratch\nADD ${flags} ${daemon.url}/app.git${rest} /\n`))
  const files = (text: string): readonly string[] => [
    '644 0:0 .dockerignore "sub"',
    '777 0:0 link -> run',
    '755 0:0 run "x"',
    '755 0:0 sub/',
    `644 0:0 sub/a "${text}"`,
  ]
  assert.deepEqual(await add(''), files('two'))
  assert.deepEqual(await add('#v1'), files('one'))
  assert.deepEqual(await add('#old'), files('one'))
  assert.deepEqual(await add('#refs/heads/main'), files('two'))
  assert.deepEqual(await add('?branch=old'), files('one'))
  assert.deepEqual(await add(`#${first}`), files('one'))
  assert.deepEqual(await add(`#${second}:sub`), ['644 0:0 a "two"'])
  assert.deepEqual(await add('#:sub/'), ['644 0:0 a "two"'])
  assert.deepEqual(await add('?tag=v1&subdir=sub'), ['644 0:0 a "one"'])
  assert.deepEqual(await add('#v1', `--checksum=${first.slice(0, 12)}`), files('one'))
  assert.deepEqual(await add('#old', '--exclude=sub --exclude=.d*'), ['777 0:0 link -> run', '755 0:0 run "x"'])
  await assert.rejects(add('#v1', `--checksum=${second}`), { code: 'CHECKSUM_MISMATCH', message: /expected checksum to match/ })
  await assert.rejects(add('#nowhere'), { code: 'GIT_REF_NOT_FOUND', message: /repository does not contain ref nowhere/ })
  await assert.rejects(add(`#${'0'.repeat(40)}`), { kind: 'unavailable' })
  await assert.rejects(add('#:nowhere'), { code: 'GIT_FOLDER_NOT_FOUND' })
  await assert.rejects(add('#:run'), { code: 'GIT_FOLDER_NOT_FOUND' })
  await assert.rejects(add('', '--checksum=v1'), /expected hex commit hash/)
  await assert.rejects(builds.dockerfile(`FROM scratch\nADD ${daemon.url}/none.git /\n`), { code: 'GIT_FAILED' })
})

test('ADD of a git repository is of the time of the commit, and cached by its files', { skip }, async () => {
  await using builds = await TestBuilds.open()
  const { folder, app } = await repositories(builds)
  commit(app, { a: 'A' })
  await using daemon = await GitDaemon.open(folder)
  const context = await builds.context({ Dockerfile: `FROM scratch\nADD ${daemon.url}/app.git /d\n` })
  const first = await builds.build({ context })
  assert.equal(await builds.files(first, async (tree) => (await tree.stat('d/a'))?.mtime.seconds), 1_700_000_000)
  const again = await builds.build({ context })
  assert.equal(again.imageId, first.imageId)
  assert.deepEqual(again.steps, [`[1/1] ADD ${daemon.url}/app.git /d → cached`])
  assert.deepEqual(await readdir(builds.services.scratchFolder), [])
  commit(app, { b: 'B' })
  const after = await builds.build({ context })
  assert.deepEqual(await builds.listing(after, 'd'), ['644 0:0 d/a "A"', '644 0:0 d/b "B"'])
})

test('ADD --keep-git-dir keeps the repository, without it neither that nor those of submodules stay', { skip }, async () => {
  await using builds = await TestBuilds.open()
  const { folder, app } = await repositories(builds)
  const library = join(folder, 'library.git')
  await mkdir(library)
  git(library, 'init', '-q', '.')
  commit(library, { inner: 'I' })
  await using daemon = await GitDaemon.open(folder)
  git(app, 'submodule', '--quiet', 'add', `${daemon.url}/library.git`, 'lib')
  const id = commit(app, { a: 'A' })
  const plain = await builds.dockerfile(`FROM scratch\nADD ${daemon.url}/app.git /\n`)
  const listing = (await builds.listing(plain)).map((line) => line.replace(/ ".*/, ''))
  assert.deepEqual(listing, ['644 0:0 .gitmodules', '644 0:0 a', '755 0:0 lib/', '644 0:0 lib/inner'])
  const without = await builds.dockerfile(`FROM scratch\nADD ${daemon.url}/app.git?submodules=false /\n`)
  assert.deepEqual(
    (await builds.listing(without)).map((line) => line.replace(/ ".*/, '')),
    ['644 0:0 .gitmodules', '644 0:0 a', '755 0:0 lib/'],
  )
  const kept = await builds.dockerfile(`FROM scratch\nADD --keep-git-dir=true ${daemon.url}/app.git#main /\n`)
  await builds.files(kept, async (tree) => {
    const { collect } = await import('../lib/bytes.ts')
    const text = async (path: string): Promise<string> => {
      const entry = await tree.stat(path)
      return entry === undefined ? '' : (await collect(tree.read(entry), 1 << 20)).toString()
    }
    assert.equal((await text('.git/HEAD')).trim(), id)
    assert.match(await text('.git/config'), new RegExp(`url = ${daemon.url}/app\\.git`))
    assert.equal(await tree.stat('.git/FETCH_HEAD'), undefined)
  })
})

test('a repository can neither run anything nor bring files of this machine', { skip }, async () => {
  await using builds = await TestBuilds.open()
  const { folder, app } = await repositories(builds)
  const proof = join(builds.root, 'proof')
  await mkdir(join(folder, 'secret.git'))
  git(join(folder, 'secret.git'), 'init', '-q', '.')
  commit(join(folder, 'secret.git'), { key: 'K' })
  const local = `file://${folder}/secret.git`
  commit(app, { '.gitattributes': '* filter=evil diff=evil\n', a: 'A' })
  // links that lead out stay links
  await symlink('/etc', join(app, 'out'))
  await symlink('out', join(app, 'sub'))
  commit(app, {})
  await using daemon = await GitDaemon.open(folder)
  const build = async (
    source: string,
    environment: Readonly<Record<string, string>> = {},
  ): ReturnType<TestBuilds['dockerfile']> =>
    await builds.dockerfile(
      `FROM scratch\nADD ${source} /d\n`,
      {},
      {},
      {
        sources: { ...builds.services.sources, environment: { PATH: process.env['PATH'], ...environment } },
      },
    )
  // whatever the caller's environment says to git
  const config = join(builds.root, 'evil-config')
  await writeFile(
    config,
    `[core]\n\thooksPath = ${builds.root}\n\tfsmonitor = touch ${proof}\n[filter "evil"]\n\tsmudge = touch ${proof}\n\trequired\n`,
  )
  await writeFile(join(builds.root, 'post-checkout'), `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 })
  await build(`${daemon.url}/app.git`, {
    GIT_CONFIG_GLOBAL: config,
    GIT_CONFIG_COUNT: '1',
    GIT_CONFIG_KEY_0: 'core.sshCommand',
    GIT_CONFIG_VALUE_0: `touch ${proof}`,
    GIT_SSH_COMMAND: `touch ${proof}`,
    GIT_DIR: app,
    HOME: builds.root,
  })
  await assert.rejects(build(`${daemon.url}/app.git#:out`), { code: 'GIT_FOLDER_NOT_FOUND' })
  await assert.rejects(build(`${daemon.url}/app.git#:sub`), { code: 'GIT_FOLDER_NOT_FOUND' })
  // none of these is git's to speak, nor a file of the context
  for (const source of [
    `ext::sh -c touch% ${proof}`,
    `file://${app}`,
    local,
    `git@-oProxyCommand=touch:x`,
    'ssh://-oProxyCommand=x/y',
  ])
    await assert.rejects(builds.dockerfile(`FROM scratch\nADD ["${source}", "/d"]\n`), source)
  git(app, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', local, 'lib')
  commit(app, {})
  await assert.rejects(build(`${daemon.url}/app.git`), { code: 'GIT_FAILED', message: /transport 'file' not allowed/ })
  await writeFile(
    join(app, '.gitmodules'),
    `[submodule "lib"]\n\tpath = lib\n\turl = ext::sh -c touch% ${proof}\n\tupdate = !touch ${proof}\n`,
  )
  commit(app, {})
  await assert.rejects(build(`${daemon.url}/app.git`), { code: 'GIT_FAILED' })
  assert.throws(() => readFileSync(proof), { code: 'ENOENT' })
})

test('a repository that stands for more files than there is room for is refused', { skip }, async () => {
  await using builds = await TestBuilds.open()
  const { folder, app } = await repositories(builds)
  commit(app, { a: 'A'.repeat(1000) })
  let tree = git(app, 'write-tree')
  for (let depth = 0; depth < 8; depth++) {
    const lines = Array.from({ length: 10 }, (_, index) => `040000 tree ${tree}\td${index}\n`).join('')
    tree = execFileSync('git', ['mktree'], { cwd: app, input: lines, encoding: 'utf8' }).trim()
  }
  git(app, 'update-ref', 'refs/heads/bomb', git(app, 'commit-tree', '-m', 'm', tree))
  await using daemon = await GitDaemon.open(folder)
  await assert.rejects(
    builds.dockerfile(
      `FROM scratch\nADD ${daemon.url}/app.git#bomb /\n`,
      {},
      {},
      { sources: { ...builds.services.sources, limit: 1 << 20 } },
    ),
    { kind: 'resource_exhausted', code: 'SOURCE_TOO_LARGE' },
  )
})

test(
  'a repository over plain HTTP is fetched whole, with the user of its URL; without git there is a hint',
  { skip },
  async () => {
    await using builds = await TestBuilds.open()
    const { folder, app } = await repositories(builds)
    commit(app, { a: 'A' })
    git(folder, 'clone', '-q', '--bare', app, 'bare.git')
    git(join(folder, 'bare.git'), 'update-server-info')
    await using server = await TestServer.open((request, response) => {
      const path = (request.url ?? '').replace(/\?.*/, '')
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
        return
      }
      const file = join(folder, path)
      if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) response.writeHead(200).end(readFileSync(file))
      else response.writeHead(404).end()
    })
    const image = await builds.dockerfile(`FROM scratch\nADD http://ann:hunter2@${server.host}/bare.git#main /\n`)
    assert.deepEqual(await builds.listing(image), ['644 0:0 a "A"'])
    assert.equal(image.config.history?.[0]?.created_by, `ADD http://xxxxx:xxxxx@${server.host}/bare.git#main / # buildkit`)
    const denied = await builds.dockerfile(`FROM scratch\nADD http://${server.host}/bare.git /\n`).catch((error: Error) => error)
    assert.match(messageOf(denied), /could not read Username|terminal prompts disabled/)
    await rm(join(folder, 'bare.git', 'objects'), { recursive: true })
    const failed = await builds
      .dockerfile(`FROM scratch\nARG U=hunter3\nADD http://ann:$U@${server.host}/bare.git#${'1'.repeat(40)} /\n`)
      .catch((error: Error) => error)
    assert.doesNotMatch(`${messageOf(failed)} ${messageOf((failed as Error).cause)}`, /hunter3/)
    await assert.rejects(
      builds.dockerfile(
        `FROM scratch\nADD http://${server.host}/bare.git /\n`,
        {},
        {},
        { sources: { ...builds.services.sources, environment: { PATH: '/nowhere' } } },
      ),
      { code: 'NO_GIT', hint: /install git/ },
    )
  },
)
