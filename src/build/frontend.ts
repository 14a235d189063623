import type { Platform } from '../oci/descriptor.ts'
import { formatPlatform, normalizePlatform } from '../oci/platform.ts'
import type { OnBuildEvent } from './events.ts'
import type { ResolvedImage } from './plan/plan.ts'
import type { StageState } from './plan/stage-state.ts'
import type { KnownDigests } from './tree/known-digests.ts'
import type { Tree } from './tree/tree.ts'

/** What a frontend works with. */
export interface FrontendServices {
  readonly signal: AbortSignal
  readonly onEvent: OnBuildEvent
  /** What the image is for, at least one. */
  readonly platforms: readonly Platform[]
  readonly resolveImage: (reference: string, platform: Platform) => Promise<ResolvedImage>
  /** What earlier builds know of the files of a folder. */
  readonly digestsOf: (root: string) => KnownDigests
}

/** An image that a frontend wants: its files as a graph, the rest as data. */
export interface PlannedImage extends Pick<StageState, 'files' | 'config' | 'history' | 'base' | 'author'> {
  /** The date of all that is new, seconds since 1970. */
  readonly epoch?: number
}

export interface PlannedBuild {
  /** One for each platform. */
  readonly images: readonly PlannedImage[]
  /** The files of a ContextOp. */
  readonly tree: (name: string | undefined) => Promise<Tree>
}

/** What makes a build of something else than a Dockerfile. */
export interface Frontend {
  /** Tells builds of one folder apart. */
  readonly name: string
  plan(services: FrontendServices): Promise<PlannedBuild>
}

/** Platforms, each once; `fallback` where there are none. */
export const distinctPlatforms = (platforms: readonly Platform[] = [], fallback?: Platform): readonly Platform[] => {
  const all = platforms.length === 0 && fallback !== undefined ? [fallback] : platforms
  return [...new Map(all.map((platform) => [formatPlatform(normalizePlatform(platform)), platform])).values()]
}
