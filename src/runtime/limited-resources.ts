import { GantryError } from '../lib/errors.ts'
import type { HostFacts } from './host-facts.ts'
import type { ContainerSpec, ResourceLimits } from './interfaces.ts'
import type { RuntimeResources } from './runtime-spec.ts'

/** The least that docker lets a container have: 6 MiB. */
const leastMemory = 6 * 1024 * 1024

/** Control groups' settings for the limits of a container; undefined without limits. Limits that cannot be held to are refused. */
export const limitedResources = (
  { id, limits = {} }: Pick<ContainerSpec, 'id' | 'limits'>,
  host: Pick<HostFacts, 'cgroupsWritable' | 'limitsSwap'>,
): RuntimeResources | undefined => {
  if (Object.keys(limits).length === 0) return undefined
  const refuse = (reason: string, hint?: string): GantryError =>
    new GantryError(
      'invalid_argument',
      'LIMIT_INVALID',
      `Cannot limit container "${id}": ${reason}`,
      hint === undefined ? {} : { hint },
    )
  if (!host.cgroupsWritable)
    throw new GantryError(
      'failed_precondition',
      'NO_CGROUPS',
      `Cannot limit container "${id}": control groups cannot be made here`,
    )
  const { memory, memorySwap, cpuShares, cpuPeriod, cpuQuota, cpusetCpus, cpusetMems } = limits
  if (memory !== undefined && memory < leastMemory) throw refuse('Minimum memory limit allowed is 6MB')
  if (memorySwap !== undefined && memory === undefined)
    throw refuse('You should always set the Memory limit when using Memoryswap limit')
  if (memorySwap !== undefined && memorySwap !== -1 && memorySwap < (memory ?? 0))
    throw refuse('Minimum memoryswap limit should be larger than memory limit')
  const cpu = {
    ...(cpuShares === undefined ? {} : { shares: cpuShares }),
    ...(cpuPeriod === undefined ? {} : { period: cpuPeriod }),
    ...(cpuQuota === undefined ? {} : { quota: cpuQuota }),
    ...(cpusetCpus === undefined ? {} : { cpus: cpuset(cpusetCpus, refuse) }),
    ...(cpusetMems === undefined ? {} : { mems: cpuset(cpusetMems, refuse) }),
  }
  return {
    ...(memory === undefined ? {} : { memory: { limit: memory, ...swapLimit(limits, host.limitsSwap) } }),
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
  }
}

/** As docker has it: without a word about swap, as much of it again; nothing where it cannot be limited. */
const swapLimit = ({ memory = 0, memorySwap }: ResourceLimits, possible: boolean): { readonly swap?: number } =>
  possible ? { swap: memorySwap ?? memory * 2 } : {}

const cpuset = (text: string, refuse: (reason: string) => GantryError): string => {
  if (/^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/.test(text)) return text
  throw refuse(`Invalid value ${text} for cpuset`)
}
