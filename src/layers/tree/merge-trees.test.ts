import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../../lib/errors.ts'
import type { TarEntry } from '../../lib/tar/entry.ts'
import { LayerTreeBuilder } from './layer-tree-builder.ts'
import { findNode, walkTree, type LayerTree } from './layer-tree.ts'
import { mergeTrees } from './merge-trees.ts'

interface Op {
  readonly name: string
  readonly kind: 'file' | 'folder' | 'symlink' | 'hardlink'
  readonly id: number
  readonly linkName?: string
}

const treeOf = (ops: readonly Op[]): LayerTree => {
  const builder = new LayerTreeBuilder()
  for (const op of ops) {
    const entry: TarEntry = {
      name: op.name,
      kind: op.kind,
      mode: op.kind === 'folder' ? 0o711 : 0o600,
      uid: op.id,
      gid: 0,
      size: op.kind === 'file' ? 1 : 0,
      mtime: { seconds: 0, nanoseconds: 0 },
      ...(op.kind === 'symlink' ? { linkName: 'nowhere' } : {}),
      ...(op.linkName === undefined ? {} : { linkName: op.linkName }),
    }
    builder.add(entry, op.id * 512)
  }
  return builder.finish()
}

const file = (name: string, id = 1): Op => ({ name, kind: 'file', id })
const folder = (name: string, id = 1): Op => ({ name, kind: 'folder', id })
const link = (name: string, linkName: string, id = 1): Op => ({ name, kind: 'hardlink', id, linkName })

/** `path kind owner`, as the model says it too. */
const listing = (tree: LayerTree): string[] =>
  [...walkTree(tree)].slice(1).map(({ path, node }) => `${path} ${node.kind} ${node.uid}`)
const merged = (...layers: readonly (readonly Op[])[]): string[] => listing(mergeTrees(layers.map(treeOf)))

test('mergeTrees() deletes what a higher layer whites out', () => {
  assert.deepEqual(merged([folder('d'), file('d/a'), file('b')], [file('d/.wh.a'), file('.wh.b'), file('.wh.none')]), [
    'd folder 1',
  ])
  assert.deepEqual(merged([file('d/a')], [file('.wh.d', 2), file('d/b', 2)]), ['d folder 0', 'd/b file 2'])
})

test('mergeTrees() empties an opaque folder of what lower layers have in it', () => {
  assert.deepEqual(merged([folder('d', 5), file('d/a')], [file('d/b', 2), file('d/.wh..wh..opq')]), ['d folder 5', 'd/b file 2'])
  assert.deepEqual(merged([file('a')], [file('b', 2), file('.wh..wh..opq')]), ['b file 2'])
})

test('mergeTrees() merges folders and replaces everything else', () => {
  assert.deepEqual(merged([folder('d'), file('d/a')], [folder('d', 2), file('d/b', 2)]), [
    'd folder 2',
    'd/a file 1',
    'd/b file 2',
  ])
  assert.deepEqual(merged([file('d/a')], [file('d', 2)]), ['d file 2'])
  assert.deepEqual(merged([file('d/a')], [file('d', 2)], [folder('d', 3)]), ['d folder 3'])
  assert.deepEqual(merged([{ name: 'd', kind: 'symlink', id: 1 }], [file('d/a', 2)]), ['d folder 0', 'd/a file 2'])
})

test('mergeTrees() leaves the attributes of a folder that a higher layer only passes through', () => {
  const tree = mergeTrees([treeOf([folder('d', 7)]), treeOf([file('d/a')])])
  assert.deepEqual([findNode(tree, 'd')?.uid, findNode(tree, 'd')?.mode], [7, 0o711])
  assert.equal(tree.implicitFolders, false)
  const root = mergeTrees([treeOf([folder('.', 9)]), treeOf([file('a')])]).root
  assert.deepEqual([root.uid, root.implicit], [9, false])
})

test('mergeTrees() numbers the devices of the layers one after the other', () => {
  const tree = mergeTrees([treeOf([file('a', 3)]), treeOf([file('b', 4)]), treeOf([file('c', 5)])])
  assert.deepEqual(
    ['a', 'b', 'c'].map((path) => [findNode(tree, path)?.device, findNode(tree, path)?.position]),
    [
      [0, 3 * 512],
      [1, 4 * 512],
      [2, 5 * 512],
    ],
  )
  assert.equal(tree.devices, 3)
})

test('mergeTrees() resolves hard links into lower layers', () => {
  const tree = mergeTrees([treeOf([file('d/a', 3)]), treeOf([link('b', 'd/a'), link('c', 'b')])])
  assert.equal(findNode(tree, 'b'), findNode(tree, 'd/a'))
  assert.deepEqual([findNode(tree, 'c')?.links, tree.lowerLinks, tree.contentSize], [3, false, 1])
  // deleting one name leaves the others
  assert.deepEqual(merged([file('a', 3)], [link('b', 'a'), file('.wh.a')]), ['b file 3'])
  assert.throws(
    () => mergeTrees([treeOf([file('a')]), treeOf([link('b', 'none')])]),
    (error) => error instanceof GantryError && error.code === 'LAYER_LINK_BROKEN',
  )
})

