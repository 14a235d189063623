import { layerError } from './layer-tree.ts'

/** Most bytes of one component of a path: Linux' NAME_MAX. */
export const componentLimit = 255

export const whiteoutPrefix = '.wh.'
/** In a folder: it hides all that lower layers have in it. */
export const opaqueMarker = '.wh..wh..opq'
/** Names that aufs kept its own things under. */
export const metaPrefix = '.wh..wh.'

/**
 * The components of an entry's name (one character per byte), taken relative to the layer's root however it is written; none for the root.
 * LAYER_INVALID for `..` and for names that no file system has.
 */
export const componentsOf = (path: string): string[] => {
  if (path.includes('\0')) throw layerError(path, 'its name contains a NUL')
  const components = path.split('/')
  let clean = true
  for (const name of components) {
    if (name === '..') throw layerError(path, 'its name contains ".."')
    if (name === '' || name === '.') clean = false
    // a whiteout for a name of 255 bytes is longer than that
    else if (name.length > componentLimit && (name.length > componentLimit + 4 || !name.startsWith(whiteoutPrefix)))
      throw layerError(path, `its name has a part of more than ${componentLimit} bytes`)
  }
  return clean ? components : components.filter((name) => name !== '' && name !== '.')
}

/** The components of a symlink's target: `..` stays, '' and '.' go. */
export const targetComponents = (target: string): string[] => target.split('/').filter((name) => name !== '' && name !== '.')
