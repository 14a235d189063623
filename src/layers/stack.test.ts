import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collect } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { file, folder, hardLink, symlink, tarOf, treeOfTar, type LayerFixture } from './erofs/test-layers.ts'
import { openStack, type LayerStack, type StackEntry } from './stack.ts'
import { MemoryLayer } from './test-memory-layer.ts'
import { walkTree } from './tree/layer-tree.ts'
import { mergeTrees } from './tree/merge-trees.ts'

const stackOf = async (...layers: readonly (readonly LayerFixture[])[]): Promise<LayerStack> =>
  openStack(await Promise.all(layers.map(async (entries) => new MemoryLayer(await tarOf(entries)))))

const textAt = async (stack: LayerStack, path: string): Promise<string | undefined> => {
  const entry = await stack.lookup(path)
  return entry?.kind === 'file' ? (await collect(stack.read(entry), 1000)).toString() : entry?.kind
}

const namesIn = async (stack: LayerStack, path: string | Uint8Array): Promise<string[]> => {
  const names: string[] = []
  for await (const entry of stack.list(path)) names.push(entry.path)
  return names
}

test('LayerStack shows the topmost layer that has a path', async () => {
  const stack = await stackOf([file('a', 'base'), file('b', 'base')], [file('b', 'top')])
  assert.deepEqual([await textAt(stack, '/a'), await textAt(stack, 'b'), await textAt(stack, 'c')], ['base', 'top', undefined])
  assert.deepEqual(await namesIn(stack, '/'), ['a', 'b'])
})

test('LayerStack hides what whiteouts, opaque folders and files hide', async () => {
  const stack = await stackOf(
    [file('gone/x', '1'), file('d/a', '1'), file('o/a', '1'), file('f/a', '1')],
    [file('.wh.gone'), file('d/.wh.a'), file('o/.wh..wh..opq'), file('o/b', '2'), file('f', '2')],
    [file('f/b', '3'), file('gone/y', '3')],
  )
  const seen = await Promise.all(['gone/x', 'gone/y', 'd/a', 'd', 'o/a', 'o/b', 'f/a', 'f/b'].map((path) => textAt(stack, path)))
  assert.deepEqual(seen, [undefined, '3', undefined, 'folder', undefined, '2', undefined, '3'])
  assert.deepEqual([await namesIn(stack, 'd'), await namesIn(stack, 'o'), await namesIn(stack, 'f')], [[], ['o/b'], ['f/b']])
})

test('LayerStack follows symlinks inside its root only', async () => {
  const stack = await stackOf(
    [file('etc/passwd', 'root'), symlink('l', '/etc'), symlink('e/up', '../../../../etc/passwd'), symlink('loop', 'loop')],
    [symlink('m', 'l/passwd'), symlink('n', 'none')],
  )
  for (const path of ['l/passwd', 'm', 'e/up', '/../l/../etc/./passwd', 'e/../m'])
    assert.equal(await textAt(stack, path), 'root', path)
  assert.equal((await stack.lookup('m'))?.path, 'etc/passwd')
  assert.equal((await stack.lookup('m', { followLast: false }))?.target, 'l/passwd')
  assert.equal((await stack.lookup('l/passwd', { followLast: false }))?.kind, 'file')
  assert.equal(await stack.lookup('n'), undefined)
  assert.equal(await stack.lookup('etc/passwd/x'), undefined)
  assert.deepEqual(await namesIn(stack, 'l'), ['etc/passwd'])
  await assert.rejects(stack.lookup('loop'), (error) => error instanceof GantryError && error.code === 'TOO_MANY_SYMLINKS')
})

test('LayerStack gives a folder the attributes of who described it', async () => {
  const stack = await stackOf([folder('d', { uid: 5, mode: 0o700 })], [file('d/a'), file('d/.wh..wh..opq')], [file('d/b')])
  const entry = await stack.lookup('d')
  assert.deepEqual([entry?.uid, entry?.mode, entry?.implicit, entry?.opaque], [5, 0o700, undefined, undefined])
  assert.deepEqual(await namesIn(stack, 'd'), ['d/a', 'd/b'])
})

