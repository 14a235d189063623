import type { CompressionOptions } from '../engine/images/compress.ts'
import { compressionLevels } from '../lib/compression.ts'
import { GantryError } from '../lib/errors.ts'
import type { FlagValues } from './flags.ts'

/** Flags of commands that images leave by. */
export const compressionFlags = {
  compression: {
    type: 'string',
    value: 'gzip|zstd|none',
    help: 'How layers are compressed (default gzip for those that are not)',
  },
  'compression-level': { type: 'string', value: 'N', help: 'From 1, fast, to 9 (gzip) or 19 (zstd), small (default 5, zstd 3)' },
  'force-compression': {
    type: 'boolean',
    help: 'Compress layers anew that are compressed otherwise (default true with --compression)',
  },
} as const

const usage = (message: string): GantryError => new GantryError('invalid_argument', 'USAGE', message)

/** What the flags say, as podman's push takes them: who names a compression wants all layers to have it. */
export const readCompression = (flags: FlagValues<typeof compressionFlags>): CompressionOptions => {
  const { compression, 'compression-level': level, 'force-compression': force = compression !== undefined } = flags
  if (compression !== undefined && compression !== 'gzip' && compression !== 'zstd' && compression !== 'none')
    throw usage(`invalid argument "${compression}" for "--compression" flag: it must be gzip, zstd or none`)
  return {
    ...(compression === undefined ? {} : { compression }),
    ...(level === undefined ? {} : { compressionLevel: readLevel(level, compression ?? 'gzip') }),
    forceCompression: force,
  }
}

const readLevel = (text: string, compression: 'gzip' | 'zstd' | 'none'): number => {
  if (compression === 'none') throw usage('the "--compression-level" flag makes no sense with --compression none')
  const { most } = compressionLevels[compression]
  const level = Number(text)
  if (!/^\d+$/.test(text) || level < 1 || level > most)
    throw usage(`invalid argument "${text}" for "--compression-level" flag: ${compression} has 1 to ${most}`)
  return level
}
