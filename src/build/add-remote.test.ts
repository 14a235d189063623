import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { collect, streamOf } from '../lib/bytes.ts'
import { writeTar } from '../lib/tar/writer.ts'
import { listKeptSources } from './sources/kept-sources.ts'
import { TestBuilds } from './test-builds.ts'
import { TestServer } from './test-servers.ts'

const modified = 'Tue, 02 Jan 2024 03:04:05 GMT'

const tarOf = async (files: Readonly<Record<string, string>>): Promise<Buffer> => {
  const entries = Object.entries(files).map(([name, text]) => ({
    name,
    kind: 'file' as const,
    mode: 0o640,
    uid: 5,
    gid: 6,
    size: text.length,
    mtime: { seconds: 1000, nanoseconds: 0 },
    body: streamOf(Buffer.from(text)),
  }))
  return await collect(writeTar(entries), 1 << 20)
}

test('ADD of an URL makes a file 0600 of the server’s time, named after the URL in a folder (100)', async () => {
  await using builds = await TestBuilds.open()
  await using server = await TestServer.open((request, response) => {
    if (request.url === '/old') response.writeHead(302, { location: '/dir/a%20file?x=1' }).end()
    else response.writeHead(200, request.url === '/plain' ? {} : { 'last-modified': modified }).end(`at ${request.url}`)
  })
  const image = await builds.dockerfile(
    `FROM scratch\nADD ${server.url}/dir/a%20file /d/\nADD ${server.url}/dir/x ${server.url}/plain /both/\nADD ${server.url}/old /moved\nADD ${server.url}/ /root/\nADD --chown=7:8 --chmod=755 ${server.url}/x /mine\n`,
  )
  assert.deepEqual(await builds.listing(image), [
    '755 0:0 both/',
    '600 0:0 both/plain "at /plain"',
    '600 0:0 both/x "at /dir/x"',
    '755 0:0 d/',
    '600 0:0 d/a file "at /dir/a%20file"',
    '755 7:8 mine "at /x"',
    '600 0:0 moved "at /dir/a%20file?x=1"',
    '755 0:0 root/',
    '600 0:0 root/__unnamed__ "at /"',
  ])
  const times = await builds.files(image, async (tree) => [
    (await tree.stat('both/x'))?.mtime.seconds,
    (await tree.stat('both/plain'))?.mtime.seconds,
  ])
  assert.deepEqual(times, [Date.parse(modified) / 1000, 0])
  assert.equal(image.config.history?.[0]?.created_by, `ADD ${server.url}/dir/a%20file /d/ # buildkit`)
})

test('ADD of an URL asks the server each time, and fetches only what has changed', async () => {
  await using builds = await TestBuilds.open()
  let [text, etag] = ['one', '"1"']
  await using server = await TestServer.open((request, response) => {
    const headers = request.url === '/etag' ? { etag } : { 'last-modified': modified }
    const asked = request.headers['if-none-match'] === etag || request.headers['if-modified-since'] === modified
    if (asked) response.writeHead(304).end()
    else response.writeHead(200, headers).end(text)
  })
  const context = await builds.context({ Dockerfile: `FROM scratch\nADD ${server.url}/etag ${server.url}/time /\n` })
  const first = await builds.build({ context })
  const second = await builds.build({ context })
  assert.equal(second.imageId, first.imageId)
  assert.deepEqual(second.steps, [`[1/1] ADD ${server.url}/etag ${server.url}/time / → cached`])
  const asked = server.requests.map(({ url, headers }) => `${url} ${headers['if-none-match']} ${headers['if-modified-since']}`)
  assert.deepEqual(asked.toSorted(), [
    '/etag "1" undefined',
    '/etag undefined undefined',
    `/time undefined ${modified}`,
    '/time undefined undefined',
  ])
  ;[text, etag] = ['two', '"2"']
  const third = await builds.build({ context })
  assert.deepEqual(await builds.listing(third), ['600 0:0 etag "two"', '600 0:0 time "one"'])
})

