import { chmodSync, chownSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mount } from '../lib/mount.ts'
import type { ContainerMount, RunOnceOptions } from './interfaces.ts'
import type { RuntimeSpec } from './runtime-spec.ts'

/**
 * The secrets of a container: a tmpfs in its mount namespace, so that they never come to a disk and nobody outside sees them. Without
 * secrets it is nothing.
 */
export class PrivateFolder {
  readonly #folder: string
  readonly #options: Pick<RunOnceOptions, 'privateEnv' | 'privateFiles'>
  readonly #needed: boolean

  private constructor(folder: string, options: Pick<RunOnceOptions, 'privateEnv' | 'privateFiles'>) {
    this.#folder = folder
    this.#options = options
    this.#needed = (options.privateEnv ?? []).length + (options.privateFiles ?? []).length > 0
  }

  static async open(options: RunOnceOptions): Promise<PrivateFolder> {
    const folder = new PrivateFolder(join(options.bundle, 'private'), options)
    if (folder.#needed) await mkdir(folder.#folder, { mode: 0o700 })
    return folder
  }

  /** What the namespace needs. */
  get mounts(): readonly Mount[] {
    return this.#needed ? [{ kind: 'tmpfs', target: this.#folder }] : []
  }

  /** What the container needs. */
  get containerMounts(): readonly ContainerMount[] {
    return (this.#options.privateFiles ?? []).map(({ target, mode }, index) => ({
      kind: 'bind',
      source: this.#path(index),
      target,
      options: ['bind', 'rprivate', 'ro', 'nosuid', 'nodev', ...((mode & 0o111) === 0 ? ['noexec'] : [])],
    }))
  }

  /** Writes everything; to be called in the namespace. Answers the bundle to run instead, if there are private variables. */
  write(spec: RuntimeSpec): string | undefined {
    const { privateEnv = [], privateFiles = [] } = this.#options
    for (const [index, { bytes, mode, uid, gid }] of privateFiles.entries()) {
      const path = this.#path(index)
      writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 })
      chownSync(path, uid, gid)
      chmodSync(path, mode)
    }
    if (privateEnv.length === 0) return undefined
    const { process: program } = spec
    const whole = { ...spec, process: { ...program, env: withVariables(program.env, privateEnv) } }
    writeFileSync(join(this.#folder, 'config.json'), JSON.stringify(whole), { mode: 0o600 })
    return this.#folder
  }

  #path(index: number): string {
    return join(this.#folder, `file-${index}`)
  }
}

const withVariables = (env: readonly string[], more: readonly string[]): readonly string[] => {
  const nameOf = (one: string): string => one.slice(0, one.indexOf('='))
  const names = new Set(more.map(nameOf))
  return [...env.filter((one) => !names.has(nameOf(one))), ...more]
}
