import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isGantryError, type GantryError } from '../../lib/errors.ts'
import { randomImage } from '../../testing/random-image.ts'
import { startFaultyRegistry, refuse } from '../../testing/faulty-registry.ts'
import { TestEngine } from '../test-engine.ts'
import { pullImage } from './pull.ts'

const small = { layers: 1, files: 1 }

const failure = async (test: TestEngine, name: string): Promise<GantryError> => {
  const error = await pullImage(test.engine, name).then(
    () => assert.fail('it succeeded'),
    (error: unknown) => error,
  )
  assert.ok(isGantryError(error, 'not_found') || isGantryError(error, 'permission_denied'), String(error))
  return error
}

test('a tag that is missing: the words of the registry, then the tags, the newest version first, and a command', async () => {
  await using test = await TestEngine.start()
  const referrers = `sha256-${'0'.repeat(64)}`
  await test.publish(
    'app',
    ['1.0', '1.10', '1.9', '1.10-slim', 'edge', referrers],
    async (sink) => await randomImage(sink, small),
  )
  const { message, hint } = await failure(test, test.name('app'))
  assert.match(message, /^manifest for 127\.0\.0\.1:\d+\/app:latest not found: manifest unknown: /)
  assert.equal(hint, `these tags exist: 1.10, 1.9, 1.0, 1.10-slim, edge; try 'gantry pull ${test.name('app:1.10')}'`)
})

test('of many tags ten are named', async () => {
  await using test = await TestEngine.start()
  const tags = Array.from({ length: 14 }, (_, index) => `1.${index}`)
  await test.publish('app', tags, async (sink) => await randomImage(sink, small))
  assert.match((await failure(test, test.name('app'))).hint ?? '', /^these tags exist: 1\.13, .*, 1\.4 and 4 more; try /)
})

test('a repository that is missing: those with similar names, where the registry lists them', async () => {
  await using test = await TestEngine.start()
  for (const path of ['team/application', 'other/web', 'unrelated'])
    await test.publish(path, ['1'], async (sink) => await randomImage(sink, small))
  const typed = await failure(test, test.name('team/aplication'))
  assert.match(typed.message, /^repository 127\.0\.0\.1:\d+\/team\/aplication not found: name unknown: /)
  assert.equal(typed.hint, `did you mean "${test.name('team/application')}"?`)
  assert.equal((await failure(test, test.name('web'))).hint, `did you mean "${test.name('other/web')}"?`)
  assert.match((await failure(test, test.name('nothing/like/it'))).hint ?? '', /has no repository ".*": check the name$/)
})

test('where the registry refuses to list anything its own answer stays', async () => {
  await using test = await TestEngine.start()
  await using registry = await startFaultyRegistry()
  registry.fault(({ path }, response) => /tags\/list|_catalog/.test(path) && refuse(response, 403, 'DENIED', 'no lists'))
  const { message, hint } = await failure(test, `${registry.host}/app`)
  assert.match(message, /not found/)
  assert.match(hint ?? '', /check the name ".*\/app" and the tag/)
})

test('a pull that is denied says whether one is logged in', async () => {
  await using test = await TestEngine.start()
  await using registry = await startFaultyRegistry()
  registry.fault(({ path }, response) => path !== '/v2/' && refuse(response, 403, 'DENIED', 'no'))
  const { message, hint } = await failure(test, `${registry.host}/app`)
  assert.match(message, /^pull access denied for .*, repository does not exist or may require 'docker login': denied: no$/)
  assert.equal(
    hint,
    `you are not logged in to ${registry.host}: check the name "${registry.host}/app", or log in: gantry login ${registry.host}`,
  )
})
