import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A program and the Debian package that has it. */
export type Requirement = readonly [program: string, debianPackage: string]

const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/lib/podman']

/** True if the program is on the PATH or where Debian puts it. */
export const has = (program: string): boolean =>
  folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })

const isDebian = (): boolean =>
  existsSync('/etc/os-release') && /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(readFileSync('/etc/os-release', 'utf8'))

const apt = (...args: readonly string[]): boolean =>
  spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=600', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    // the packages' own scripts start no services
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  }).status === 0

/** Installs what is missing on Debian and Ubuntu as root; elsewhere prints the command. Answers what is still missing. */
export const install = (requirements: readonly Requirement[], say: (line: string) => void): readonly string[] => {
  const missing = requirements.filter(([program]) => !has(program))
  if (missing.length === 0) return []
  const packages = [...new Set(missing.flatMap(([, name]) => name.split(' ')))]
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`
  if (isDebian() && process.getuid?.() === 0) {
    say(`$ ${command}`)
    const options = ['install', '-y', '-qq', '--no-install-recommends', ...packages]
    if (!apt(...options)) {
      apt('update', '-qq')
      apt(...options)
    }
  } else say(`Missing: ${missing.map(([program]) => program).join(', ')}. Install them, on Debian: sudo ${command}`)
  return missing.map(([program]) => program).filter((program) => !has(program))
}

/** What containers need. */
export const runtimeRequirements: readonly Requirement[] = [
  ['crun', 'crun'],
  ['conmon', 'conmon'],
]
