import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

// A registry that lacks a tool's packages for other platforms leaves them out of package-lock.json, and `npm ci` then refuses the file.
// This adds them by name and version, with the platform that their name says, so that they are skipped here and found elsewhere.
// Run it after `npm install` has changed the file.

interface Locked {
  readonly version?: string
  readonly dev?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const path = join(import.meta.dirname, '..', 'package-lock.json')
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Locked> }

const systems = new Set(['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'])
const processors = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64']

/** `os`, `cpu` and `libc` of a package named after its platform, such as `@oxfmt/binding-linux-arm64-musl`. */
const platformOf = (name: string): object | undefined => {
  const words = name.split(/[-/]/)
  const os = words.find((word) => systems.has(word))
  const cpu = processors.find((processor) => words.includes(processor))
  if (cpu === undefined || (os === undefined && cpu !== 'wasm32')) return undefined
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') ? ['glibc'] : undefined
  return { cpu: [cpu], ...(libc === undefined ? {} : { libc }), ...(os === undefined ? {} : { os: [os] }) }
}

for (const locked of Object.values(lock.packages))
  for (const [name, version] of Object.entries(locked.optionalDependencies ?? {})) {
    const platform = platformOf(name)
    if (lock.packages[`node_modules/${name}`] !== undefined || platform === undefined || !/^\d/.test(version)) continue
    lock.packages[`node_modules/${name}`] = {
      version,
      ...(locked.dev === true ? { dev: true } : {}),
      optional: true,
      ...platform,
    } as Locked
  }
const root = lock.packages['']
const sorted = Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : 1))
lock.packages = Object.fromEntries(root === undefined ? sorted : [['', root], ...sorted.filter(([name]) => name !== '')])
writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`)
