import { GantryError } from '../lib/errors.ts'

/** Every capability, at the place of its number (linux/capability.h). */
export const capabilityNames: readonly string[] = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`)

/** What docker gives a container that asks for nothing. */
export const defaultCapabilities: readonly string[] =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`)

/** The names of a capability mask as /proc/PID/status prints it (hexadecimal). */
export const capabilitiesOfMask = (mask: string): readonly string[] => {
  const bits = /^[0-9a-f]{1,16}$/i.test(mask) ? BigInt(`0x${mask}`) : 0n
  return capabilityNames.filter((_, bit) => ((bits >> BigInt(bit)) & 1n) === 1n)
}

export interface CapabilityChoice {
  readonly privileged?: boolean
  readonly add?: readonly string[]
  readonly drop?: readonly string[]
}

/**
 * The capabilities of a container: docker's default set, with `--cap-add` and `--cap-drop` (with or without `CAP_`, any case,
 * or `ALL`), never more than `available`. What was asked for by name and is not available is left out too, as docker's peers
 * do on such machines. An unknown name is `invalid_argument`.
 */
export const chooseCapabilities = (choice: CapabilityChoice, available: readonly string[]): readonly string[] => {
  if (choice.privileged === true) return available
  const add = normalize(choice.add ?? [])
  const drop = normalize(choice.drop ?? [])
  const kept = (names: readonly string[]): readonly string[] => names.filter((name) => !drop.has(name))
  const wanted = new Set(add.has('ALL') ? kept(capabilityNames) : drop.has('ALL') ? add : [...kept(defaultCapabilities), ...add])
  return available.filter((name) => wanted.has(name))
}

const normalize = (names: readonly string[]): ReadonlySet<string> =>
  new Set(
    names.map((name) => {
      const upper = name.toUpperCase()
      if (upper === 'ALL') return upper
      const full = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
      if (capabilityNames.includes(full)) return full
      throw new GantryError('invalid_argument', 'UNKNOWN_CAPABILITY', `Cannot use capability "${name}": unknown capability`, {
        hint: 'see capabilities(7) for the names',
      })
    }),
  )
