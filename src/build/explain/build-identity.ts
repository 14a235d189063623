import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Platform } from '../../oci/descriptor.ts'
import { formatPlatform } from '../../oci/platform.ts'
import { isRemoteContext } from '../context-source.ts'
import { redactSources } from '../sources/redact-sources.ts'
import type { BuildIdentity } from './build-history.ts'

export interface IdentityOptions {
  /** A folder; anything else is a stream or nothing. */
  readonly context?: unknown
  readonly dockerfile?: unknown
  readonly target?: string
  readonly platforms?: readonly Platform[]
}

/** Which build this is when it is done again: the folder, the Dockerfile, the target and the platforms. */
export const buildIdentity = (options: IdentityOptions, ownPlatform: Platform): BuildIdentity => {
  const { context, dockerfile, target = '', platforms = [] } = options
  return {
    ...(typeof context === 'string' ? { context: isRemoteContext(context) ? redactSources(context) : realPath(context) } : {}),
    dockerfile: typeof dockerfile === 'string' ? fileIn(context, dockerfile) : dockerfile === undefined ? '' : '-',
    target,
    platform: (platforms.length === 0 ? [ownPlatform] : platforms).map(formatPlatform).join(','),
  }
}

/** A file of this machine, unless it is in a tar; the default one and its own name are the same. */
const fileIn = (context: unknown, dockerfile: string): string => {
  if (typeof context !== 'string' || isRemoteContext(context)) return redactSources(dockerfile)
  const path = realPath(dockerfile)
  return path === realPath(resolve(context, 'Dockerfile')) ? '' : path
}

const realPath = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}
