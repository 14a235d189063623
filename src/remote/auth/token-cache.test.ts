import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deadlineIn } from '../../lib/deadline.ts'
import { TokenCache, type Token, type TokenKey } from './token-cache.ts'

const key: TokenKey = { realm: 'https://a.example/token', service: 's', identity: 'ann', scopes: ['repository:a:pull,push'] }
const tokenOf = (value: string, milliseconds = 60_000): Token => ({ value, expiry: deadlineIn(milliseconds) })
const cacheOf = () => new TokenCache<'denied'>((result): result is Token => result !== 'denied')

test('get() serves one realm, service and user, and what the scopes cover', async () => {
  const cache = cacheOf()
  let made = 0
  // oxlint-disable-next-line require-await
  const ask = async (more: Partial<TokenKey>): Promise<unknown> =>
    await cache.get({ ...key, ...more }, async () => tokenOf(String(++made)))
  const first = await ask({})
  for (const scopes of [key.scopes, ['repository:a:pull'], ['repository:a:push,pull'], []])
    assert.equal(await ask({ scopes }), first)
  assert.equal(made, 1)
  for (const other of [
    { realm: 'https://b.example/token' },
    { service: 't' },
    { identity: 'bob' },
    { scopes: ['repository:a:delete'] },
    { scopes: ['repository:b:pull'] },
    { scopes: ['repository:a:pull', 'repository:b:push'] },
  ])
    assert.notEqual(await ask(other), first, JSON.stringify(other))
  assert.equal(made, 7)
  assert.equal(await ask({}), first)
})

test('get() keeps neither what is over, nor what was forgotten, nor a refusal', async () => {
  const cache = cacheOf()
  const answers: (Token | 'denied')[] = ['denied', tokenOf('over', 0), tokenOf('refused'), tokenOf('good')]
  const asked: string[] = []
  const ask = async (): Promise<void> => {
    // oxlint-disable-next-line require-await
    const result = await cache.get(key, async () => answers.shift() ?? assert.fail('it was asked again'))
    asked.push(result === 'denied' ? result : result.value)
  }
  await ask()
  await ask()
  await ask()
  cache.forget('refused')
  await ask()
  await ask()
  assert.deepEqual(asked, ['denied', 'over', 'refused', 'good', 'good'])
})
