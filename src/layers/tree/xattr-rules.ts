import { layerError } from './layer-tree.ts'

/** Most bytes of all xattrs of a file, names included; the kernel's limit for one value is 64 KiB. */
const xattrLimit = 128 * 1024

/** After `trusted.`: what an index says of a node that no file system has a word for. */
export const markPrefix = 'gantry.'

/**
 * Which xattrs of a tar come into a tree. Those of overlayfs are not the image's: on a lower layer the kernel would obey them. Those of
 * gantry mark what only an index knows. What is in no namespace that Linux has cannot be set by any container tool either.
 */
export const keptXattrs = (
  xattrs: Readonly<Record<string, Uint8Array>>,
  path: string,
): Readonly<Record<string, Uint8Array>> | undefined => {
  const kept = Object.entries(xattrs).filter(([name]) => isKept(name))
  let size = 0
  for (const [name, value] of kept) {
    size += Buffer.byteLength(name) + value.length
    if (value.length > 0xffff || size > xattrLimit) throw layerError(path, 'its xattrs are too large')
  }
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

const isKept = (name: string): boolean => {
  if (name.startsWith('trusted.overlay.') || name.startsWith('user.overlay.') || name.startsWith(`trusted.${markPrefix}`))
    return false
  if (name === 'system.posix_acl_access' || name === 'system.posix_acl_default') return true
  return /^(?:user|trusted|security)\../.test(name) && Buffer.byteLength(name) <= 255
}
