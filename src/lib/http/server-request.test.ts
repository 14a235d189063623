import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { accepts, matchesEntityTag, requestLength, requestTarget } from './server-request.ts'

const requestOf = (fields: object): IncomingMessage => ({ headers: {}, ...fields }) as IncomingMessage

test('requestTarget() splits path and query and normalises nothing', () => {
  for (const [url, path, query] of [
    ['/v2/', '/v2/', ''],
    ['/v2/a/../b?x=1&x=2', '/v2/a/../b', 'x=1&x=2'],
    ['/%2e%2E/?', '/%2e%2E/', ''],
    ['/a?b?c', '/a', 'b?c'],
    ['//host/a', '//host/a', ''],
    ['http://host:5000/v2/?n=1', '/v2/', 'n=1'],
    ['http://host?x', '', 'x'],
    ['*', '*', ''],
  ] as const) {
    const target = requestTarget(requestOf({ url }))
    assert.equal(target.path, path)
    assert.deepEqual([...target.query], [...new URLSearchParams(query)])
  }
})

test('requestLength() tells no body from one of unknown length', () => {
  assert.equal(requestLength(requestOf({})), 0)
  assert.equal(requestLength(requestOf({ headers: { 'content-length': '12' } })), 12)
  assert.equal(requestLength(requestOf({ headers: { 'transfer-encoding': 'chunked' } })), undefined)
})

test('accepts() reads lists, ranges and qualities', () => {
  const type = 'application/vnd.oci.image.index.v1+json'
  for (const [header, expected] of [
    [undefined, true],
    [type, true],
    ['', false],
    ['*/*', true],
    ['application/*', true],
    ['text/*', false],
    ['application/json', false],
    [`text/plain, ${type}`, true],
    [`text/plain,${type.toUpperCase()};q=0.1`, true],
    [`${type};q=0`, false],
    [`${type}; q=0.000, */*;q=0`, false],
    [`${type};q=0, */*`, true],
    [',;,', false],
  ] as const)
    assert.equal(accepts(header, type), expected, header)
})

test('matchesEntityTag() compares weakly', () => {
  for (const [header, expected] of [
    [undefined, false],
    ['"a"', true],
    ['W/"a"', true],
    ['"b", "a"', true],
    ['*', true],
    ['a', false],
    ['"b"', false],
  ] as const)
    assert.equal(matchesEntityTag(header, '"a"'), expected, header)
})
