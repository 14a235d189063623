import type { ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDaemon, stopDaemon } from './tools/daemon.ts'

/** Debian's docker-registry on loopback, with its data below `folder`. */
export class PeerRegistry {
  readonly host: string
  readonly #folder: string
  #process: ChildProcess | undefined

  constructor(folder: string, port: number) {
    this.#folder = folder
    this.host = `127.0.0.1:${port}`
  }

  async start(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true })
    const config = join(this.#folder, 'config.yml')
    writeFileSync(
      config,
      `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: "${this.#folder}/data"}, delete: {enabled: true}, maintenance: {uploadpurging: {enabled: false}}}\nhttp: {addr: "${this.host}", secret: bench}\n`,
    )
    const ready = ['curl', '-sf', '-o', '/dev/null', `http://${this.host}/v2/`]
    const environment = { ...process.env, OTEL_TRACES_EXPORTER: 'none' }
    this.#process = await startDaemon(['docker-registry', 'serve', config], join(this.#folder, 'log'), ready, environment)
  }

  async stop(): Promise<void> {
    await stopDaemon(this.#process)
  }

  /** Takes away all that was pushed. */
  empty(): void {
    rmSync(join(this.#folder, 'data', 'docker'), { recursive: true, force: true })
  }
}