test('LayerStack resolves hard links into lower layers', async () => {
  const stack = await stackOf(
    [file('d/a', 'base')],
    [file('d/a', 'middle')],
    [hardLink('b', 'd/a'), file('d/.wh.a')],
    [hardLink('c', 'b')],
  )
  assert.deepEqual(
    [await textAt(stack, 'b'), await textAt(stack, 'c'), await textAt(stack, 'd/a')],
    ['middle', 'middle', undefined],
  )
  const broken = await stackOf([file('a')], [hardLink('b', 'none')])
  await assert.rejects(broken.lookup('b'), (error) => error instanceof GantryError && error.code === 'LAYER_LINK_BROKEN')
})

test('LayerStack finds names that are not UTF-8 by their bytes', async () => {
  const raw = (text: string): Buffer => Buffer.from(text, 'latin1')
  const stack = await stackOf([
    { name: 'd\ufffd', rawName: raw('d\xff'), kind: 'folder' },
    { name: 'd\ufffd/f', rawName: raw('d\xff/f'), body: 'raw' },
  ])
  const [entry] = await Array.fromAsync(stack.list(''))
  assert.deepEqual(entry?.rawPath, raw('d\xff'))
  const [inside] = await Array.fromAsync(stack.list(entry?.rawPath ?? ''))
  assert.equal((await collect(stack.read(inside as StackEntry), 10)).toString(), 'raw')
})

test('LayerStack disposes of its readers', async () => {
  const layer = new MemoryLayer(await tarOf([]))
  {
    await using stack = openStack([layer])
    assert.equal((await stack.lookup(''))?.kind, 'folder')
  }
  assert.equal(layer.closed, true)
  assert.equal(await openStack([]).lookup('a'), undefined)
})

test('LayerStack shows what mergeTrees() makes of the layers', async () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
  const op = fc.record({
    path,
    link: path,
    kind: fc.constantFrom('file', 'file', 'folder', 'whiteout', 'opaque', 'hardlink'),
    id: fc.nat(99),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(op, { maxLength: 8 }), { minLength: 1, maxLength: 4 }), async (all) => {
      const tars: Buffer[] = []
      for (const ops of all) {
        const entries: LayerFixture[] = []
        for (const { path, link, kind, id } of ops) {
          const parent = path
            .slice(0, -1)
            .map((one) => `${one}/`)
            .join('')
          const name = path.join('/')
          if (kind === 'folder') entries.push(folder(name, { uid: id }))
          else if (kind === 'hardlink') entries.push(hardLink(name, link.join('/')))
          else if (kind === 'file') entries.push(file(name, `body ${id}`, { uid: id }))
          else entries.push(file(kind === 'opaque' ? `${parent}.wh..wh..opq` : `${parent}.wh.${path.at(-1)}`))
        }
        const tar = await tarOf(entries)
        // layers that may not be are a matter of other tests
        try {
          mergeTrees([...tars, tar].map(treeOfTar))
          tars.push(tar)
        } catch (error) {
          assert.ok(error instanceof GantryError)
        }
      }
      const expected = [...walkTree(mergeTrees(tars.map(treeOfTar)))]
        .slice(1)
        .map(({ path, node }) => `${path} ${node.kind} ${node.uid} ${node.mode} ${node.size}`)
      const stack = openStack(tars.map((tar) => new MemoryLayer(tar)))
      const seen: string[] = []
      const visit = async (folder: string): Promise<void> => {
        for await (const entry of stack.list(folder)) {
          seen.push(`${entry.path} ${entry.kind} ${entry.uid} ${entry.mode} ${entry.size}`)
          const found = await stack.lookup(entry.path)
          assert.deepEqual([found?.layer, found?.uid, found?.size], [entry.layer, entry.uid, entry.size])
          if (entry.kind === 'folder') await visit(entry.path)
        }
      }
      await visit('')
      assert.deepEqual(seen, expected)
    }),
    { numRuns: 300, seed: 10 },
  )
})
