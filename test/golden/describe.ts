import { createHash } from 'node:crypto'
import { collect, type ByteStream } from '../../src/lib/bytes.ts'
import { readTar, type TarEntryWithBody } from '../../src/lib/tar/reader.ts'
import type { ImageConfig } from '../../src/oci/image-config.ts'

/** An image as a builder made it: its config, and its layers' tars. */
export interface MadeImage {
  readonly config: ImageConfig
  layer(index: number): Promise<ByteStream>
}

/** An image that the corpus builds on. */
export interface FixtureImage {
  readonly name: string
  readonly config: ImageConfig
}

/** Fields of an execution config that say nothing of the image: docker writes them in one version and not in the other. */
const unsaid = new Set(['ArgsEscaped', 'Hostname', 'Domainname', 'Image', 'AttachStdin', 'AttachStdout', 'AttachStderr'])

/** Times after this are those of the build, and promised nowhere. */
const latestTime = 1_700_000_000

/**
 * All that counts of an image, a line for each fact: the config by field, the history, and every entry of every layer with type, mode,
 * owner, size or content, target, xattrs, and its time where that is the source's. What comes with the image below is one line.
 */
export const describeImage = async (image: MadeImage, fixtures: readonly FixtureImage[]): Promise<readonly string[]> => {
  const { config } = image
  const base = fixtures.find((fixture) => isBuiltOn(config, fixture.config))
  const layers: string[] = []
  for (let index = base?.config.rootfs.diff_ids.length ?? 0; index < config.rootfs.diff_ids.length; index++)
    layers.push('layer', ...(await describeLayer(await image.layer(index))))
  return [
    `${config.os}/${config.architecture}${config.variant === undefined ? '' : `/${config.variant}`}`,
    ...(config.author === undefined || config.author === '' ? [] : [`author ${JSON.stringify(config.author)}`]),
    ...configLines(config),
    ...(base === undefined ? [] : [`from ${base.name}`]),
    ...(config.history ?? [])
      .slice(base?.config.history?.length ?? 0)
      .map(({ created_by: text = '', empty_layer: empty = false }) => `history ${empty ? '-' : '+'} ${text}`),
    ...layers,
  ]
}

const isBuiltOn = ({ rootfs, history = [] }: ImageConfig, base: ImageConfig): boolean =>
  base.rootfs.diff_ids.every((id, at) => rootfs.diff_ids[at] === id) &&
  (base.history ?? []).every(({ created_by: text }, at) => history[at]?.created_by === text)

const configLines = ({ config = {} }: ImageConfig): readonly string[] =>
  Object.entries(config)
    .filter(([key, value]) => !unsaid.has(key) && value !== null && value !== undefined && value !== '' && value !== false)
    .map(([key, value]) => `config.${key} ${JSON.stringify(sorted(value))}`)
    .sort()

const sorted = (value: unknown): unknown =>
  typeof value !== 'object' || value === null || Array.isArray(value)
    ? value
    : Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))

const describeLayer = async (tar: ByteStream): Promise<readonly string[]> => {
  const lines = new Map<string, string>()
  const links: { readonly path: string; readonly to: string }[] = []
  for await (const entry of readTar(tar)) {
    const path = cleaned(entry.name)
    // the root's own attributes are in the layers of some builders, and used by none
    if (path === '') continue
    const deleted = /^(?:(.*)\/)?\.wh\.([^/]+)$/s.exec(path)
    if (deleted !== null) {
      const [, folder, name = ''] = deleted
      if (name === '.wh..opq') lines.set(`${folder}/`, 'emptied')
      else lines.set(folder === undefined ? name : `${folder}/${name}`, 'deleted')
    } else if (entry.kind === 'hardlink') links.push({ path, to: cleaned(entry.linkName ?? '') })
    else lines.set(path, await describeEntry(entry))
  }
  return namesOf(lines, links)
}

const cleaned = (name: string): string => name.replace(/^(?:\.?\/)+|^\.$|\/+$/g, '')

/** A file that has several names is described with the first of them by order, whichever the builder wrote first. */
const namesOf = (
  lines: ReadonlyMap<string, string>,
  links: readonly { readonly path: string; readonly to: string }[],
): string[] => {
  const groups = new Map<string, string[]>()
  for (const path of lines.keys()) groups.set(path, [path])
  for (const { path, to } of links) {
    const group = groups.get(to)
    if (group === undefined) throw new Error(`the layer's "${path}" is a hard link to "${to}", which is not before it`)
    group.push(path)
    groups.set(path, group)
  }
  const described: [string, string][] = []
  for (const [path, text] of lines) {
    const [first = '', ...more] = (groups.get(path) ?? []).toSorted()
    described.push([first, `${first} ${text}`], ...more.map((name): [string, string] => [name, `${name} = ${first}`]))
  }
  return described.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => `  ${line}`)
}

const describeEntry = async (entry: TarEntryWithBody): Promise<string> => {
  const { kind, mode, uid, gid, mtime, device, linkName, xattrs = {} } = entry
  const facts = [kind, mode.toString(8), `${uid}:${gid}`]
  if (kind === 'file') facts.push(await describeBody(entry))
  if (kind === 'symlink') facts.push(`-> ${linkName ?? ''}`)
  if (device !== undefined && kind !== 'file') facts.push(`${device.major},${device.minor}`)
  for (const [key, value] of Object.entries(xattrs).sort(([a], [b]) => (a < b ? -1 : 1)))
    facts.push(`${key}=${Buffer.from(value).toString('latin1')}`)
  if (mtime.seconds < latestTime) facts.push(`@${new Date(mtime.seconds * 1000).toISOString().slice(0, 19)}`)
  return facts.join(' ')
}

const describeBody = async ({ size, body }: TarEntryWithBody): Promise<string> => {
  const bytes = await collect(body, 1 << 24)
  if (bytes.length !== size) throw new Error(`a file of ${size} bytes has ${bytes.length}`)
  const text = bytes.toString()
  const short = bytes.length <= 100 && Buffer.from(text).equals(bytes)
  return short ? JSON.stringify(text) : `${size} bytes sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
