import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GantryError } from '../lib/errors.ts'
import { problem } from './problem.ts'

const systemError = (code: string): Error => Object.assign(new Error(`${code}: /secret/path`), { code })

test('problem() answers status and code of the spec, with message and detail', () => {
  assert.deepEqual(problem(new GantryError('not_found', 'BLOB_UNKNOWN', 'Cannot find it', { detail: { digest: 'x' } })), {
    status: 404,
    code: 'BLOB_UNKNOWN',
    message: 'Cannot find it',
    detail: { digest: 'x' },
  })
  for (const [kind, code, status, answered] of [
    ['invalid_argument', 'BLOB_UPLOAD_RANGE', 416, 'BLOB_UPLOAD_INVALID'],
    ['invalid_argument', 'DIGEST_UNSUPPORTED', 400, 'DIGEST_INVALID'],
    ['resource_exhausted', 'MANIFEST_TOO_LARGE', 413, 'SIZE_INVALID'],
    ['resource_exhausted', 'RATE', 429, 'TOOMANYREQUESTS'],
    ['conflict', 'BLOB_UPLOAD_INVALID', 409, 'BLOB_UPLOAD_INVALID'],
    ['unauthenticated', 'WRONG_PASSWORD', 401, 'UNAUTHORIZED'],
    ['permission_denied', 'PRIVATE', 403, 'DENIED'],
    ['unavailable', 'UPSTREAM_DOWN', 503, 'UNAVAILABLE'],
    ['invalid_argument', 'toString', 400, 'UNSUPPORTED'],
  ] as const) {
    const found = problem(new GantryError(kind, code, 'Cannot'))
    assert.deepEqual([found.status, found.code], [status, answered], code)
  }
})

test('problem() tells nobody what is inside', () => {
  for (const error of [
    systemError('EIO'),
    new TypeError('x is not a function'),
    'text',
    undefined,
    new GantryError('data_loss', 'CORRUPT', 'Cannot read "/secret/path"'),
  ])
    assert.deepEqual(problem(error), { status: 500, code: 'UNKNOWN', message: 'the registry failed' })
  assert.equal(problem(systemError('EMFILE')).status, 503)
  assert.deepEqual(problem(systemError('ENOSPC')), {
    status: 507,
    code: 'UNAVAILABLE',
    message: 'the registry has no space left',
  })
})
