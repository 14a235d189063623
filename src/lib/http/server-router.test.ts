import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchRoute, type Route } from './server-router.ts'

const routes: readonly Route<string>[] = [
  { pattern: /^\/a\/(.+)\/b\/([^/]+)$/, methods: { GET: 'get b', PUT: 'put b' } },
  { pattern: /^\/a\/([^/]+)$/, methods: { GET: 'get a' } },
]

test('matchRoute() answers the first route that fits, with what it captured', () => {
  assert.deepEqual(matchRoute(routes, 'GET', '/a/x/y/b/z'), { kind: 'found', handler: 'get b', params: ['x/y', 'z'] })
  assert.deepEqual(matchRoute(routes, 'GET', '/a/x'), { kind: 'found', handler: 'get a', params: ['x'] })
})

test('matchRoute() says which methods a path has, and that there is no such path', () => {
  assert.deepEqual(matchRoute(routes, 'DELETE', '/a/x/b/z'), { kind: 'method-not-allowed', allow: 'GET, PUT' })
  for (const method of ['constructor', '__proto__', 'get'])
    assert.equal(matchRoute(routes, method, '/a/x').kind, 'method-not-allowed')
  assert.deepEqual(matchRoute(routes, 'GET', '/a/x/'), { kind: 'not-found' })
})
