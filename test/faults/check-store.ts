import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasBlob, listBlobs, openBlob } from '../../src/content/blob-files.ts'
import { readLayoutIndex } from '../../src/content/layout-index.ts'
import { openDiskStore } from '../../src/content/disk-store/disk-store.ts'
import { drain } from '../../src/content/verify.ts'
import { walk } from '../../src/content/walk.ts'
import { openIndexedLayer } from '../../src/layers/index-layer-reader.ts'
import { readTree } from '../../src/layers/read-tree.ts'
import type { Digest } from '../../src/oci/digest.ts'

const namesIn = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : [])

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What a layer holds, as text: every entry with a digest of its bytes, read through the layer's index. */
const describeLayer = async (folder: string): Promise<string> => {
  await using reader = openIndexedLayer(join(folder, 'index'), join(folder, 'tar'))
  const lines: string[] = []
  for await (const entry of reader.entries()) {
    const hash = createHash('sha256')
    if (entry.kind === 'file') for await (const chunk of reader.read(entry)) hash.update(chunk)
    lines.push(`${entry.kind} ${entry.path} ${entry.mode} ${entry.size} ${entry.target ?? ''} ${hash.digest('hex')}`)
  }
  return lines.join('\n')
}

/** What a root folder holds that its users can see. */
export interface StoreState {
  readonly blobs: ReadonlySet<Digest>
  /** By full reference. */
  readonly names: ReadonlyMap<string, Digest>
  /** What `describeLayer` says, by the hexadecimal digits of the diffId. */
  readonly layers: ReadonlyMap<string, string>
}

/** Checks that nothing in a root folder is damaged or half-written: every blob and layer is what its name says, every named image whole. */
export const checkStore = async (root: string): Promise<StoreState> => {
  const folder = join(root, 'content')
  const blobs = new Set<Digest>()
  for await (const { digest, size } of listBlobs(folder)) {
    await drain(openBlob(folder, { mediaType: '', digest, size }))
    blobs.add(digest)
  }
  const { entries } = readLayoutIndex(folder)
  const names = new Map<string, Digest>()
  if (entries.length > 0) {
    const store = await openDiskStore({ folder })
    for (const { name, descriptor } of entries) {
      for await (const reached of walk(store, [descriptor]))
        assert.ok(hasBlob(folder, reached.descriptor), `${name} lacks ${reached.descriptor.digest}`)
      if (name !== undefined) names.set(name, descriptor.digest)
    }
  }
  const layers = new Map<string, string>()
  for (const hex of namesIn(join(root, 'layers', 'sha256'))) {
    const layer = join(root, 'layers', 'sha256', hex)
    assert.equal(sha256(readFileSync(join(layer, 'tar'))), hex, 'a layer is not what its name says')
    const info = JSON.parse(readFileSync(join(layer, 'info'), 'utf8')) as { readonly diffId: string }
    assert.equal(info.diffId, `sha256:${hex}`)
    layers.set(hex, await describeLayer(layer))
  }
  for (const name of namesIn(join(root, 'layers', 'merged'))) {
    const merged = join(root, 'layers', 'merged', name)
    readTree(join(merged, 'index'))
    assert.ok(Array.isArray(JSON.parse(readFileSync(join(merged, 'layers'), 'utf8'))))
  }
  return { blobs, names, layers }
}

/** Paths of files below a root folder that hold something of content, finished or not. */
export const leftovers = (root: string): readonly string[] => {
  const listed = ['content/blobs/sha256', 'content/ingest', 'layers/sha256', 'layers/merged', 'layers/tmp', 'uploads'].flatMap(
    (folder) => namesIn(join(root, folder)).map((name) => `${folder}/${name}`),
  )
  const hidden = ['', 'content', 'layers'].flatMap((folder) =>
    namesIn(join(root, folder))
      .filter((name) => name.startsWith('.'))
      .map((name) => `${folder}/${name}`),
  )
  return [...listed, ...hidden].filter((path) => path !== 'layers/tmp/lock')
}
