import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pullImage } from '../../src/engine/images/pull.ts'
import { removeImage } from '../../src/engine/images/remove.ts'
import { partialPath } from '../../src/content/disk-store/ingest.ts'
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { checkStore, leftovers, type StoreState } from './check-store.ts'
import { assertClearError, FaultyRoot, type Ended } from './gantry-process.ts'
import { blobRequests, publishImage, type PublishedImage } from './published-image.ts'
import { walkCalls } from './walk.ts'

/** Pulls in this process and answers what there is then; nothing that was there before may be fetched, and what was kept is gone on with. */
const recover = async (root: FaultyRoot, image: PublishedImage, before: StoreState): Promise<StoreState> => {
  await using engine = root.engine()
  const kept = new Map(
    image.blobs.map(({ digest }) => {
      const stats = statSync(partialPath(join(root.root, 'content'), digest), { throwIfNoEntry: false })
      return [digest, stats?.size ?? 0]
    }),
  )
  await pullImage(engine, image.name)
  for (const { digest, range } of blobRequests(image.registry, root.userAgent)) {
    assert.ok(!before.blobs.has(digest), `${digest} was fetched again`)
    const size = kept.get(digest) ?? 0
    assert.equal(
      range,
      size > 0 ? `bytes=${size}-${(image.blobs.find((blob) => blob.digest === digest)?.size ?? 0) - 1}` : undefined,
    )
  }
  return await checkStore(root.root)
}

const undisturbed = async (image: PublishedImage): Promise<StoreState> => {
  await using root = new FaultyRoot()
  const { status, stderr } = await root.run('pull', image.name)
  assert.equal(status, 0, stderr)
  return await checkStore(root.root)
}

const checkAfter =
  (image: PublishedImage, expected: StoreState) =>
  async (root: FaultyRoot, ended: Ended): Promise<void> => {
    const before = await checkStore(root.root)
    for (const [name, digest] of before.names) assert.equal(digest, expected.names.get(name))
    if (ended.status === 0) assert.deepEqual(before, expected)
    if (ended.status !== undefined && ended.status > 0) assertClearError(ended)
    assert.deepEqual(await recover(root, image, before), expected)
    await using engine = root.engine()
    await removeImage(engine, image.name)
    assert.deepEqual(leftovers(root.root), [])
  }

const kills = [
  { action: 'before', calls: /^/, each: 'call' },
  { action: 'during', calls: /^write/, each: 'call' },
  { action: 'after', calls: /^(?:rename|unlink|truncate)$/, each: 'kind' },
] as const

for (const { action, calls, each } of kills)
  test(`pull killed ${action} any of its changes leaves the store whole, and the next one goes on`, async (context) => {
    await using image = await publishImage({ layers: 3, large: true })
    const check = checkAfter(image, await undisturbed(image))
    const count = await walkCalls({
      args: ['pull', image.name],
      action,
      calls,
      each,
      check: async (root, ended) => {
        assert.ok(ended.status === undefined || ended.status === 0, ended.stderr)
        await check(root, ended)
      },
    })
    context.diagnostic(`${count} calls`)
  })

const failures = [
  { action: 'ENOSPC', calls: /^(?:open|write|mkdir|rename|link)/ },
  { action: 'EIO', calls: /^(?:write|f?(?:data)?sync|chmod|truncate|rename|rm|unlink)/ },
] as const

for (const { action, calls } of failures)
  test(`pull ends with an error when any of its changes fails with ${action}, and the next one goes on`, async (context) => {
    await using image = await publishImage({ layers: 3, large: true })
    const check = checkAfter(image, await undisturbed(image))
    const count = await walkCalls({ args: ['pull', image.name], action, calls, each: 'kind', check })
    context.diagnostic(`${count} calls`)
  })

test('pull killed while it makes one index of many layers leaves none, or a whole one', async (context) => {
  await using image = await publishImage({ layers: 9 })
  await using source = new FaultyRoot()
  assert.equal((await source.run('pull', image.name)).status, 0)
  const merged = (root: FaultyRoot): string => join(root.root, 'layers', 'merged')
  if (!existsSync(merged(source))) return context.skip('needs root: nobody else makes one ahead')
  rmSync(merged(source), { recursive: true })
  const count = await walkCalls({
    args: ['pull', image.name],
    action: 'before',
    template: source.root,
    check: async (root) => {
      await checkStore(root.root)
      assert.equal((await root.run('pull', image.name)).status, 0)
      await checkStore(root.root)
      assert.equal(readdirSync(merged(root)).length, 1)
    },
  })
  context.diagnostic(`${count} calls`)
})
