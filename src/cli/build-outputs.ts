import { pipeline } from 'node:stream/promises'
import type { BuildOptions, BuildResult } from '../engine/build.ts'
import type { BuildAnnotation, BuildOutput, ImageForm } from '../engine/builds/output.ts'
import type { CompressionOptions } from '../engine/images/compress.ts'
import { compressionLevels } from '../lib/compression.ts'
import { csvFields } from '../lib/csv-fields.ts'
import { GantryError } from '../lib/errors.ts'
import { writeFileAtomic } from '../lib/files.ts'
import type { Platform } from '../oci/descriptor.ts'
import { parsePlatform } from '../oci/platform.ts'
import type { CliContext } from './command.ts'
import type { FlagValues } from './flags.ts'

/** Flags of `build` that say what it makes. */
export const outputFlags = {
  annotation: {
    type: 'list',
    value: '[TYPE:]KEY=VALUE',
    help: 'Annotate the manifest, or what TYPE says: index, manifest-descriptor …',
  },
  iidfile: { type: 'string', value: 'FILE', help: 'Write the image ID to a file' },
  load: { type: 'boolean', help: 'Keep the image in the store (short for --output type=docker)' },
  'metadata-file': { type: 'string', value: 'FILE', help: 'Write digests and names of the image to a file, as JSON' },
  output: {
    type: 'list',
    short: 'o',
    value: 'FOLDER|-|type=TYPE[,KEY=VALUE…]',
    help: 'What is made: image, registry, local, tar, oci, docker or cacheonly (default type=image); may be given several times',
  },
  push: { type: 'boolean', help: 'Push the image (short for --output type=registry)' },
} as const

/** What the flags of a build ask for. */
interface ReadOutputs {
  readonly outputs: readonly BuildOutput[]
  /** `rewrite-timestamp=false`: times are what they are. */
  readonly times?: 'clock'
}

/** The options of a build for its output flags. */
export const readOutputFlags = (
  context: Pick<CliContext, 'engine' | 'stdout'>,
  flags: FlagValues<typeof outputFlags>,
): ReadOutputs & Pick<BuildOptions, 'write'> => {
  const read = readOutputs(flags, context.engine.options.platform)
  if (!read.outputs.some(toStandardOutput)) return read
  if (context.stdout.isTTY)
    throw usage('Cannot write an archive to a terminal: name a file with dest=FILE, or redirect standard output')
  return { ...read, write: async (bytes) => await pipeline(bytes, context.stdout, { end: false }) }
}

/** Writes the files that say what was built. */
export const writeResultFiles = async (
  flags: FlagValues<typeof outputFlags>,
  { id, metadata }: Pick<BuildResult, 'id' | 'metadata'>,
): Promise<void> => {
  if (flags.iidfile !== undefined) await writeFileAtomic(flags.iidfile, id, 0o644, false)
  const file = flags['metadata-file']
  if (file !== undefined) await writeFileAtomic(file, `${JSON.stringify(metadata, undefined, 2)}\n`, 0o644, false)
}

const usage = (message: string, hint?: string): GantryError =>
  new GantryError('invalid_argument', 'USAGE', message, hint === undefined ? {} : { hint })

type Fields = ReadonlyMap<string, string>

/** Reads `--output`, `--load`, `--push` and `--annotation` as buildx does. */
export const readOutputs = (
  flags: Pick<FlagValues<typeof outputFlags>, 'output' | 'annotation' | 'load' | 'push'>,
  platform: Platform,
): ReadOutputs => {
  const push = flags.push === true
  const own = flags.annotation.flatMap((text) => readAnnotation(text, platform))
  const fields = flags.output.map(outputFields)
  const read = fields.map((one) => withAnnotations(readOutput(one, platform), own))
  const image = (pushed: boolean): BuildOutput =>
    withAnnotations({ kind: 'image', names: [], push: pushed, mediaTypes: 'oci', annotations: [] }, own)
  const images = read.some(({ kind }) => kind === 'image')
  const all =
    push && images
      ? read.map((output) => (output.kind === 'image' ? { ...output, push: true } : output))
      : [...read, ...(push || (flags.load === true && !images) || read.length === 0 ? [image(push)] : [])]
  if (all.filter(toStandardOutput).length > 1) throw usage('only one output can be written to standard output')
  const isClock = fields.some((one) => flag(one, 'rewrite-timestamp') === false)
  return { outputs: all, ...(isClock ? { times: 'clock' } : {}) }
}