test('ADD of an URL does without the copy that was damaged or taken away', async () => {
  await using builds = await TestBuilds.open()
  await using server = await TestServer.open((request, response) => {
    if (request.headers['if-none-match'] === undefined) response.writeHead(200, { etag: '"1"' }).end('text')
    else response.writeHead(304).end()
  })
  const context = await builds.context({ Dockerfile: `FROM scratch\nADD ${server.url}/f /\n` })
  await builds.build({ context })
  const folder = join(builds.services.sources.folder, 'http')
  const blob = (await readdir(folder)).find((name) => !name.endsWith('.json')) ?? ''
  await writeFile(join(folder, blob), 'evil')
  assert.deepEqual(await builds.listing(await builds.build({ context, noCache: true })), ['600 0:0 f "text"'])
  await rm(join(folder, blob))
  assert.deepEqual(await builds.listing(await builds.build({ context, noCache: true })), ['600 0:0 f "text"'])
  const record = (await readdir(folder)).find((name) => name.endsWith('.json')) ?? ''
  await writeFile(join(folder, record), '{"digest":"sha256:../../etc/passwd","size":1}')
  assert.deepEqual(await builds.listing(await builds.build({ context, noCache: true })), ['600 0:0 f "text"'])
})

test('ADD --checksum takes nothing else, and asks nobody for what is here', async () => {
  await using builds = await TestBuilds.open()
  let text = 'right'
  await using server = await TestServer.open((_request, response) => response.writeHead(200).end(text))
  const digest = (algorithm: string, of: string): string => `${algorithm}:${createHash(algorithm).update(of).digest('hex')}`
  const build = async (checksum: string): ReturnType<TestBuilds['dockerfile']> =>
    await builds.dockerfile(`FROM scratch\nADD --checksum=${checksum} ${server.url}/f /\n`)
  assert.deepEqual(await builds.listing(await build(digest('sha256', 'right'))), ['600 0:0 f "right"'])
  text = 'wrong'
  assert.deepEqual(await builds.listing(await build(digest('sha256', 'right'))), ['600 0:0 f "right"'])
  assert.equal(server.requests.length, 1)
  await assert.rejects(build(digest('sha512', 'right')), { code: 'CHECKSUM_MISMATCH', kind: 'data_loss' })
  assert.deepEqual(await builds.listing(await build(digest('sha512', 'wrong'))), ['600 0:0 f "wrong"'])
  await assert.rejects(build('sha256:abc'), { code: 'DIGEST_INVALID' })
  await assert.rejects(
    builds.dockerfile('FROM scratch\nADD --checksum=sha256:a f /', { f: '' }),
    /checksum requires HTTP\(S\) or Git sources/,
  )
  await assert.rejects(builds.dockerfile('FROM scratch\nADD --checksum=sha256:a http://x/a http://x/b /d/'), /multiple sources/)
  await assert.rejects(builds.dockerfile('FROM scratch\nCOPY http://x/a /'), /source can't be a URL for COPY/)
})

test('ADD extracts an URL only with --unpack, and a local archive unless it is told not to (99)', async () => {
  await using builds = await TestBuilds.open()
  const archive = gzipSync(await tarOf({ 'in/a': 'A' }))
  await using server = await TestServer.open((_request, response) => response.writeHead(200).end(archive))
  const plain = await builds.dockerfile(`FROM scratch\nADD ${server.url}/a.tgz /\n`)
  assert.deepEqual(await builds.listing(plain), [`600 0:0 a.tgz ${JSON.stringify(archive.toString())}`])
  const unpacked = await builds.dockerfile(`FROM scratch\nADD --unpack ${server.url}/a.tgz /d/\n`)
  assert.deepEqual(await builds.listing(unpacked), ['755 0:0 d/', '755 0:0 d/in/', '640 5:6 d/in/a "A"'])
  const context = await builds.context({ Dockerfile: 'FROM scratch\nADD --unpack=false a.tgz /\n' })
  await writeFile(join(context, 'a.tgz'), archive, { mode: 0o644 })
  const kept = await builds.listing(await builds.build({ context }))
  assert.deepEqual(kept, [`644 0:0 a.tgz ${JSON.stringify(archive.toString())}`])
})

test('ADD of an URL fails with the reason, and ends what is too large or too slow', async () => {
  await using builds = await TestBuilds.open()
  await using server = await TestServer.open((request, response) => {
    if (request.url === '/large') response.writeHead(200).end(Buffer.alloc(5000))
    else if (request.url === '/slow') response.writeHead(200).write('x')
    else if (request.url === '/loop') response.writeHead(302, { location: '/loop' }).end()
    else response.writeHead(Number(request.url?.slice(1))).end()
  })
  const build = async (path: string): Promise<unknown> =>
    await builds.dockerfile(
      `FROM scratch\nADD ${server.url}${path} /\n`,
      {},
      {},
      { sources: { ...builds.services.sources, limit: 4000, timeout: 400 } },
    )
  await assert.rejects(build('/404'), {
    kind: 'not_found',
    message: new RegExp(`Cannot fetch "${server.url}/404": "${server.host}" answered 404 Not Found`),
  })
  await assert.rejects(build('/500'), { kind: 'unavailable', code: 'HTTP_500' })
  await assert.rejects(build('/loop'), { code: 'TOO_MANY_REDIRECTS' })
  await assert.rejects(build('/large'), { kind: 'resource_exhausted', code: 'SOURCE_TOO_LARGE' })
  await assert.rejects(build('/slow'), { kind: 'unavailable', code: 'SOURCE_TIMEOUT' })
})

test('the secrets of an URL go to its server, and nowhere else', async () => {
  await using builds = await TestBuilds.open()
  await using other = await TestServer.open((_request, response) => response.writeHead(200).end('elsewhere'))
  await using server = await TestServer.open((request, response) => {
    if (request.url?.startsWith('/moved')) response.writeHead(302, { location: `${other.url}/f` }).end()
    else response.writeHead(request.headers.authorization === undefined ? 401 : 200, { etag: '"s3cret-etag"' }).end('text')
  })
  const url = `http://ann:hunter2@${server.host}`
  const image = await builds.dockerfile(`FROM scratch\nARG AT=${url}\nADD $AT/f?sig=s1gned&a=1 /\nADD $AT/moved /\n`)
  assert.equal(server.requests[0]?.headers.authorization, `Basic ${Buffer.from('ann:hunter2').toString('base64')}`)
  assert.deepEqual(
    other.requests.map(({ headers }) => headers.authorization),
    [undefined],
  )
  assert.equal(image.config.history?.[1]?.created_by, `ADD http://xxxxx:xxxxx@${server.host}/f?sig=xxxxx&a=1 / # buildkit`)
  const shown = image.events.map((event) => ('label' in event ? event.label : '')).join('\n')
  assert.doesNotMatch(shown, /hunter2|s1gned/)
  const failed = await builds
    .dockerfile(
      `FROM scratch\nARG AT=http://ann:hunter2@${other.host}\nADD --checksum=sha256:${'0'.repeat(64)} $AT/f?token=t0ken /\n`,
    )
    .catch((error: Error) => error)
  assert.ok(failed instanceof Error)
  assert.match(failed.message, /digest mismatch for http:\/\/xxxxx:xxxxx@/)
  assert.doesNotMatch(failed.message, /hunter2|t0ken/)
  for (const folder of [builds.services.sources.folder, builds.services.cacheFolder])
    for (const name of await readdir(folder, { recursive: true, withFileTypes: true })) {
      assert.doesNotMatch(name.name, /hunter2|s1gned/)
      if (name.isFile()) assert.doesNotMatch(await readFile(join(name.parentPath, name.name), 'latin1'), /hunter2|s1gned/)
    }
})

test('listKeptSources() has what URLs brought, and takes it away', async () => {
  await using builds = await TestBuilds.open()
  await using server = await TestServer.open((_request, response) => response.writeHead(200).end('text'))
  const { folder } = builds.services.sources
  assert.deepEqual(await listKeptSources(folder), [])
  const context = await builds.context({ Dockerfile: `FROM scratch\nADD ${server.url}/f /\n` })
  const first = await builds.build({ context })
  const kept = await listKeptSources(folder)
  assert.equal(kept.length, 2)
  for (const source of kept) assert.ok(await source.remove())
  assert.deepEqual(await listKeptSources(folder), [])
  assert.equal((await builds.build({ context })).imageId, first.imageId)
})
