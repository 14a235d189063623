import { collect } from '../../lib/bytes.ts'
import type { TarEntry } from '../../lib/tar/entry.ts'
import { TarParser } from '../../lib/tar/parser.ts'
import { writeTar } from '../../lib/tar/writer.ts'
import { LayerTreeBuilder } from '../tree/layer-tree-builder.ts'
import type { LayerTree } from '../tree/layer-tree.ts'

/** An entry of a layer for a test; `body` sets the size. */
export type LayerFixture = Partial<TarEntry> & { readonly name: string; readonly body?: string | Uint8Array }

/** The tar of a layer, for tests. */
export const tarOf = (entries: Iterable<LayerFixture>): Promise<Buffer> => {
  const inputs = [...entries].map(({ body, ...entry }) => {
    const bytes = Buffer.from(body ?? '')
    async function* stream(): AsyncGenerator<Uint8Array> {
      yield bytes
    }
    const kind = entry.kind ?? 'file'
    return {
      kind,
      mode: kind === 'folder' ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      mtime: { seconds: 1_700_000_000, nanoseconds: 0 },
      ...entry,
      body: stream(),
    }
  })
  return collect(writeTar(inputs), 1 << 28)
}

/** The tree of a layer's tar, for tests. */
export const treeOfTar = (tar: Uint8Array): LayerTree => {
  const builder = new LayerTreeBuilder()
  const parser = new TarParser({ entry: (entry, bodyOffset) => builder.add(entry, bodyOffset) })
  parser.feed(tar)
  parser.finish()
  return builder.finish()
}

export const folder = (name: string, rest: Partial<TarEntry> = {}): LayerFixture => ({ name, kind: 'folder', ...rest })
export const file = (name: string, body: string | Uint8Array = '', rest: Partial<TarEntry> = {}): LayerFixture => ({
  name,
  body,
  ...rest,
})
export const symlink = (name: string, linkName: string): LayerFixture => ({ name, kind: 'symlink', mode: 0o777, linkName })
export const hardLink = (name: string, linkName: string): LayerFixture => ({ name, kind: 'hardlink', linkName })
