import { GantryError } from '../lib/errors.ts'
import type { Platform } from './descriptor.ts'

const quoted = (text: string): string => JSON.stringify(text.slice(0, 200))

const operatingSystems = new Set(
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos'.split(
    ' ',
  ),
)
const architectures = new Set(
  (
    '386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ' +
    'ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm'
  ).split(' '),
)

const arm64Variants: Readonly<Record<string, string>> = { 8: '', v8: '', 'v8.0': '', 9: 'v9', '9.0': 'v9', 'v9.0': 'v9' }

/** Aliases and default variants of containerd's platforms package; a default variant is written as none, except arm's v7. */
const normalizeArchitecture = (architecture: string, variant: string): readonly [architecture: string, variant: string] => {
  switch (architecture) {
    case 'i386':
      return ['386', '']
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return ['amd64', variant === 'v1' ? '' : variant]
    case 'aarch64':
    case 'arm64':
      return ['arm64', arm64Variants[variant] ?? variant]
    case 'armhf':
      return ['arm', 'v7']
    case 'armel':
      return ['arm', 'v6']
    case 'arm':
      return ['arm', variant === '' ? 'v7' : /^[5-8]$/.test(variant) ? `v${variant}` : variant]
    default:
      return [architecture, variant]
  }
}

const normalizeOs = (os: string): string => (os === 'macos' ? 'darwin' : os)

/** The platform in the one spelling by which platforms are compared: lower case, no aliases, arm64 v8 and amd64 v1 without variant. */
export const normalizePlatform = (platform: Platform): Platform => {
  const [architecture, variant] = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    (platform.variant ?? '').toLowerCase(),
  )
  const features = [...new Set(platform['os.features'])].sort()
  return {
    os: normalizeOs(platform.os.toLowerCase()),
    architecture,
    ...(variant === '' ? {} : { variant }),
    ...(platform['os.version'] ? { 'os.version': platform['os.version'] } : {}),
    ...(features.length > 0 ? { 'os.features': features } : {}),
  }
}

/** What Node.js says of the machine: `process.arch`, `process.platform`, `os.endianness()`, the text of `/proc/cpuinfo`. */
export interface HostFacts {
  readonly arch: string
  readonly platform: string
  readonly endianness?: 'BE' | 'LE'
  /** Tells which arm a 32-bit process runs on; without it v7 is assumed. */
  readonly cpuinfo?: string
  /** `os.release()`; used on Windows only. */
  readonly release?: string
}

const nodeArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', mipsel: 'mipsle' }

const armVariant = (cpuinfo: string): string => {
  const field = (name: string): string =>
    new RegExp(`^${name}\\s*:\\s*(.*)$`, 'im').exec(cpuinfo)?.[1]?.trim().toLowerCase() ?? ''
  const version = field('cpu architecture')
  if (version === '8' || version === 'aarch64') return 'v8'
  // The first Raspberry Pi says 7 and is a 6.
  if (version.startsWith('7')) return field('model name').startsWith('armv6-compatible') ? 'v6' : 'v7'
  return /^[3-6]/.test(version) ? `v${version.slice(0, 1)}` : 'v7'
}

/** The platform of the machine that the facts are of, normalised. */
export const hostPlatform = (facts: HostFacts): Platform => {
  const os = facts.platform === 'win32' ? 'windows' : facts.platform
  const architecture =
    facts.arch === 'ppc64' ? (facts.endianness === 'BE' ? 'ppc64' : 'ppc64le') : (nodeArchitectures[facts.arch] ?? facts.arch)
  return normalizePlatform({
    os,
    architecture,
    ...(architecture === 'arm' && facts.cpuinfo !== undefined ? { variant: armVariant(facts.cpuinfo) } : {}),
    ...(os === 'windows' && facts.release !== undefined ? { 'os.version': facts.release } : {}),
  })
}

const invalid = (text: string, reason: string): GantryError =>
  new GantryError('invalid_argument', 'PLATFORM_INVALID', `Cannot parse platform ${quoted(text)}: ${reason}`, {
    hint: 'write it as OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, for example linux/arm64',
  })

