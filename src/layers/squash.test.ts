import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { collect } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import { readTar } from '../lib/tar/reader.ts'
import { streamOf } from '../lib/bytes.ts'
import { file, folder, hardLink, symlink, tarOf, treeOfTar, type LayerFixture } from './erofs/test-layers.ts'
import { squashLayers } from './squash.ts'
import { openStack } from './stack.ts'
import { MemoryLayer } from './test-memory-layer.ts'
import { mergeTrees } from './tree/merge-trees.ts'

const squash = async (below: readonly Buffer[], layers: readonly Buffer[]): Promise<Buffer> => {
  const readers = (tars: readonly Buffer[]): MemoryLayer[] => tars.map((tar) => new MemoryLayer(tar))
  return await collect(squashLayers(readers(below), readers(layers)), 1 << 24)
}

const tars = async (...layers: readonly (readonly LayerFixture[])[]): Promise<readonly Buffer[]> =>
  await Promise.all(layers.map(async (entries) => await tarOf(entries)))

const namesOf = async (tar: Buffer): Promise<readonly string[]> => {
  const names: string[] = []
  for await (const { name, kind, linkName } of readTar(streamOf(tar)))
    names.push(kind === 'hardlink' ? `${name} = ${linkName}` : kind === 'folder' ? `${name}/` : name)
  return names
}

/** All that a stack of layers shows. */
const shown = async (layers: readonly Buffer[]): Promise<readonly string[]> => {
  const stack = openStack(layers.map((tar) => new MemoryLayer(tar)))
  const lines: string[] = []
  const visit = async (path: string): Promise<void> => {
    for await (const entry of stack.list(path)) {
      const { kind, mode, uid, gid, mtime, target = '' } = entry
      const body = kind === 'file' ? (await collect(stack.read(entry), 1000)).toString() : target
      lines.push(`${entry.path} ${kind} ${mode} ${uid}:${gid} ${mtime.seconds} ${body}`)
      if (kind === 'folder') await visit(entry.path)
    }
  }
  await visit('')
  return lines
}

test('squashLayers() leaves out what is made and removed again, and deletes only what is below', async () => {
  const [base, ...layers] = await tars(
    [folder('etc'), file('etc/old', 'old'), file('etc/kept', 'kept')],
    [folder('tmp'), file('tmp/big', 'x'.repeat(5000)), file('etc/new', '1')],
    [file('tmp/.wh.big'), file('etc/.wh.old'), file('etc/.wh.never'), file('etc/new', '2')],
  )
  const squashed = await squash([base!], layers)
  assert.deepEqual(await namesOf(squashed), ['etc/.wh.old', 'etc/new', 'tmp/'])
  assert.deepEqual(await shown([base!, squashed]), await shown([base!, ...layers]))
  assert.deepEqual(await namesOf(await squash([], layers)), ['etc/', 'etc/new', 'tmp/'], 'on nothing there is nothing to delete')
})

test('squashLayers() keeps folders opaque that hide what is below', async () => {
  const [base, ...layers] = await tars(
    [folder('d'), file('d/below', ''), file('e', '')],
    [file('.wh.d'), folder('e'), file('e/f', '')],
    [folder('d', { uid: 7 }), file('d/own', '')],
  )
  const squashed = await squash([base!], layers)
  assert.deepEqual(await namesOf(squashed), ['d/', 'd/.wh..wh..opq', 'd/own', 'e/', 'e/f'])
  assert.deepEqual(await shown([base!, squashed]), await shown([base!, ...layers]))
})

test('squashLayers() keeps hard links together, whichever of their names stays', async () => {
  const [base, ...layers] = await tars(
    [file('lower', 'lower')],
    [file('a', 'same'), hardLink('b', 'a'), hardLink('c', 'a'), symlink('s', '/x')],
    [file('.wh.a'), hardLink('l', 'lower')],
  )
  const squashed = await squash([base!], layers)
  assert.deepEqual(await namesOf(squashed), ['b', 'c = b', 'l', 's'])
  assert.deepEqual(await shown([base!, squashed]), await shown([base!, ...layers]))
  const broken = await tars([hardLink('b', 'none')])
  await assert.rejects(squash([], broken), { code: 'LAYER_LINK_BROKEN' })
})

test('squashLayers() shows what the layers show, over whatever is below', async () => {
  const path = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
  const op = fc.record({
    path,
    link: path,
    kind: fc.constantFrom('file', 'file', 'folder', 'whiteout', 'opaque', 'hardlink'),
    id: fc.nat(99),
  })
  const fixture = ({ path, link, kind, id }: { path: string[]; link: string[]; kind: string; id: number }): LayerFixture => {
    const name = path.join('/')
    const parent = name.slice(0, name.length - (path.at(-1)?.length ?? 0))
    if (kind === 'folder') return folder(name, { uid: id })
    if (kind === 'hardlink') return hardLink(name, link.join('/'))
    if (kind === 'file') return file(name, `body ${id}`, { uid: id })
    return file(kind === 'opaque' ? `${parent}.wh..wh..opq` : `${parent}.wh.${path.at(-1)}`)
  }
  const layers = fc.array(fc.array(op, { maxLength: 8 }), { minLength: 1, maxLength: 5 })
  await fc.assert(
    fc.asyncProperty(layers, fc.nat(4), async (all, cut) => {
      const made: Buffer[] = []
      for (const ops of all) {
        const tar = await tarOf(ops.map(fixture))
        // layers that may not be are a matter of other tests
        try {
          mergeTrees([...made, tar].map(treeOfTar))
          made.push(tar)
        } catch (error) {
          assert.ok(error instanceof GantryError)
        }
      }
      const below = made.slice(0, cut)
      const squashed = await squash(below, made.slice(cut))
      assert.deepEqual(await shown([...below, squashed]), await shown(made))
    }),
    { numRuns: 300, seed: 11 },
  )
})
