import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatInspect } from './format.ts'

const objects = [
  { Id: 'a', Html: '<&>' },
  { Id: 'b', Html: '' },
]

test('formatInspect() prints one array, indented without a format and on one line for json', () => {
  assert.equal(formatInspect(undefined, objects), `${JSON.stringify(objects, undefined, 4)}\n`)
  assert.equal(formatInspect('', []), '[]\n')
  assert.equal(formatInspect('json', objects), '[{"Id":"a","Html":"<&>"},{"Id":"b","Html":""}]\n')
})

test('formatInspect() executes a template for each object and leaves backslashes alone', () => {
  assert.equal(formatInspect(String.raw`{{.Id}}\t{{.Html}}`, objects), 'a\\t<&>\nb\\t\n')
})
