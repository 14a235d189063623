import { readFileSync } from 'node:fs'

/** What this process may mount: everything; what a user namespace allows (overlays and binds, no EROFS); or nothing. */
export type MountRights = 'all' | 'namespace' | 'none'

const capSysAdmin = 1n << 21n

export const mountRights = async (): Promise<MountRights> => {
  if (process.platform !== 'linux') return 'none'
  const status = readFileSync('/proc/self/status', 'utf8')
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  if ((BigInt(`0x${effective}`) & capSysAdmin) === 0n) return 'none'
  // a map of all ids to themselves: no user namespace, or one that makes no difference
  const map = readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)
  return map.join(' ') === '0 0 4294967295' ? 'all' : 'namespace'
}
