import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { openStack } from '../../layers/stack.ts'
import { streamOf } from '../../lib/bytes.ts'
import { writeTar, type TarInput } from '../../lib/tar/writer.ts'
import type { DiffId } from '../../oci/digest.ts'
import { TestBuilds } from '../test-builds.ts'
import { StackTree } from '../tree/stack-tree.ts'
import { sourceDigest } from './content-digest.ts'
import type { FilesResult, ResultLayer } from './executor.ts'
import { layerViews } from './layer-views.ts'

let builds: TestBuilds
before(async () => void (builds = await TestBuilds.open()))
after(async () => await builds[Symbol.asyncDispose]())

const common = { mode: 0o644, uid: 0, gid: 0, mtime: { seconds: 0, nanoseconds: 0 } }
const file = (name: string, text: string, fields: Partial<TarInput> = {}): TarInput => ({
  ...common,
  name,
  kind: 'file',
  size: text.length,
  body: streamOf(Buffer.from(text)),
  ...fields,
})
const folder = (name: string): TarInput => ({ ...common, name, kind: 'folder', mode: 0o755, size: 0 })
const link = (name: string, linkName: string): TarInput => ({ ...common, name, kind: 'hardlink', size: 0, linkName })

const layer = async (...entries: readonly TarInput[]): Promise<DiffId> => (await builds.layers.create(writeTar(entries))).diffId

const result = (...layers: readonly (DiffId | ResultLayer)[]): FilesResult => ({
  kind: 'files',
  layers: layers.map((one) => (typeof one === 'string' ? { diffId: one } : one)),
  time: 0,
  prepare: async () => undefined,
})

const views = async (files: FilesResult, path = 'a/b'): Promise<string> =>
  JSON.stringify(await layerViews(files, path, builds.layers))

const contents = async ({ layers }: FilesResult, path = 'a/b'): Promise<string> => {
  await using stack = openStack(await Promise.all(layers.map(({ diffId }) => builds.layers.open(diffId))))
  const tree = new StackTree(stack)
  const entry = await tree.stat(path).catch(() => undefined)
  return entry === undefined ? 'nothing' : await sourceDigest(tree, { name: '', entry }, [])
}

test('layerViews() leaves out layers that have no say, and times', async () => {
  const base = await layer(folder('a'), folder('a/b'), file('a/b/f', 'F'))
  const beside = await layer(folder('a'), file('a/c', 'beside'), file('ab', ''))
  const early = { seconds: 5, nanoseconds: 0 }
  const older = await layer(
    { ...folder('a'), mtime: early },
    { ...folder('a/b'), mtime: early },
    file('a/b/f', 'F', { mtime: early }),
  )
  assert.equal(await views(result(base, beside)), await views(result(base)))
  assert.equal(await views(result(older)), await views(result(base)))
})

test('layerViews() changes with all that changes what is below the path', async () => {
  const base = await layer(folder('a'), folder('a/b'), file('a/b/f', 'F'), file('a/b/g', 'G'))
  const others = [
    await layer(folder('a'), folder('a/b'), file('a/b/f', 'f')),
    await layer(folder('a'), folder('a/b'), file('a/b/f', 'F', { mode: 0o755 })),
    await layer(folder('a'), folder('a/b'), file('a/b/f', 'F', { xattrs: { 'user.x': Buffer.from('1') } })),
    await layer(folder('a'), folder('a/b'), file('a/b/.wh.f', '')),
    await layer(folder('a'), file('a/.wh.b', '')),
    await layer(file('.wh.a', '')),
    await layer(file('a', 'no folder any more')),
    await layer({ ...common, name: 'a', kind: 'symlink', size: 0, linkName: 'elsewhere' }),
    await layer(folder('a'), file('a/.wh..wh..opq', '')),
    await layer(folder('a'), folder('a/b'), file('a/b/.wh..wh..opq', '')),
    await layer(folder('a'), folder('a/b'), file('z', 'one'), link('a/b/f', 'z')),
    await layer(folder('a'), folder('a/b'), file('z', 'two'), link('a/b/f', 'z')),
  ]
  const seen = new Set([await views(result(base))])
  for (const other of others) seen.add(await views(result(base, other)))
  assert.equal(seen.size, others.length + 1)
})

test('layerViews() names a layer of an image by all that is below it, where links may lead', async () => {
  const [one, two] = [await layer(file('z', 'one')), await layer(file('z', 'two'))]
  const linked = await layer(folder('a'), folder('a/b'), link('a/b/f', 'z'))
  const blob = { mediaType: 'x', digest: linked, size: 1 }
  const of = async (lowest: DiffId): Promise<string> => await views(result(lowest, { diffId: linked, blob }))
  assert.notEqual(await contents(result(one, linked)), await contents(result(two, linked)))
  assert.notEqual(await of(one), await of(two))
  assert.notEqual(await views(result(one, linked)), await views(result(two, linked)), 'and so of a step, were it to make one')
})

test('layerViews() that are the same mean the same files, whatever layers do', async () => {
  const name = fc.constantFrom('a', 'a/b', 'a/b/f', 'a/b/c', 'a/b/c/g', 'a/x', 'z')
  const entry = fc.record({
    name,
    kind: fc.constantFrom('file', 'folder', 'whiteout', 'opaque', 'link'),
    text: fc.constantFrom('1', '2'),
  })
  const stack = fc.array(fc.array(entry, { maxLength: 3 }), { minLength: 1, maxLength: 3 })
  const make = async (
    entries: readonly { readonly name: string; readonly kind: string; readonly text: string }[],
  ): Promise<DiffId> =>
    await layer(
      file('z', 'first'),
      ...entries.map(({ name: path, kind, text }) =>
        kind === 'folder'
          ? folder(path)
          : kind === 'opaque'
            ? file(`${path}/.wh..wh..opq`, '')
            : kind === 'whiteout'
              ? file(path.replace(/[^/]+$/, '.wh.$&'), '')
              : kind === 'link'
                ? link(path === 'z' ? 'y' : path, 'z')
                : file(path, text),
      ),
    )
  const known = new Map<string, string>()
  await fc.assert(
    fc.asyncProperty(stack, async (layers) => {
      const made = await Promise.all(layers.map(make)).catch(() => undefined)
      // a file with files below it is no layer
      if (made === undefined) return
      const files = result(...made)
      const [view, content] = [await views(files), await contents(files)]
      assert.equal(known.get(view) ?? content, content)
      known.set(view, content)
    }),
    { numRuns: 200, seed: 7 },
  )
  assert.ok(known.size > 20)
})
