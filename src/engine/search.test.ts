import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError, isGantryError } from '../lib/errors.ts'
import type { RegistryAccess } from '../registry/access.ts'
import { createRegistryClient } from '../remote/index.ts'
import { answerJson, startPeer } from '../testing/http-peer.ts'
import { startFaultyRegistry } from '../testing/faulty-registry.ts'
import { randomImage } from '../testing/random-image.ts'
import { searchImages } from './search.ts'
import { TestEngine } from './test-engine.ts'

const small = { layers: 1, files: 1 }

const rejects = async (work: Promise<unknown>, code: string): Promise<GantryError> => {
  const error = await work.then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  )
  assert.ok(isGantryError(error), String(error))
  assert.equal(error.code, code, error.message)
  return error
}

const found = [
  { name: 'someone/nginx', description: 'mine', star_count: 3, is_official: false, is_automated: false },
  { name: 'nginx', description: 'Official build of Nginx.', star_count: 20_000, is_official: true, is_automated: false },
  { name: 'x/nginx-odd', description: null, star_count: 'many' },
]

test('searchImages() asks Docker Hub, the most popular first, and filters', async () => {
  await using hub = await startPeer((_request, response) => answerJson(response, 200, { num_results: 3, results: found }))
  // a proxy stands for the name service, which knows no Docker Hub here
  const asked: string[] = []
  const proxy = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(307, { location: hub.url }).end()
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const address = proxy.address()
  assert.ok(typeof address === 'object' && address !== null)
  try {
    const environment = { HTTP_PROXY: `http://127.0.0.1:${address.port}` }
    await using test = await TestEngine.start({ environment, plainHttp: true })
    const names = async (...filters: readonly string[]): Promise<readonly string[]> =>
      (await searchImages(test.engine, 'nginx', { filters, limit: 30 })).map(({ name }) => name)
    assert.deepEqual(await names(), ['nginx', 'someone/nginx', 'x/nginx-odd'])
    assert.equal(asked[0], 'http://index.docker.io/v1/search?q=nginx&n=30')
    assert.deepEqual(await names('is-official=true'), ['nginx'])
    assert.deepEqual(await names('stars=3', 'is-official=false'), ['someone/nginx'])
    assert.deepEqual(await names('is-automated=true'), [])
    await searchImages(test.engine, 'docker.io/library/nginx')
    assert.equal(asked.at(-1), 'http://index.docker.io/v1/search?q=nginx&n=25')
  } finally {
    proxy.closeAllConnections()
    await new Promise((resolve) => proxy.close(resolve))
  }
})

test('searchImages() asks the search of our registry, which pages and ranks', async () => {
  await using test = await TestEngine.start()
  for (const path of ['team/app', 'apple/pie', 'other', 'my-app'])
    await test.publish(path, ['1'], async (sink) => await randomImage(sink, small))
  const { host, url } = test.registry
  assert.deepEqual(
    (await searchImages(test.engine, `${host}/app`)).map(({ name }) => name),
    [`${host}/team/app`, `${host}/apple/pie`, `${host}/my-app`],
  )
  const page = (await (await fetch(`${url}/v1/search?q=APP&n=2&page=2`)).json()) as {
    readonly results: readonly { readonly name: string }[]
  }
  assert.deepEqual(
    { ...page, results: page.results.map(({ name }) => name) },
    { query: 'APP', page: 2, page_size: 2, num_pages: 2, num_results: 3, results: ['my-app'] },
  )
  assert.equal((await fetch(`${url}/v1/search?q=a&n=-1`)).status, 400)
})

test('the search of our registry shows only what the caller may pull', async () => {
  let isOpen = true
  const access: RegistryAccess = {
    identify: () => Promise.resolve(undefined),
    authorise: (_identity, scopes) => {
      const isSecret = scopes.some((scope) => scope.kind === 'repository' && scope.name.startsWith('secret/'))
      return isSecret && !isOpen ? Promise.reject(new GantryError('permission_denied', 'DENIED', 'no')) : Promise.resolve()
    },
    challenge: () => 'Basic realm="test"',
  }
  await using test = await TestEngine.start({}, { access })
  for (const path of ['open/app', 'secret/app']) await test.publish(path, ['1'], async (sink) => await randomImage(sink, small))
  isOpen = false
  const { host } = test.registry
  assert.deepEqual(
    (await searchImages(test.engine, `${host}/app`)).map(({ name }) => name),
    [`${host}/open/app`],
  )
})

test('searchImages() looks through the repositories of a registry that has no search, or answers with a page for people', async () => {
  await using test = await TestEngine.start()
  for (const page of [false, true]) {
    await using registry = await startFaultyRegistry()
    registry.fault(
      ({ path }, response) => path.endsWith('/_catalog') && answerJson(response, 200, { repositories: ['team/app', 'web'] }),
    )
    if (page)
      registry.fault(({ path }, response) => {
        if (path !== '/v1/search') return false
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
        return true
      })
    assert.deepEqual(
      (await searchImages(test.engine, `${registry.host}/ap`)).map(({ name }) => name),
      [`${registry.host}/team/app`],
    )
  }
})

test('searchImages() refuses what makes no sense', async () => {
  await using test = await TestEngine.start()
  assert.equal(
    (await rejects(searchImages(test.engine, 'x', { limit: 101 }), 'LIMIT_INVALID')).message,
    'Limit 101 is outside the range of [1, 100]',
  )
  await rejects(searchImages(test.engine, 'x', { limit: 0 }), 'LIMIT_INVALID')
  for (const filter of ['x=y', 'stars=many', 'is-official=perhaps', '', 'stars'])
    await rejects(searchImages(test.engine, 'x', { filters: [filter] }), 'FILTER_INVALID')
  await rejects(searchImages(test.engine, 'https://a.example/x'), 'TERM_INVALID')
})

test('the answer to a search may be anything', async () => {
  let body = ''
  await using peer = await startPeer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    return true
  })
  using client = createRegistryClient({ retryDelay: 1 })
  const answer = fc.oneof(
    fc.json(),
    fc.string(),
    fc
      .record({ results: fc.array(fc.record({ name: fc.anything(), star_count: fc.anything() })) })
      .map((one) => JSON.stringify(one) ?? ''),
  )
  await fc.assert(
    fc.asyncProperty(answer, async (text) => {
      body = text
      try {
        for (const { name, stars } of (await client.search(peer.host, 'x', { limit: 5 })) ?? []) {
          assert.equal(typeof name, 'string')
          assert.ok(Number.isFinite(stars))
        }
      } catch (error) {
        assert.ok(isGantryError(error, 'invalid_argument'), String(error))
      }
    }),
    { numRuns: 60 },
  )
})
