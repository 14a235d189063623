import assert from 'node:assert/strict'
import { newBlob } from './client.ts'
import type { Define } from './suite.ts'

const tags = ['1.10', '1.9', 'B', 'a', 'a-b', 'a.b', 'a_b', 'latest', 'z']

/** §Listing Tags. */
export const discoveryTests = (define: Define): void => {
  define(
    'tags are listed in order, all of them or a page',
    async (repository) => {
      const { bytes } = await repository.image(tags[0])
      for (const tag of tags.slice(1)) await repository.put(tag, bytes, undefined)
      const { tags: all } = await repository.list()
      assert.deepEqual([...all].sort(), [...tags].sort())
      const folded = [...tags].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1))
      assert.ok([folded.join(' '), [...tags].sort().join(' ')].includes(all.join(' ')), `the order is ${all.join(' ')}`)
      assert.deepEqual((await repository.list(`?n=${tags.length}`)).tags, all)
      assert.deepEqual((await repository.list('?n=1000')).tags, all)
      assert.deepEqual((await repository.list('?n=4')).tags, all.slice(0, 4))
      assert.deepEqual((await repository.list(`?n=3&last=${all[1]}`)).tags, all.slice(2, 5))
      assert.deepEqual((await repository.list(`?last=${all[5]}`)).tags, all.slice(6))
      assert.deepEqual((await repository.list(`?n=3&last=${all.at(-1)}`)).tags, [])
    },
    'tag-pages',
  )

  define(
    'the Link header leads through all pages',
    async (repository) => {
      const { bytes } = await repository.image(tags[0])
      for (const tag of tags.slice(1)) await repository.put(tag, bytes, undefined)
      const { tags: all } = await repository.list()
      const found: string[] = []
      let page = await repository.list('?n=2')
      for (; page.next !== undefined; page = await repository.list(page.next)) {
        assert.equal(page.tags.length, 2)
        found.push(...page.tags)
      }
      assert.deepEqual([...found, ...page.tags], all)
      const none = await repository.list('?n=0')
      assert.deepEqual([none.tags, none.next], [[], undefined])
    },
    'tag-pages',
  )

  define(
    'a repository without tags lists none, and one that does not exist is 404',
    async (repository) => {
      assert.deepEqual(await repository.refused('GET', 'tags/list', 404), ['NAME_UNKNOWN'])
      const { digest } = await repository.image(undefined)
      assert.deepEqual((await repository.list()).tags, [])
      await repository.get(digest)
    },
    'repository-errors',
  )

  define(
    'a page that is no number is 400',
    async (repository) => {
      await repository.image('x')
      for (const n of ['-1', 'x', '1.5', '']) await repository.send('GET', `tags/list?n=${n}`, 400)
    },
    'tag-pages',
  )

  define('the catalog has the repository, and pages', async (repository) => {
    await repository.push(newBlob())
    await repository.image('x')
    const before = repository.name.slice(0, -1)
    const response = await repository.send('GET', `/v2/_catalog?n=1&last=${encodeURIComponent(before)}`, 200)
    assert.deepEqual(((await response.json()) as { readonly repositories: readonly string[] }).repositories, [repository.name])
  })
}
