import type { EntryChanges } from '../engine/manifests/edit-list.ts'
import { annotationsFlag } from './artifact-files.ts'
import type { FlagValues } from './flags.ts'

/** What a manifest list says of an image. */
export const entryFlags = {
  annotation: { type: 'list', value: 'KEY=VALUE', help: 'Annotate the entry; an empty value takes an annotation away' },
  arch: { type: 'string', help: 'Set the architecture' },
  os: { type: 'string', help: 'Set the operating system' },
  'os-features': { type: 'list', help: 'Set the features of the operating system' },
  'os-version': { type: 'string', help: 'Set the version of the operating system' },
  variant: { type: 'string', help: 'Set the variant of the architecture' },
} as const

export const entryChanges = (flags: FlagValues<typeof entryFlags>): EntryChanges => ({
  annotations: annotationsFlag(flags.annotation),
  osFeatures: flags['os-features'].flatMap((value) => value.split(',')),
  ...(flags.os === undefined ? {} : { os: flags.os }),
  ...(flags.arch === undefined ? {} : { architecture: flags.arch }),
  ...(flags.variant === undefined ? {} : { variant: flags.variant }),
  ...(flags['os-version'] === undefined ? {} : { osVersion: flags['os-version'] }),
})