/** Whether an output goes to standard output. */
export const toStandardOutput = (output: BuildOutput): boolean =>
  (output.kind === 'tar' || output.kind === 'archive') && output.destination === undefined

const withAnnotations = (output: BuildOutput, own: readonly BuildAnnotation[]): BuildOutput =>
  'annotations' in output ? { ...output, annotations: [...output.annotations, ...own] } : output

/** `-o -` is a tar, `-o PATH` a folder, the rest `key=value,…`. */
const outputFields = (text: string): Fields => {
  const words = csvFields(text)
  const [only = ''] = words
  if (words.length === 1 && !only.includes('=')) {
    if (only === '') throw usage('invalid argument "" for "--output" flag: it is empty')
    return new Map(Object.entries(only === '-' ? { type: 'tar' } : { type: 'local', dest: only }))
  }
  const fields = new Map<string, string>()
  for (const word of words) {
    const equals = word.indexOf('=')
    if (equals < 1) throw usage(`invalid value ${JSON.stringify(word)} in --output: it must be key=value`)
    const key = word.slice(0, equals).trim()
    fields.set(key.startsWith('annotation') ? key : key.toLowerCase(), word.slice(equals + 1))
  }
  return fields
}

/** Of the image exporters, and of no use here: the store is always there, and what it needs is always done. */
const ignored = ['unpack', 'store', 'buildinfo', 'name-canonical', 'dangling-name-prefix', 'prefer-nondist-layers']
const imageKeys = [
  'name',
  'push',
  'compression',
  'compression-level',
  'force-compression',
  'oci-mediatypes',
  'rewrite-timestamp',
  ...ignored,
]
const keys: Readonly<Record<string, readonly string[]>> = {
  image: imageKeys,
  registry: imageKeys,
  oci: [...imageKeys, 'dest', 'tar'],
  docker: [...imageKeys, 'dest', 'tar', 'context'],
  local: ['dest', 'platform-split'],
  tar: ['dest', 'platform-split'],
  cacheonly: [],
}

const readOutput = (fields: Fields, platform: Platform): BuildOutput => {
  const type = fields.get('type')
  if (type === undefined)
    throw usage('type is required for output', 'write type=image, registry, local, tar, oci, docker or cacheonly')
  const known = Object.hasOwn(keys, type) ? keys[type] : undefined
  if (known === undefined)
    throw usage(`unknown output type: ${type}`, 'there are image, registry, local, tar, oci, docker and cacheonly')
  for (const key of fields.keys())
    if (key !== 'type' && !known.includes(key) && !(known.includes('name') && key.startsWith('annotation')))
      throw usage(`unknown attribute "${key}" of output type ${type}`, `it has ${known.join(', ') || 'none'}`)
  const dest = fields.get('dest') ?? ''
  const destination = dest === '' || dest === '-' ? {} : { destination: dest }
  const split = flag(fields, 'platform-split')
  const splitting = split === undefined ? {} : { split }
  switch (type) {
    case 'local':
      if (dest === '' || dest === '-') throw usage('dest is required for local exporter', 'write type=local,dest=FOLDER')
      return { kind: 'files', destination: dest, ...splitting }
    case 'tar':
      return { kind: 'tar', ...destination, ...splitting }
    case 'cacheonly':
      return { kind: 'nothing' }
  }
  const form = { names: names(fields), ...readForm(fields, platform) }
  if (type === 'image' || type === 'registry')
    return { kind: 'image', push: type === 'registry' || flag(fields, 'push') === true, ...form }
  if (type === 'docker' && dest === '') return { kind: 'image', push: false, ...form }
  if (flag(fields, 'tar') !== false) return { kind: 'archive', ...destination, ...form }
  if (destination.destination === undefined) throw usage(`dest is required for ${type} exporter with tar=false`)
  return { kind: 'layout', destination: dest, ...form }
}

