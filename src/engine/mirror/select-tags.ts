import { compare, parse, Range, type SemVer } from 'semver'
import { GantryError } from '../../lib/errors.ts'
import { filterNames, type NameFilter } from './pattern.ts'

/** Which tags of a repository are wanted. */
export interface TagFilter extends NameFilter {
  /** Only versions in this range of npm's kind (`>=3.18 <4`); tags that are no versions are left out. */
  readonly range?: string
  /** Only so many, the newest versions first; tags that are no versions count as older, in the order of their names. */
  readonly newest?: number
}

/** Tags by which clients keep referrers; they are copied with what they refer to. */
const referrersTag = /^sha(?:256|512)-[0-9a-f]{64}/

/** The tags that a filter lets through: newest first if only so many are wanted, else in the registry's order. */
export const selectTags = (tags: readonly string[], filter: TagFilter): readonly string[] => {
  const { range: rangeText, newest } = filter
  const range = rangeText === undefined ? undefined : parseRange(rangeText)
  const inRange = (tag: string): boolean => {
    const version = versionOf(tag)
    return range === undefined || (version !== undefined && range.test(version))
  }
  const images = tags.filter((tag) => !referrersTag.test(tag))
  const found = filterNames(images, filter).filter(inRange)
  return newest === undefined ? found : found.toSorted(byVersion).slice(0, newest)
}

/** A range of versions; `invalid_argument` for a text that is none. */
export const parseRange = (text: string): Range => {
  try {
    return new Range(text)
  } catch (cause) {
    throw new GantryError('invalid_argument', 'RANGE_INVALID', `Cannot use "${text}" as a range of versions`, {
      cause,
      hint: 'for example >=3.18, ^1.2 or 1.x || 2.x',
    })
  }
}

/** `v1.2.3-rc1`, and as many images have it `1.2` and `1`: what is missing is 0. */
export const versionOf = (tag: string): SemVer | undefined => {
  const [, major, minor = '0', patch = '0', rest = ''] =
    /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(-[\w.-]+)?$/.exec(tag) ?? []
  if (major === undefined) return undefined
  const numbers = [major, minor, patch].map(Number).join('.')
  return parse(`${numbers}${rest.replaceAll('_', '-')}`) ?? undefined
}

const byVersion = (a: string, b: string): number => {
  const [first, second] = [versionOf(a), versionOf(b)]
  if (first === undefined || second === undefined)
    return first === second ? b.localeCompare(a, 'en', { numeric: true }) : first === undefined ? 1 : -1
  return compare(second, first) || b.length - a.length
}
