import assert from 'node:assert/strict'
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { streamOf } from '../../lib/bytes.ts'
import { isGantryError } from '../../lib/errors.ts'
import { writeTar, type TarInput } from '../../lib/tar/writer.ts'
import { safeComponents } from './confined.ts'
import { extractTar } from './extract-tar.ts'

const temporary = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'gantry-extract-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const path = fc
  .array(fc.constantFrom('a', 'b', 'c', '..', '.', '', 'canary'), { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join('/'))
const entry = fc.record({ name: path, kind: fc.constantFrom('file', 'folder', 'symlink', 'hardlink', 'fifo'), linkName: path })

test('extractTar() changes nothing outside of the folder, whatever the tar says', async () => {
  const owner = { mode: 0o755, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } }
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 6 }), async (specs) => {
      using folder = temporary()
      const inner = join(folder.path, 'inner')
      mkdirSync(inner)
      writeFileSync(join(folder.path, 'canary'), 'alive')
      const entries = specs.map(({ name, kind, linkName }): TarInput => {
        if (kind === 'file') return { name, kind, size: 4, body: streamOf(Buffer.from('evil')), ...owner }
        return kind === 'symlink' || kind === 'hardlink'
          ? { name, kind, size: 0, linkName, ...owner }
          : { name, kind, size: 0, ...owner }
      })
      try {
        await extractTar(inner, writeTar(entries))
      } catch (error) {
        assert.ok(isGantryError(error), String(error))
      }
      assert.deepEqual(readdirSync(folder.path).toSorted(), ['canary', 'inner'])
      assert.equal(readFileSync(join(folder.path, 'canary'), 'utf8'), 'alive')
      assert.equal(lstatSync(join(folder.path, 'canary')).nlink, 1)
    }),
    { numRuns: 60 },
  )
})

test('safeComponents() refuses what leads out on any system', () => {
  assert.deepEqual(safeComponents('./a/b/'), ['a', 'b'])
  for (const name of ['', '/', '/a', 'a/../b', '..', '.', 'a//b', 'a\\b', 'C:a', 'c:/a', 'a\0b'])
    assert.throws(() => safeComponents(name), { code: 'PATH_REFUSED' }, name)
})
