import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testTree } from '../test-tree.ts'
import { resolvePath } from './resolve-path.ts'

const tree = testTree({
  'real/file': 'x',
  'real/sub/deep': 'y',
  link: '-> real',
  absolute: '-> /real/sub',
  out: '-> ../../../real',
  chain: '-> link/sub',
  loop: '-> loop2',
  loop2: '-> loop',
  dangling: '-> real/new/file',
  'real/up': '-> ..',
})

const table: readonly (readonly [string, string, boolean])[] = [
  ['real/file', 'real/file', true],
  ['/real//./sub/../file', 'real/file', true],
  ['link/file', 'real/file', true],
  ['absolute/deep', 'real/sub/deep', true],
  ['out/file', 'real/file', true],
  ['chain/deep', 'real/sub/deep', true],
  ['real/up/real/up/link', 'real', true],
  ['../../link', 'real', true],
  ['dangling', 'real/new/file', false],
  ['dangling/more', 'real/new/file/more', false],
  ['missing/../link/file', 'real/file', true],
  ['real/file/below', 'real/file/below', false],
  ['', '', true],
]

for (const [path, expected, there] of table)
  test(`resolvePath() leads from "${path}" to "${expected}"`, async () => {
    const { path: found, entry } = await resolvePath(tree, path)
    assert.deepEqual([found, entry !== undefined], [expected, there])
  })

test('resolvePath() leaves the last link when told so', async () => {
  const last = async (path: string): Promise<string> => (await resolvePath(tree, path, { last: false })).path
  assert.equal(await last('link'), 'link')
  assert.equal(await last('link/'), 'link')
  assert.equal(await last('chain/deep'), 'real/sub/deep')
})

test('resolvePath() gives up on links in a circle', async () => {
  await assert.rejects(resolvePath(tree, 'loop/x'), { code: 'TOO_MANY_LINKS' })
})
