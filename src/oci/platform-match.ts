import type { Descriptor, Platform } from './descriptor.ts'
import { isAttestation } from './manifest.ts'
import { normalizePlatform } from './platform.ts'

const withVariants = (platform: Platform, variants: readonly string[]): readonly Platform[] =>
  variants.map((variant) => normalizePlatform({ ...platform, variant }))

/** `v8.4` → [8, 4]; `v8` → [8, 0]; anything else undefined. */
const versionOf = (variant: string): readonly [major: number, minor: number] | undefined => {
  const found = /^v(\d{1,3})(?:\.(\d{1,2}))?$/.exec(variant)
  return found === null ? undefined : [Number(found[1]), Number(found[2] ?? 0)]
}

/** v3 → v2, v1: the versions below one, down to `lowest`. */
const below = (major: number, lowest: number): readonly string[] =>
  Array.from({ length: Math.max(0, major - lowest) }, (_, index) => `v${major - 1 - index}`)

const minorsBelow = (major: number, minor: number): readonly string[] =>
  Array.from({ length: minor }, (_, index) => `v${major}.${minor - 1 - index}`)

const arm64Below = (variant: string): readonly string[] => {
  const [major, minor] = versionOf(variant) ?? [0, 0]
  // v9.x took v8.(x+5) in, Arm Architecture Reference Manual A2.
  if (major === 9) return [...minorsBelow(9, minor), `v8.${minor + 5}`, ...minorsBelow(8, minor + 5)]
  return major === 8 ? minorsBelow(8, minor) : []
}

/** The platforms whose images a machine of this platform can run, best first, normalised (containerd platforms, compare.go). */
export const platformVector = (platform: Platform): readonly Platform[] => {
  const wanted = normalizePlatform(platform)
  const { variant = '', ...rest } = wanted
  const [major] = versionOf(variant) ?? [0]
  switch (wanted.architecture) {
    case 'amd64':
      return [wanted, ...withVariants(rest, below(major, 1)), { ...rest, architecture: '386' }]
    case 'arm':
      return [wanted, ...withVariants(rest, below(major, 5))]
    case 'arm64':
      return [
        wanted,
        ...withVariants(rest, arm64Below(variant)),
        ...withVariants({ ...rest, architecture: 'arm' }, ['v8', 'v7', 'v6', 'v5']),
      ]
    default:
      return [wanted]
  }
}

/** Windows releases from which on newer hosts run older containers, ascending: Server 2022 and Server 2025. */
const stableWindowsBuilds = [20348, 26100] as const

const windowsVersion = (text: string): readonly number[] | undefined => {
  const numbers = text.split('.').map(Number)
  return numbers.length >= 3 && numbers.every((number) => Number.isSafeInteger(number) && number >= 0) ? numbers : undefined
}

/** A host before Server 2022 runs its own build only; later ones run from the previous long-term release up to their own build. */
const windowsRuns = (host: string | undefined, image: string | undefined): boolean => {
  if (host === undefined || image === undefined) return true
  const [hostMajor, hostMinor, hostBuild = 0] = windowsVersion(host) ?? []
  const [major, minor, build = 0] = windowsVersion(image) ?? []
  if (hostMajor === undefined || hostMajor !== major || hostMinor !== minor) return false
  const [oldestStable] = stableWindowsBuilds
  if (hostBuild < oldestStable) return build === hostBuild
  const from = stableWindowsBuilds.findLast((stable) => stable < hostBuild) ?? oldestStable
  return build >= from && build <= hostBuild
}

const matches = (wanted: Platform, candidate: Platform): boolean =>
  wanted.os === candidate.os &&
  wanted.architecture === candidate.architecture &&
  (wanted.variant ?? '') === (candidate.variant ?? '') &&
  (wanted.os !== 'windows' || windowsRuns(wanted['os.version'], candidate['os.version'])) &&
  (candidate['os.features'] ?? []).every((feature) => wanted['os.features']?.includes(feature) === true)

/** Descending; images without a version last. */
const byWindowsVersion = (a: Descriptor, b: Descriptor): number => {
  const left = windowsVersion(a.platform?.['os.version'] ?? '') ?? []
  const right = windowsVersion(b.platform?.['os.version'] ?? '') ?? []
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (right[index] ?? -1) - (left[index] ?? -1)
    if (difference !== 0) return difference
  }
  return 0
}

export interface MatchOptions {
  /** Only the platform itself and no other that the machine can run: for a platform that the user asked for. */
  readonly strict?: boolean
}

/**
 * The entries of an index that serve a platform, best first, and among equals in the order of the index. Entries without a platform
 * come last, since only their config or nested index tells what they are. Attestations and other entries for no platform are left out.
 */
export const rankPlatforms = (
  wanted: Platform,
  candidates: readonly Descriptor[],
  options: MatchOptions = {},
): readonly Descriptor[] => {
  const vector = options.strict === true ? [normalizePlatform(wanted)] : platformVector(wanted)
  const images = candidates.filter((candidate) => !isAttestation(candidate))
  const known = images.map((descriptor) => ({
    descriptor,
    platform: descriptor.platform === undefined ? undefined : normalizePlatform(descriptor.platform),
  }))
  const ranked = vector.flatMap((platform) => {
    const equals = known.filter((entry) => entry.platform !== undefined && matches(platform, entry.platform))
    const descriptors = equals.map(({ descriptor }) => descriptor)
    return platform.os === 'windows' ? descriptors.sort(byWindowsVersion) : descriptors
  })
  return [...ranked, ...images.filter(({ platform }) => platform === undefined)]
}

/** The entry of an index that serves a platform best, or undefined if none does. */
export const matchPlatform = (
  wanted: Platform,
  candidates: readonly Descriptor[],
  options: MatchOptions = {},
): Descriptor | undefined => rankPlatforms(wanted, candidates, options)[0]

/** True if an image of platform `image` is what was asked for: with `strict` exactly, else anything that a machine of `wanted` runs. */
export const servesPlatform = (wanted: Platform, image: Platform, options: MatchOptions = {}): boolean => {
  const normal = normalizePlatform(image)
  const vector = options.strict === true ? [normalizePlatform(wanted)] : platformVector(wanted)
  return vector.some((platform) => matches(platform, normal))
}