const names = (fields: Fields): readonly string[] =>
  (fields.get('name') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')

const flag = (fields: Fields, key: string): boolean | undefined => {
  const text = fields.get(key)
  if (text === undefined) return undefined
  if (['true', '1'].includes(text)) return true
  if (['false', '0'].includes(text)) return false
  throw usage(`invalid value "${text}" for ${key} in --output: it must be true or false`)
}

const readForm = (fields: Fields, platform: Platform): ImageForm => {
  const compression = readCompression(fields)
  return {
    mediaTypes: flag(fields, 'oci-mediatypes') === false ? 'docker' : 'oci',
    annotations: [...fields].flatMap(([key, value]) =>
      key.startsWith('annotation') ? readAnnotation(`${annotationKey(key)}=${value}`, platform) : [],
    ),
    ...(compression === undefined ? {} : { compression }),
  }
}

/** `annotation.KEY`, `annotation-index[PLATFORM].KEY`: as `--annotation` writes it, `index[PLATFORM]:KEY`. */
const annotationKey = (key: string): string => {
  const [, type = '', name = ''] = /^annotation(?:-([a-z-]+(?:\[[^\]]*\])?)|(?:\[[^\]]*\])?)?\.(.+)$/s.exec(key) ?? []
  if (name === '')
    throw usage(`invalid annotation "${key}" in --output`, 'write annotation.KEY=VALUE or annotation-index.KEY=VALUE')
  const platform = /^annotation(\[[^\]]*\])/.exec(key)?.[1]
  return `${type === '' ? `manifest${platform ?? ''}` : type}:${name}`
}

const codecs: Readonly<Record<string, 'gzip' | 'zstd' | 'none'>> = {
  gzip: 'gzip',
  zstd: 'zstd',
  uncompressed: 'none',
  none: 'none',
}

const readCompression = (fields: Fields): CompressionOptions | undefined => {
  const name = fields.get('compression')
  const level = fields.get('compression-level')
  const force = flag(fields, 'force-compression')
  if (name === undefined && level === undefined && force === undefined) return undefined
  const compression = Object.hasOwn(codecs, name ?? 'gzip') ? codecs[name ?? 'gzip'] : undefined
  if (compression === undefined)
    throw usage(`unsupported layer compression type ${name}`, 'there are gzip, zstd and uncompressed')
  if (level === undefined) return { compression, forceCompression: force ?? false }
  const most = compression === 'none' ? 0 : compressionLevels[compression].most
  if (!/^\d{1,2}$/.test(level) || Number(level) < 1 || Number(level) > most)
    throw usage(`invalid compression-level ${level}: ${name ?? 'gzip'} has ${most === 0 ? 'none' : `1 to ${most}`}`)
  return { compression, compressionLevel: Number(level), forceCompression: force ?? false }
}

const levels = ['manifest', 'index', 'manifest-descriptor', 'index-descriptor'] as const

/** `[TYPE[PLATFORM],…:]KEY=VALUE`, as buildx takes it. */
const readAnnotation = (text: string, host: Platform): readonly BuildAnnotation[] => {
  const equals = text.indexOf('=')
  if (equals < 0) throw usage(`invalid annotation "${text}", expected key=value`)
  const value = text.slice(equals + 1)
  const [, types, key = ''] =
    /^(?:((?:[a-z-]+(?:\[[^\]]*\])?)(?:,[a-z-]+(?:\[[^\]]*\])?)*):)?(.*)$/s.exec(text.slice(0, equals)) ?? []
  if (key === '') throw usage(`invalid annotation "${text}": it has no key`)
  return (types ?? 'manifest').split(',').map((type) => {
    const [, name = '', platform] = /^([a-z-]+)(?:\[(.*)\])?$/.exec(type) ?? []
    const level = levels.find((one) => one === name)
    if (level === undefined) throw usage(`unknown annotation type "${name}"`, `there are ${levels.join(', ')}`)
    return { level, key, value, ...(platform === undefined ? {} : { platform: parsePlatform(platform, host) }) }
  })
}
