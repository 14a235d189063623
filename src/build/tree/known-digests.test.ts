import assert from 'node:assert/strict'
import {
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
  openSync,
  closeSync,
  renameSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { FolderTree } from './folder-tree.ts'
import { fileState, KnownDigests } from './known-digests.ts'

const folder = mkdtempSync(join(tmpdir(), 'gantry-digests-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const fresh = (): { readonly root: string; readonly path: string } => {
  const root = mkdtempSync(join(folder, 'context-'))
  return { root, path: join(folder, `known-${count++}`) }
}
/** A clock that is that much later than now, in seconds. */
const later = (seconds: number) => () => new Date(Date.now() + seconds * 1000)
const digestOf = async (root: string, digests: KnownDigests, name = 'f'): Promise<string> => {
  const tree = new FolderTree(root, { digests })
  return await tree.digest((await tree.stat(name))!)
}

test('KnownDigests keeps digests from one build to the next, and forgets them with any change', async () => {
  const { root, path } = fresh()
  const file = join(root, 'f')
  writeFileSync(file, 'one')
  const first = KnownDigests.open(path, later(10))
  const digest = await digestOf(root, first)
  await first.save()
  // a digest that is wrong on purpose shows that it was not computed
  writeFileSync(path, readFileSync(path, 'latin1').replace(digest, 'ab'.repeat(32)))
  const known = (): Promise<string> => digestOf(root, KnownDigests.open(path, later(10)))
  assert.equal(await known(), 'ab'.repeat(32))
  const { atime, mtime } = statSync(file)
  const changes: readonly (() => void)[] = [
    () => writeFileSync(file, 'two'),
    // of the same size and with its old time
    () => {
      writeFileSync(file, 'six')
      utimesSync(file, atime, mtime)
    },
    () => {
      writeFileSync(join(root, 'g'), 'ten')
      utimesSync(join(root, 'g'), atime, mtime)
      renameSync(join(root, 'g'), file)
    },
  ]
  for (const change of changes) {
    change()
    assert.notEqual(await known(), 'ab'.repeat(32))
  }
})

test('KnownDigests does not keep what was read so soon after a change that another could bear the same time', async () => {
  const { root, path } = fresh()
  const file = join(root, 'f')
  writeFileSync(file, 'one')
  const digests = KnownDigests.open(path, later(0))
  const before = await digestOf(root, digests)
  await digests.save()
  // the second change in the same tick of the clock: all that stat tells is made the same again by force
  const handle = openSync(file, 'r+')
  writeSync(handle, 'two')
  closeSync(handle)
  const again = KnownDigests.open(path, later(0))
  const state = fileState(statSync(file, { bigint: true }))
  assert.equal(again.get('f', state), undefined)
  assert.notEqual(await digestOf(root, again), before)
  // nor what is from the future
  const future = KnownDigests.open(path, later(-100))
  await digestOf(root, future)
  await future.save()
  assert.equal(KnownDigests.open(path, later(0)).get('f', state), undefined)
})

test('KnownDigests takes a file that is cut, wrong or foreign for none', async () => {
  const { root, path } = fresh()
  writeFileSync(join(root, 'f'), 'one')
  writeFileSync(join(root, 'two words\n'), 'odd')
  const digests = KnownDigests.open(path, later(10))
  const right = await digestOf(root, digests)
  await digestOf(root, digests, 'two words\n')
  await digests.save()
  const state = fileState(statSync(join(root, 'f'), { bigint: true }))
  assert.equal(KnownDigests.open(path, later(0)).get('f', state), right)
  const text = readFileSync(path, 'latin1')
  for (let size = text.length - 1; size >= 0; size -= 7) {
    truncateSync(path, size)
    assert.equal(KnownDigests.open(path, later(0)).get('f', state), undefined)
  }
  fc.assert(
    fc.property(fc.string(), (noise) => {
      writeFileSync(path, text.slice(0, 22) + noise)
      KnownDigests.open(path, later(0))
    }),
    { numRuns: 50 },
  )
})

test('KnownDigests writes nothing where nothing is new', async () => {
  const { root, path } = fresh()
  writeFileSync(join(root, 'f'), 'one')
  const digests = KnownDigests.open(path, later(10))
  await digestOf(root, digests)
  await digests.save()
  const { ino } = statSync(path)
  const again = KnownDigests.open(path, later(10))
  await digestOf(root, again)
  await again.save()
  assert.equal(statSync(path).ino, ino)
})
