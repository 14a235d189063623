import type { Platform } from '../../oci/descriptor.ts'
import { parseReference, familiarName, familiarString } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { findImage } from './lookup.ts'
import { imageSize } from './list.ts'

/** The image as docker's `image inspect` shows it (Engine API ImageInspect), with gantry's `Layers` beside. */
export const inspectImage = async (
  engine: Engine,
  text: string,
  options: { readonly platform?: Platform } = {},
): Promise<object> => {
  const found = await findImage(engine, text, options)
  const { config, manifest, layers, descriptor } = found.image
  const names = found.names.map((name) => parseReference(name))
  return {
    Id: found.id,
    RepoTags: names.filter((name) => name.tag !== undefined).map((name) => familiarString(name)),
    RepoDigests: [...new Set(names.map((name) => `${familiarName(name)}@${found.target.digest}`))],
    Comment: config.history?.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    Author: config.author ?? '',
    Config: config.config ?? {},
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] === undefined ? {} : { OsVersion: config['os.version'] }),
    Size: await imageSize(await engine.layers(), found),
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Descriptor: found.target,
    Manifest: descriptor.digest,
    Layers: layers.map((layer) => ({
      DiffID: layer.diffId,
      ChainID: layer.chainId,
      Blob: layer.blob,
      CreatedBy: layer.createdBy ?? '',
    })),
    Annotations: manifest.annotations ?? {},
  }
}