const decodeOption = (text: string, option: string): string => {
  try {
    return decodeURIComponent(option)
  } catch {
    throw invalid(text, `invalid OS version or feature ${quoted(option)}`)
  }
}

interface SplitText {
  readonly parts: readonly string[]
  readonly version: string
  readonly features: readonly string[]
}

/** Takes `(VERSION+FEATURE)` behind the operating system or `:VERSION` at the end off the parts. */
const splitText = (text: string): SplitText => {
  const colon = text.indexOf(':')
  const parts = (colon === -1 ? text : text.slice(0, colon)).split('/')
  const [os = '', ...rest] = parts
  const trailing = colon === -1 ? '' : text.slice(colon + 1)
  if (colon !== -1 && !/^[\w.-]+$/.test(trailing)) throw invalid(text, `invalid OS version ${quoted(trailing)}`)
  const open = os.indexOf('(')
  if (open === -1) return { parts, version: trailing, features: [] }
  if (trailing !== '') throw invalid(text, 'two OS versions')
  const options = os.slice(open + 1, -1)
  if (!os.endsWith(')') || !/^[\w.%+-]*$/.test(options)) throw invalid(text, `invalid OS component ${quoted(os)}`)
  const [version = '', ...features] = options.split('+').map((option) => decodeOption(text, option))
  if (features.includes('')) throw invalid(text, `invalid OS component ${quoted(os)}`)
  return { parts: [os.slice(0, open), ...rest], version, features }
}

/**
 * Parses what users write after `--platform` into a normalised platform: `OS`, `ARCHITECTURE`, `OS/ARCHITECTURE[/VARIANT]`, where
 * the operating system may carry a version and features, `windows(10.0.17763+win32k)/amd64`, or the version stands at the end,
 * `windows/amd64:10.0.17763`. What one word leaves open comes from `host`. Anything else is an `invalid_argument` error.
 */
export const parsePlatform = (text: string, host: Platform): Platform => {
  const { parts, version, features } = splitText(text)
  const wrong = parts.find((part, index) => !(index === 0 ? /^[\w-]+$/ : /^[\w.-]+$/).test(part))
  if (wrong !== undefined || parts.length > 3)
    throw invalid(text, wrong === undefined ? 'too many components' : `invalid component ${quoted(wrong)}`)
  const [first = '', second, variant] = parts
  const options = { ...(version === '' ? {} : { 'os.version': version }), 'os.features': features }
  if (second !== undefined)
    return normalizePlatform({ os: first, architecture: second, ...(variant === undefined ? {} : { variant }), ...options })
  const os = normalizeOs(first.toLowerCase())
  if (operatingSystems.has(os)) {
    const { architecture, variant } = host
    return normalizePlatform({ os, architecture, ...(variant === undefined ? {} : { variant }), ...options })
  }
  const platform = normalizePlatform({ os: host.os, architecture: first, ...options })
  if (!architectures.has(platform.architecture)) throw invalid(text, 'unknown operating system or architecture')
  return platform
}

const encodeOption = (option: string): string =>
  option.replace(/[%+()/:]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)

/** `OS[(VERSION+FEATURE)]/ARCHITECTURE[/VARIANT]`, which parsePlatform() reads back; `unknown` without an operating system. */
export const formatPlatform = (platform: Platform): string => {
  if (platform.os === '') return 'unknown'
  const features = (platform['os.features'] ?? []).toSorted().map((feature) => `+${encodeOption(feature)}`)
  const options = encodeOption(platform['os.version'] ?? '') + features.join('')
  const os = options === '' ? platform.os : `${platform.os}(${options})`
  return [os, platform.architecture, platform.variant].filter((part) => part !== undefined && part !== '').join('/')
}

/** As formatPlatform(), with the variant that arm64 leaves out: `linux/arm64/v8`, as messages of docker print it. */
export const displayPlatform = (platform: Platform): string => {
  const normal = normalizePlatform(platform)
  return formatPlatform(normal.architecture === 'arm64' && normal.variant === undefined ? { ...normal, variant: 'v8' } : normal)
}
