import { readImage } from '../../content/image.ts'
import type { Image } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import type { Platform } from '../../oci/descriptor.ts'
import type { Engine } from '../engine.ts'

export const layoutScheme = 'oci-layout://'

/** Splits `oci-layout://PATH[:TAG][@DIGEST]`; the name is '' where the layout is to have one image only. */
export const parseLayoutReference = (text: string): { readonly path: string; readonly name: string } => {
  const rest = text.slice(layoutScheme.length)
  const at = /@((?:sha256|sha512):[0-9a-f]+)$/.exec(rest)
  if (at !== null) return { path: rest.slice(0, at.index).replace(/:[\w][\w.-]*$/, ''), name: at[1] ?? '' }
  const tag = /:([\w][\w.-]*)$/.exec(rest)
  return tag === null ? { path: rest, name: '' } : { path: rest.slice(0, tag.index), name: tag[1] ?? '' }
}

/** Copies an image out of an OCI layout folder into the store; as in buildx, no name means `latest` where there are several. */
export const layoutImage = async (
  engine: Engine,
  reference: string,
  { platform, signal }: Abortable & { readonly platform: Platform },
): Promise<Image> => {
  const { path, name } = parseLayoutReference(reference)
  const { openLayout } = await import('../../content/layout.ts')
  const { copy } = await import('../../content/copy.ts')
  const layout = await openLayout(path)
  const images = name === '' ? await layout.images() : []
  const from = await layout.resolve(images.length > 1 ? 'latest' : name)
  const abortable = signal === undefined ? {} : { signal }
  const image = await readImage(layout, from, { platform, fallback: true, ...abortable })
  const store = await engine.content()
  await copy(layout, store, { from: image.descriptor, ...abortable })
  return await readImage(store, image.descriptor, abortable)
}
