import { hasWildcard, matchGlob, parseGlob } from '../../build/glob.ts'
import { GantryError } from '../../lib/errors.ts'
import { creationTime } from '../../oci/creation-time.ts'
import { familiarName, familiarString, formatReference, parseReference, repositoryName } from '../../oci/reference.ts'
import type { Engine } from '../engine.ts'
import { parseUntil } from '../until.ts'
import type { ListedImage } from './list.ts'
import { findImage } from './lookup.ts'

/** An image as the filters leave it, or undefined if they leave nothing. */
type Filter = (image: ListedImage) => ListedImage | undefined

const keepIf =
  (condition: (image: ListedImage) => boolean): Filter =>
  (image) =>
    condition(image) ? image : undefined

/**
 * Images that pass all of docker's filters, `NAME=VALUE` each: `dangling`, `label`, `before`, `since`, `until`, `reference`. Of an
 * image that some of its names let through, those names stay. Unknown filters are `invalid_argument`.
 */
export const filterImages = async (
  engine: Engine,
  images: readonly ListedImage[],
  words: readonly string[],
): Promise<readonly ListedImage[]> => {
  const values = groupFilters(words)
  const filters: Filter[] = []
  for (const [name, texts] of values) filters.push(await makeFilter(engine, name, texts))
  return images.flatMap((image) => {
    let left: ListedImage | undefined = image
    for (const filter of filters) left = left === undefined ? undefined : filter(left)
    return left === undefined ? [] : [left]
  })
}

const groupFilters = (words: readonly string[]): ReadonlyMap<string, readonly string[]> => {
  const values = new Map<string, string[]>()
  for (const word of words) {
    const at = word.indexOf('=')
    if (at < 0)
      throw new GantryError(
        'invalid_argument',
        'USAGE',
        `invalid argument "${word}" for "-f, --filter" flag: bad format of filter (expected name=value)`,
      )
    const name = word.slice(0, at).trim().toLowerCase()
    values.set(name, [...(values.get(name) ?? []), word.slice(at + 1).trim()])
  }
  return values
}

const invalid = (text: string): GantryError =>
  new GantryError('invalid_argument', 'FILTER_INVALID', `Cannot list images: invalid filter '${text}'`, {
    hint: 'dangling, label, before, since, until and reference are known',
  })

const makeFilter = async (engine: Engine, name: string, texts: readonly string[]): Promise<Filter> => {
  switch (name) {
    case 'dangling':
      return danglingFilter(texts)
    case 'label':
      return keepIf((image) => texts.every((text) => hasLabel(image, text)))
    case 'reference':
      return referenceFilter(texts)
    case 'before':
    case 'since':
      return await timeFilter(engine, name, texts)
    case 'until': {
      const limits = texts.map((text) => parseUntil(text, engine.options.now()))
      return keepIf((image) => limits.every((limit) => createdOf(image) < limit))
    }
    default:
      throw invalid(name)
  }
}

/** An image that is known only by its digest is dangling too, to docker. */
const danglingFilter = (texts: readonly string[]): Filter => {
  const wanted = texts.map((text) => {
    if (/^(?:1|t|true)$/i.test(text)) return true
    if (/^(?:0|f|false)$/i.test(text)) return false
    throw invalid(`dangling=[${text}]`)
  })
  const isDangling = (image: ListedImage): boolean => image.names.every((name) => parseReference(name).tag === undefined)
  return keepIf((image) => wanted.every((dangling) => dangling === isDangling(image)))
}

const hasLabel = ({ image }: ListedImage, text: string): boolean => {
  const labels = image.config.config?.Labels ?? {}
  const at = text.indexOf('=')
  const name = at < 0 ? text : text.slice(0, at)
  return Object.hasOwn(labels, name) && (at < 0 || labels[name] === text.slice(at + 1))
}

/** Patterns of Go's path.Match over a name as users write it, with or without its tag; without wildcards over the full one too. Any will do. */
const referenceFilter = (patterns: readonly string[]): Filter => {
  const globs = patterns.map((pattern) => ({ glob: parseGlob(pattern, false), isPattern: hasWildcard(pattern) }))
  const matches = (name: string): boolean => {
    const reference = parseReference(name)
    const short = [familiarString(reference), familiarName(reference)]
    const all = [...short, formatReference(reference), repositoryName(reference)]
    return globs.some(({ glob, isPattern }) => (isPattern ? short : all).some((form) => matchGlob(glob, form)))
  }
  return (image) => {
    const names = image.names.filter(matches)
    return names.length === 0 ? undefined : { ...image, names }
  }
}

const timeFilter = async (engine: Engine, name: 'before' | 'since', texts: readonly string[]): Promise<Filter> => {
  const limits: number[] = []
  for (const text of texts) limits.push(createdOf(await findImage(engine, text)))
  return keepIf((image) => {
    const created = createdOf(image)
    return limits.every((limit) => (name === 'before' ? created < limit : created > limit))
  })
}

const createdOf = ({ image }: Pick<ListedImage, 'image'>): number => creationTime(image.config.created) ?? 0
