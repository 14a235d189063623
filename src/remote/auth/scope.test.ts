import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { coversScopes, repositoryScope, splitScopes, unionScopes } from './scope.ts'

test('unionScopes() joins the actions of one resource, whose name may hold colons', () => {
  assert.deepEqual(unionScopes(['repository:a:pull'], ['repository:a:push,pull', 'repository:b:pull']), [
    'repository:a:pull,push',
    'repository:b:pull',
  ])
  assert.deepEqual(unionScopes(['repository:host:5000/a:pull'], ['repository:host:5000/a:push']), [
    'repository:host:5000/a:pull,push',
  ])
  assert.deepEqual(unionScopes(['registry:catalog:*'], ['nonsense', '', 'a:', ':b:c']), ['registry:catalog:*'])
  assert.deepEqual(splitScopes(' a:b:c  d:e:f '), ['a:b:c', 'd:e:f'])
  assert.deepEqual(splitScopes(undefined), [])
  assert.equal(repositoryScope('a/b', 'pull', 'push'), 'repository:a/b:pull,push')
})

test('coversScopes() holds for a union and both its parts, and for no other action', () => {
  const scope = fc
    .tuple(fc.constantFrom('a', 'b', 'h:5/c'), fc.subarray(['pull', 'push', 'delete'], { minLength: 1 }))
    .map(([name, actions]) => repositoryScope(name, ...actions))
  const scopes = fc.array(scope, { maxLength: 4 })
  fc.assert(
    fc.property(scopes, scopes, (first, second) => {
      const union = unionScopes(first, second)
      assert.ok(coversScopes(union, first) && coversScopes(union, second))
      assert.ok(!coversScopes(union, ['repository:a:own']))
      assert.deepEqual(unionScopes(union, []), union)
    }),
  )
})
