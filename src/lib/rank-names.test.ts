import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rankNames } from './rank-names.ts'

test('rankNames() puts the name itself first, then its last part, then beginnings, then the rest', () => {
  const names = ['a/my-node', 'node/tools', 'team/nodejs', 'other', 'team/node', 'node', 'b/x/Node']
  assert.deepEqual(rankNames(names, 'Node'), ['node', 'b/x/Node', 'team/node', 'team/nodejs', 'node/tools', 'a/my-node'])
  assert.deepEqual(rankNames(names, 'none'), [])
})
