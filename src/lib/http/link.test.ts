import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatNextLink, nextLink, parseLinks } from './link.ts'

test('nextLink() finds the next page when links take any legal form', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['</v2/a/tags/list?last=x&n=5>; rel="next"', '/v2/a/tags/list?last=x&n=5'],
    ['<https://r.example/v2/?a=1,2;3>;rel=next', 'https://r.example/v2/?a=1,2;3'],
    ['<a>; rel="prev", <b>; rel="next"', 'b'],
    ['<a>; title="x, <c>; rel=\\"next\\""; REL="prev Next"', 'a'],
    [',, <a> ; rel = "next" ; rel="prev"', 'a'],
    ['<>; rel=next', ''],
  ]
  for (const [header, target] of cases) assert.equal(nextLink(header), target, header)
})

test('nextLink() answers undefined when there is no readable next link', () => {
  const cases = [
    '',
    '<a>',
    '<a>; rel="prev"',
    '<a; rel=next',
    'a; rel=next',
    '<a> rel=next',
    '<a>; rel="prev"; rel="next"',
    '; rel=next',
  ]
  for (const header of cases) assert.equal(nextLink(header), undefined, header)
  assert.equal(nextLink(undefined), undefined)
})

test('parseLinks() reads back what formatNextLink() wrote', () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
      assert.deepEqual(parseLinks(`${formatNextLink(url)}, <x>; rel="first"`), [
        { target: url, relations: ['next'] },
        { target: 'x', relations: ['first'] },
      ])
    }),
  )
})

test('parseLinks() ends when the header is random or huge', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('<', '>', ';', ',', '"', '\\', '=', ' ', 'rel', 'next', 'a'), maxLength: 60 }),
      (text) => void parseLinks(text),
    ),
  )
  for (const part of ['<a>;', '<a>; rel="', ';;', '<', ', ', '<a>; rel=next,', '\\"']) parseLinks(part.repeat(20_000))
})
