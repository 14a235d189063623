import type { BuiltImage } from '../../build/build-image.ts'
import { textFromBytes } from '../../layers/tree/byte-text.ts'
import type { Abortable, ByteStream } from '../../lib/bytes.ts'
import { writeTar, type TarInput } from '../../lib/tar/writer.ts'
import type { Engine } from '../engine.ts'
import { builtFiles, type BuiltFile, type BuiltFiles } from './built-files.ts'

/** The files of what was built as a tar, with their owners: the same bytes for the same files. */
export const tarOfFiles = (engine: Engine, built: BuiltImage, options: Abortable & { readonly split?: boolean }): ByteStream =>
  writeTar(entriesOf(engine, built, options))

async function* entriesOf(
  engine: Engine,
  built: BuiltImage,
  options: Abortable & { readonly split?: boolean },
): AsyncIterable<TarInput> {
  for await (const files of builtFiles(engine, built, options)) {
    const { folder } = files
    if (folder !== '') yield { name: folder, kind: 'folder', mode: 0o755, uid: 0, gid: 0, size: 0, mtime: epoch }
    for await (const file of files.list()) yield tarEntry(files, file)
  }
}

const epoch = { seconds: 0, nanoseconds: 0 }

const tarEntry = ({ stack, folder }: BuiltFiles, { path, entry, sameAs }: BuiltFile): TarInput => {
  const { kind, mode, uid, gid, mtime, device, xattrs, target, rawTarget } = entry
  const own = named(folder, path)
  const facts = { name: own.text, ...(own.raw === undefined ? {} : { rawName: own.raw }), mode, uid, gid, mtime }
  if (sameAs !== undefined) {
    const link = named(folder, sameAs)
    return {
      ...facts,
      kind: 'hardlink',
      size: 0,
      linkName: link.text,
      ...(link.raw === undefined ? {} : { rawLinkName: link.raw }),
    }
  }
  return {
    ...facts,
    // a whiteout is nothing that a stack shows
    kind: kind === 'whiteout' ? 'file' : kind,
    size: kind === 'file' ? entry.size : 0,
    ...(device === undefined ? {} : { device }),
    ...(xattrs === undefined ? {} : { xattrs }),
    ...(target === undefined ? {} : { linkName: target }),
    ...(rawTarget === undefined ? {} : { rawLinkName: rawTarget }),
    ...(kind === 'file' && entry.size > 0 ? { body: stack.read(entry) } : {}),
  }
}

const named = (folder: string, path: string): ReturnType<typeof textFromBytes> =>
  textFromBytes(folder === '' ? path : `${folder}/${path}`)