test('mergeTrees() keeps the hard links of a layer together', () => {
  const tree = mergeTrees([treeOf([file('a'), link('b', 'a'), link('c', 'a')]), treeOf([file('.wh.b')])])
  assert.equal(findNode(tree, 'a'), findNode(tree, 'c'))
  assert.deepEqual([findNode(tree, 'a')?.links, tree.entries], [2, 2])
})

test('mergeTrees() does not change the trees that it is given', () => {
  const trees = [treeOf([folder('d', 5), file('d/a')]), treeOf([file('d/.wh.a'), folder('e')])]
  const before = trees.map(listing)
  mergeTrees(trees)
  assert.deepEqual(trees.map(listing), before)
  assert.deepEqual(listing(mergeTrees(trees)), ['d folder 5', 'e folder 1'])
})

/**
 * The rules again, path by path: what one layer says of each path, and when a path of a lower layer is still seen.
 */
interface Said {
  readonly kind: 'file' | 'folder' | 'symlink' | 'whiteout'
  readonly id: number
  readonly implicit: boolean
  readonly opaque: boolean
}

const parents = (path: string): string[] =>
  path
    .split('/')
    .map((_, i, all) => all.slice(0, i).join('/'))
    .slice(1)

const saidBy = (ops: readonly Op[]): Map<string, Said> => {
  const said = new Map<string, Said>()
  const put = (path: string, next: Said): void => {
    const old = said.get(path)
    if (next.kind === 'folder' && old?.kind === 'folder') {
      if (!next.implicit) said.set(path, { ...next, opaque: old.opaque })
      return
    }
    for (const other of said.keys()) if (other.startsWith(`${path}/`)) said.delete(other)
    said.set(path, old !== undefined && next.kind === 'folder' ? { ...next, opaque: true, implicit: false } : next)
  }
  for (const op of ops) {
    const name = op.name.slice(op.name.lastIndexOf('/') + 1)
    const parent = op.name.slice(0, Math.max(0, op.name.length - name.length - 1))
    for (const path of parents(op.name)) put(path, { kind: 'folder', id: 0, implicit: true, opaque: false })
    if (name === '.wh..wh..opq')
      said.set(parent, { ...(said.get(parent) ?? { kind: 'folder', id: 0, implicit: true }), opaque: true })
    else if (name.startsWith('.wh.')) {
      const path = parent === '' ? name.slice(4) : `${parent}/${name.slice(4)}`
      const old = said.get(path)
      if (old === undefined) said.set(path, { kind: 'whiteout', id: 0, implicit: false, opaque: false })
      else if (old.kind === 'folder') said.set(path, { ...old, opaque: true, implicit: false })
    } else put(op.name, { kind: op.kind as 'file', id: op.id, implicit: false, opaque: false })
  }
  return said
}

const model = (layers: readonly (readonly Op[])[]): string[] => {
  let seen = new Map<string, Said>()
  for (const ops of layers) {
    const said = saidBy(ops)
    const next = new Map<string, Said>()
    for (const [path, old] of seen) {
      const hidden =
        said.get('')?.opaque === true ||
        parents(path).some(
          (parent) => said.has(parent) && (said.get(parent)?.kind !== 'folder' || said.get(parent)?.opaque === true),
        ) ||
        (said.has(path) && (said.get(path)?.kind !== 'folder' || old.kind !== 'folder' || said.get(path)?.implicit === false))
      if (!hidden) next.set(path, old)
    }
    for (const [path, one] of said) if (path !== '' && one.kind !== 'whiteout' && !next.has(path)) next.set(path, one)
    seen = next
  }
  return [...seen].map(([path, one]) => `${path} ${one.kind} ${one.id}`)
}

test('mergeTrees() agrees with the rules said path by path', () => {
  const component = fc.constantFrom('a', 'b', 'c')
  const parts = fc.array(component, { minLength: 1, maxLength: 3 })
  const op = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        name: parts.map((all) => all.join('/')),
        kind: fc.constantFrom<Op['kind']>('file', 'folder', 'symlink'),
        id: fc.integer({ min: 1, max: 99 }),
      }),
    },
    {
      weight: 2,
      arbitrary: parts.map((all): Op => ({ name: [...all.slice(0, -1), `.wh.${all.at(-1)}`].join('/'), kind: 'file', id: 1 })),
    },
    {
      weight: 1,
      arbitrary: parts.map((all): Op => ({ name: [...all.slice(0, -1), '.wh..wh..opq'].join('/'), kind: 'file', id: 1 })),
    },
  )
  // an entry behind a file or symlink of its own layer is a matter of the builder's tests
  const layer = fc.array(op, { maxLength: 8 }).map((ops) => {
    const kept: Op[] = []
    for (const one of ops) {
      const said = saidBy(kept)
      if (parents(one.name).every((parent) => ['folder', 'whiteout', undefined].includes(said.get(parent)?.kind))) kept.push(one)
    }
    return kept
  })
  fc.assert(
    fc.property(fc.array(layer, { minLength: 1, maxLength: 4 }), (layers) => {
      assert.deepEqual(merged(...layers).toSorted(), model(layers).toSorted())
    }),
    { numRuns: 5000, seed: 5 },
  )
})
