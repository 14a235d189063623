import assert from 'node:assert/strict'
import { test } from 'node:test'
import { joinModules, linkModules } from '../tools/link-modules.ts'

test('the modules of the command line are ASCII, since they are taken apart by their lengths in bytes', async () => {
  const text = joinModules(await linkModules('src/cli/main.ts'))
  assert.ok(text.length > 100_000)
  const [odd] = /.{0,40}[\u0080-\uFFFF].{0,40}/.exec(text) ?? []
  assert.equal(odd, undefined)
})
