import { compare as compareVersions, parse as parseVersion, type SemVer } from 'semver'

/** Where a tag stands: `latest`, then plain versions, then versions with a suffix (`3.20-alpine`), then all that is no version. */
type Group = 'latest' | 'version' | 'variant' | 'other'
const groups: readonly Group[] = ['latest', 'version', 'variant', 'other']

interface RankedTag {
  readonly tag: string
  readonly group: Group
  readonly version?: SemVer
  /** The fourth number of a version that has one; `semver` knows three. */
  readonly fourth: number
  /** How many numbers were written: `3.20.0` is more than `3.20`. */
  readonly written: number
  readonly suffix: string
}

const numbered = /^v?(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?(?:([-_.+]?)([0-9a-z].*))?$/i
/** Words that make a version an earlier one and not another kind of image. */
const preRelease = /^((?:alpha|beta|rc|pre|preview|dev|snapshot|nightly|canary|next|m)(?:[._-]?\d+)*)(?:[-_.+](.*))?$/i

/** More than this without a dot is a date or the number of a build. */
const largestLoneNumber = 9999

const rank = (tag: string): RankedTag => {
  const other = { tag, group: tag === 'latest' ? 'latest' : 'other', fourth: 0, written: 0, suffix: '' } as const
  const found = numbered.exec(tag)
  if (found === null) return other
  const [, major = '', minor, patch, fourth, separator, rest = ''] = found
  const pre = preRelease.exec(rest)
  if (pre === null && rest !== '' && separator === '') return other
  if (minor === undefined && Number(major) > largestLoneNumber) return other
  const label = pre === null ? '' : `-${(pre[1] ?? '').replace(/[._-]?(\d+)/g, (_, digits) => `.${Number(digits)}`)}`
  const version = parseVersion(`${Number(major)}.${Number(minor ?? 0)}.${Number(patch ?? 0)}${label}`)
  if (version === null) return other
  const suffix = pre === null ? rest : (pre[2] ?? '')
  const written = [major, minor, patch, fourth].filter((number) => number !== undefined).length
  return { tag, group: suffix === '' ? 'version' : 'variant', version, fourth: Number(fourth ?? 0), written, suffix }
}

const { compare: compareText } = new Intl.Collator('en', { numeric: true })
const byCode = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const compareRanked = (a: RankedTag, b: RankedTag): number => {
  if (a.group !== b.group) return groups.indexOf(a.group) - groups.indexOf(b.group)
  if (a.version === undefined || b.version === undefined) return compareText(b.tag, a.tag) || byCode(b.tag, a.tag)
  return (
    compareVersions(b.version, a.version) ||
    b.fourth - a.fourth ||
    b.written - a.written ||
    compareText(a.suffix, b.suffix) ||
    byCode(a.tag, b.tag)
  )
}

/**
 * Tags in the order in which a person looks for one: `latest`, versions with the newest first (semver.org's order, pre-releases
 * before their release), the same with suffixes, then words, dates and hashes.
 */
export const newestFirst = (tags: readonly string[]): readonly string[] =>
  tags
    .map(rank)
    .toSorted(compareRanked)
    .map(({ tag }) => tag)

/** True for tags that stand for signatures, attestations and other referrers, and not for images (distribution-spec §Referrers Tag Schema, cosign). */
export const isReferrersTag = (tag: string): boolean => /^sha(?:256|512)-[0-9a-f]{64,128}(?:\.\w+)?$/.test(tag)
