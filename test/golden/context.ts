import { execFileSync } from 'node:child_process'
import { chmod, link, lstat, lutimes, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { collect, streamOf } from '../../src/lib/bytes.ts'
import { writeTar, type TarInput } from '../../src/lib/tar/writer.ts'
import { archiveTime, contextTime, type ArchiveMember, type CorpusFile, type CorpusRow } from './row.ts'

/** Writes the context of a row into a new folder, with its Dockerfile. */
export const writeContext = async (folder: string, row: CorpusRow): Promise<void> => {
  const files: Readonly<Record<string, CorpusFile>> = { [row.dockerfile ?? 'Dockerfile']: row.text, ...row.files }
  for (const [path, file] of Object.entries(files)) await writeFileAt(folder, join(folder, path), file)
  await settle(folder, new Map(Object.entries(files).map(([path, file]) => [join(folder, path), file])))
}

const writeFileAt = async (folder: string, path: string, file: CorpusFile): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  if (typeof file === 'string') await writeFile(path, file)
  else if ('text' in file) await writeFile(path, file.text)
  else if ('folder' in file) await mkdir(path, { recursive: true })
  else if ('link' in file) await symlink(file.link, path)
  else if ('sameAs' in file) await link(join(folder, file.sameAs), path)
  else if ('base64' in file) await writeFile(path, Buffer.from(file.base64, 'base64'))
  else if ('fifo' in file) execFileSync('mkfifo', [path])
  else await writeFile(path, await archiveOf(file.archive))
}

const archiveOf = async (members: readonly ArchiveMember[]): Promise<Buffer> =>
  await collect(writeTar(members.map(memberEntry)), 1 << 24)

const memberEntry = ({ name, text = '', mode, owner = [0, 0], link, hardLink, folder, xattrs }: ArchiveMember): TarInput => {
  const kind = folder ? 'folder' : link !== undefined ? 'symlink' : hardLink !== undefined ? 'hardlink' : 'file'
  const linkName = link ?? hardLink
  const body = Buffer.from(text)
  return {
    name,
    kind,
    mode: mode ?? { folder: 0o755, symlink: 0o777, file: 0o644, hardlink: 0o644 }[kind],
    uid: owner[0],
    gid: owner[1],
    size: kind === 'file' ? body.length : 0,
    mtime: { seconds: archiveTime, nanoseconds: 0 },
    ...(linkName === undefined ? {} : { linkName }),
    ...(xattrs === undefined
      ? {}
      : { xattrs: Object.fromEntries(Object.entries(xattrs).map(([key, value]) => [key, Buffer.from(value)])) }),
    ...(kind === 'file' ? { body: streamOf(body) } : {}),
  }
}

/** Gives all of a folder its modes and times, whatever the umask is: what is inside first. */
const settle = async (path: string, files: ReadonlyMap<string, CorpusFile>): Promise<void> => {
  const facts = await lstat(path)
  if (facts.isDirectory()) for (const name of await readdir(path)) await settle(join(path, name), files)
  const file = files.get(path)
  const mode =
    typeof file === 'object' && 'text' in file ? file.mode : typeof file === 'object' && 'folder' in file ? file.folder : 0
  if (!facts.isSymbolicLink()) await chmod(path, mode || (facts.isDirectory() ? 0o755 : 0o644))
  await lutimes(path, contextTime, contextTime)
}
