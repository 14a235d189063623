import { readFile } from 'node:fs/promises'

const capSysAdmin = 1n << 21n

/** Why this process may not mount what only the machine's root may, or undefined if it may. */
export const mountObstacle = async (): Promise<string | undefined> => {
  if (process.platform !== 'linux') return 'this needs Linux'
  const status = await readFile('/proc/self/status', 'utf8')
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'
  if ((BigInt(`0x${effective}`) & capSysAdmin) === 0n) return 'mounting needs root'
  // a map of all ids to themselves: no user namespace, or one that makes no difference
  const map = (await readFile('/proc/self/uid_map', 'utf8')).trim().split(/\s+/)
  return map.join(' ') === '0 0 4294967295' ? undefined : 'this is a user namespace'
}
