import { GantryError } from '../lib/errors.ts'
import type { HostFacts } from './host-facts.ts'
import type { RuntimeProcess } from './runtime-spec.ts'

const names = [
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
]

type Limit = RuntimeProcess['rlimits'][number]

/** A container's limits: docker's own for open files, replaced and added to by `ulimits` (`name=soft[:hard]`, -1 for none). */
export const resourceLimits = (ulimits: readonly string[], host: Pick<HostFacts, 'openFiles'>): readonly Limit[] => {
  const limits = new Map<string, Limit>()
  const add = (limit: Limit): unknown => limits.set(limit.type, limit)
  add({ type: 'RLIMIT_NOFILE', soft: Math.min(1024, host.openFiles), hard: Math.min(524_288, host.openFiles) })
  for (const text of ulimits) add(parseUlimit(text))
  return [...limits.values()]
}

/** `invalid_argument` in docker's words. */
export const parseUlimit = (text: string): Limit => {
  const [, name = '', softText = '', hardText] = /^([^=]*)=([^:]*)(?::(.*))?$/.exec(text) ?? []
  const [soft, hard] = [softText, hardText ?? softText].map((one) => (/^(?:-1|\d{1,19})$/.test(one) ? Number(one) : Number.NaN))
  if (name === '' || soft === undefined || hard === undefined || Number.isNaN(soft + hard))
    throw invalid(`invalid ulimit argument: ${text}`)
  if (!names.includes(name)) throw invalid(`invalid ulimit type: ${name}`, `there are ${names.join(', ')}`)
  if (hard !== -1 && (soft === -1 || soft > hard))
    throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`)
  return { type: `RLIMIT_${name.toUpperCase()}`, soft: kernelLimit(soft), hard: kernelLimit(hard) }
}

/** RLIM_INFINITY is all ones; JSON numbers that large are rounded up by one, so it goes as the largest that is exact. */
const kernelLimit = (limit: number): number => (limit === -1 ? Number.MAX_SAFE_INTEGER : limit)

const invalid = (message: string, hint?: string): GantryError =>
  new GantryError('invalid_argument', 'ULIMIT', message, hint === undefined ? {} : { hint })
