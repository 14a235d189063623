import type { Abortable } from '../../lib/bytes.ts'
import { mapConcurrent } from '../../lib/concurrency.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import { isAttestation, type Manifest } from '../../oci/manifest.ts'
import type { ContentSource } from '../interfaces.ts'
import { readManifest } from '../read-blob.ts'
import { indexDepthLimit, platformsOf, tooDeep, type Selection } from '../select.ts'
import { isManifestLike } from '../walk.ts'

/** What is to be copied, children before parents. Documents are held in memory: their bytes are what is written. */
export type Node =
  | { readonly kind: 'index'; readonly descriptor: Descriptor; readonly bytes: Buffer; readonly children: readonly Node[] }
  | { readonly kind: 'manifest'; readonly descriptor: Descriptor; readonly bytes: Buffer; readonly manifest: Manifest }
  | { readonly kind: 'blob'; readonly descriptor: Descriptor }
  | { readonly kind: 'missing'; readonly descriptor: Descriptor }

/** Most manifests of one copy, and most bytes of all of them together. */
const nodeLimit = 10_000
const bytesLimit = 64 << 20

const tooMuch = (root: Descriptor, what: string): GantryError =>
  new GantryError('resource_exhausted', 'TOO_MANY_MANIFESTS', `Cannot copy "${root.digest}": its manifests are more than ${what}`)

/** Reads a root and every manifest below it. An entry that the source does not have is a node of its own. */
export const planAll = async (source: ContentSource, root: Descriptor, options: Abortable): Promise<Node> => {
  const known = new Map<Digest, Promise<Node>>()
  let bytes = 0
  const plan = (descriptor: Descriptor, depth: number): Promise<Node> => {
    const before = known.get(descriptor.digest)
    if (before !== undefined) return before
    if (known.size === nodeLimit) throw tooMuch(root, String(nodeLimit))
    const node = read(descriptor, depth)
    known.set(descriptor.digest, node)
    return node
  }
  const read = async (descriptor: Descriptor, depth: number): Promise<Node> => {
    if (depth > 0 && !isManifestLike(descriptor)) return { kind: 'blob', descriptor }
    let document
    try {
      document = await readManifest(source, descriptor, options)
    } catch (error) {
      if (depth === 0 || !isGantryError(error, 'not_found')) throw error
      return { kind: 'missing', descriptor }
    }
    bytes += document.bytes.length
    if (bytes > bytesLimit) throw tooMuch(root, `${bytesLimit} bytes`)
    if (document.kind === 'manifest') return { kind: 'manifest', descriptor, bytes: document.bytes, manifest: document.manifest }
    if (depth === indexDepthLimit) throw tooDeep(root.digest)
    const children = await mapConcurrent(document.index.manifests, 4, async (child) => await plan(child, depth + 1))
    return { kind: 'index', descriptor, bytes: document.bytes, children }
  }
  return await plan(root, 0)
}

/** The one image that was selected, and the indexes above it, which become sparse, if they are to be kept. */
export const planSelection = (selection: Selection, keepIndexes: boolean): Node => {
  const { descriptor, bytes, manifest, indexes } = selection
  let node: Node = { kind: 'manifest', descriptor, bytes, manifest }
  for (const index of keepIndexes ? indexes.toReversed() : [])
    node = { kind: 'index', descriptor: index.descriptor, bytes: index.bytes, children: [node] }
  return node
}

const missingIn = (node: Node): readonly Descriptor[] => {
  if (node.kind === 'missing') return [node.descriptor]
  return node.kind === 'index' ? node.children.flatMap(missingIn) : []
}

/** What to do with an index of which the source has only some manifests. */
export type SparsePolicy =
  /** An error that says what is missing. */
  | 'refuse'
  /** Copy the only image there is in its place; refuse where there is not exactly one. */
  | 'reduce'
  /** Copy what there is under the same index. */
  | 'keep'

/** Applies the policy to a plan; answers the plan to follow, and a warning if it is another one. */
export const settleSparse = (root: Node, policy: SparsePolicy): { readonly node: Node; readonly warning?: string } => {
  const missing = missingIn(root)
  if (missing.length === 0 || policy === 'keep' || root.kind !== 'index') return { node: root }
  const present = root.children.filter((child) => child.kind === 'manifest' && !isAttestation(child.descriptor))
  const [only, ...others] = present
  if (policy === 'reduce' && only !== undefined && others.length === 0) {
    const warning = 'Not all multiplatform-content is present and only the available single-platform image was copied'
    return { node: only, warning: `${warning}: ${root.descriptor.digest} -> ${only.descriptor.digest}` }
  }
  const images = missing.filter((descriptor) => !isAttestation(descriptor))
  throw new GantryError(
    'failed_precondition',
    'INDEX_INCOMPLETE',
    `Cannot copy "${root.descriptor.digest}": ${missing.length} of its manifests are not here (${platformsOf(images) || 'attestations'})`,
    {
      detail: { missing: missing.map(({ digest }) => digest) },
      hint:
        present.length === 0
          ? 'pull it first'
          : `copy one platform only, of ${platformsOf(present.map((child) => child.descriptor))}`,
    },
  )
}
