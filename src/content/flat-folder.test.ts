import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { digestHex } from '../oci/digest.ts'
import { temporaryFolder } from '../testing/content-store-folder.ts'
import { testContentSink, type Fixture } from '../testing/content-store.ts'
import { randomIndex } from '../testing/random-image.ts'
import { copy } from './copy.ts'
import { openFlatFolder, type FlatFolder } from './flat-folder.ts'
import { openLayout } from './layout.ts'
import { drain } from './verify.ts'

const create = async (): Promise<Fixture<FlatFolder>> => {
  const folder = await temporaryFolder()
  const subject = await openFlatFolder(join(folder.path, 'flat'), { create: true })
  return { subject, [Symbol.asyncDispose]: async () => await folder[Symbol.asyncDispose]() }
}

testContentSink('openFlatFolder()', create)

test('openFlatFolder() keeps an index as skopeo does: the root in manifest.json, images beside it', async () => {
  await using fixture = await create()
  await using folder = await temporaryFolder()
  const layout = await openLayout(join(folder.path, 'layout'), { create: true })
  const root = await randomIndex(layout)
  await copy(layout, fixture.subject, { from: root, to: '' })
  const flat = fixture.subject
  const index = JSON.parse(readFileSync(join(flat.folder, 'manifest.json'), 'utf8')) as {
    readonly manifests: readonly (typeof root)[]
  }
  assert.deepEqual(await flat.resolve(''), root)
  for (const manifest of index.manifests) assert.ok(existsSync(join(flat.folder, `${digestHex(manifest.digest)}.manifest.json`)))
  assert.equal(existsSync(join(flat.folder, `${digestHex(root.digest)}.manifest.json`)), false)
  assert.equal(await flat.has(root), true)
  await drain(await flat.open(root))
  await copy(flat, await openLayout(join(folder.path, 'back'), { create: true }), { from: '', to: 'x' })
})

test('openFlatFolder() is not_found when there is no image', async () => {
  await using folder = await temporaryFolder()
  await assert.rejects(openFlatFolder(folder.path), { kind: 'not_found', code: 'NO_IMAGE' })
})
