import assert from 'node:assert/strict'
import { test } from 'node:test'
import { streamOf } from '../../lib/bytes.ts'
import type { TarKind } from '../../lib/tar/entry.ts'
import { readTar } from '../../lib/tar/reader.ts'
import { writeTar, type TarInput } from '../../lib/tar/writer.ts'
import { readImageFile } from './read-image-file.ts'

type Spec = readonly [name: string, kind: TarKind, content?: string]

/** A layer whose files hold a text and whose links lead to one. */
const layer = (...specs: readonly Spec[]): Parameters<typeof readImageFile>[0][number] => ({
  entries: () => readTar(writeTar(specs.map(entry))),
})

const entry = ([name, kind, content = '']: Spec): TarInput => {
  const owner = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } }
  if (kind !== 'file') return { name, kind, size: 0, ...owner, ...(content === '' ? {} : { linkName: content }) }
  return { name, kind, size: content.length, body: streamOf(Buffer.from(content)), ...owner }
}

const base = layer(
  ['etc', 'folder'],
  ['etc/os-release', 'symlink', '../usr/lib/os-release'],
  ['./usr/lib/os-release', 'file', 'old'],
  ['usr/lib/same', 'hardlink', 'usr/lib/os-release'],
  ['bin', 'symlink', '/usr/bin'],
  ['usr/bin/sh', 'file', 'shell'],
  ['twice', 'file', 'first'],
  ['twice', 'file', 'second'],
  ['d/a', 'file', 'a'],
  ['d/b', 'file', 'b'],
  ['loop', 'symlink', 'loop'],
)

const read = async (layers: Parameters<typeof readImageFile>[0], path: string): Promise<string> =>
  (await readImageFile(layers, path)).toString()

test('readImageFile() follows symlinks and hard links, and takes the last entry', async () => {
  for (const [path, content] of [
    ['etc/os-release', 'old'],
    ['/etc/../etc/./os-release', 'old'],
    ['usr/lib/same', 'old'],
    ['bin/sh', 'shell'],
    ['../../bin/sh', 'shell'],
    ['twice', 'second'],
  ] as const)
    assert.equal(await read([base], path), content, path)
  for (const path of ['nothing', 'etc', 'twice/x', '', 'd/a/b'])
    await assert.rejects(read([base], path), { kind: 'not_found', code: 'NO_SUCH_FILE' }, path)
  await assert.rejects(read([base], 'loop'), { code: 'TOO_MANY_LINKS' })
  await assert.rejects(readImageFile([base], 'twice', { limit: 3 }), { kind: 'resource_exhausted' })
})

test('readImageFile() knows what upper layers hide', async () => {
  const changed = layer(['usr/lib/os-release', 'file', 'new'])
  assert.equal(await read([base, changed], 'etc/os-release'), 'new')
  assert.equal(await read([base, changed], 'usr/lib/same'), 'old', 'a hard link keeps its file')
  const upper: readonly (readonly [layer: Parameters<typeof readImageFile>[0][number], path: string])[] = [
    [layer(['d/.wh.a', 'file']), 'd/a'],
    [layer(['.wh.d', 'file']), 'd/a'],
    [layer(['d', 'folder'], ['d/.wh..wh..opq', 'file']), 'd/a'],
    [layer(['d', 'file', 'no folder']), 'd/a'],
    [layer(['d/a', 'folder']), 'd/a'],
    [layer(['bin', 'folder']), 'bin/sh'],
  ]
  for (const [top, path] of upper) await assert.rejects(read([base, top], path), { kind: 'not_found' }, path)
  assert.equal(await read([base, layer(['d', 'folder'], ['d/.wh.a', 'file'])], 'd/b'), 'b')
  assert.equal(await read([base, layer(['.wh.d', 'file']), layer(['d/a', 'file', 'again'])], 'd/a'), 'again')
})
