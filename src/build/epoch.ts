import { GantryError } from '../lib/errors.ts'
import type { Dockerfile } from './dockerfile/instruction.ts'
import type { BuildTimes } from './execute/executor.ts'

/** What a build argument SOURCE_DATE_EPOCH says: a number of seconds, or where to take it from. */
export type EpochSource =
  | { readonly kind: 'number'; readonly seconds: number }
  | { readonly kind: 'context' }
  | { readonly kind: 'stage'; readonly name: string }

export const epochArgument = 'SOURCE_DATE_EPOCH'

/**
 * The limit on times that a build is given, by its argument or else by the ARG of that name before the first FROM (BuildKit
 * docs/build-repro.md). Undefined for none; `invalid_argument` for what is neither a number nor `context` nor a stage.
 */
export const epochSource = (
  buildArgs: Readonly<Record<string, string>>,
  { args, stages }: Pick<Dockerfile, 'args' | 'stages'>,
): EpochSource | undefined => {
  const own = args.flatMap((instruction) => instruction.args).findLast(({ key }) => key === epochArgument)?.value
  const text = Object.hasOwn(buildArgs, epochArgument) ? buildArgs[epochArgument] : own
  if (text === undefined || text === '') return undefined
  if (/^\d{1,11}$/.test(text)) return { kind: 'number', seconds: Number(text) }
  if (text === 'context') return { kind: 'context' }
  if (stages.some(({ from }) => from.alias === text.toLowerCase())) return { kind: 'stage', name: text }
  throw new GantryError('invalid_argument', 'EPOCH_INVALID', `Cannot build: invalid ${epochArgument}: ${text}`, {
    hint: 'give seconds since 1970, "context", or the name of a stage',
  })
}

/** Where times come from: the limit if there is one, else the sources, unless a build asks for the clock's. */
export const buildTimes = (epoch: number | undefined, wanted: 'clock' | undefined, now: () => Date): BuildTimes => {
  if (epoch !== undefined) return { kind: 'fixed', epoch }
  return wanted === 'clock' ? { kind: 'clock', now: Math.floor(now().getTime() / 1000) } : { kind: 'sources' }
}
