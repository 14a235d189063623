import { readdirSync } from 'node:fs'
import { isGantryError, systemCode } from '../lib/errors.ts'
import { deleteContainer } from './container.ts'
import type { RuntimeTools } from './detect-runtime.ts'
import type { RunOnceOptions } from './interfaces.ts'
import { runOnce } from './run-once.ts'
import { Watchdog } from './watchdog.ts'

/** Runs the steps of builds, and sees to it that none outlives this process by long. */
export class StepRunner implements AsyncDisposable {
  readonly #tools: () => Promise<RuntimeTools>
  #watchdog: Watchdog | undefined

  constructor(tools: () => Promise<RuntimeTools>) {
    this.#tools = tools
  }

  /** As `runOnce`. */
  async run(options: RunOnceOptions): Promise<number> {
    const tools = await this.#tools()
    return await runOnce(tools, options, (this.#watchdog ??= Watchdog.start(tools)))
  }

  /** Kills the containers whose ids begin so: those of a process that is gone, and whose watchdog was killed too. */
  async killAll(prefix: string): Promise<void> {
    const tools = await this.#tools().catch((error: unknown) => {
      // where nothing can run, nothing does
      if (isGantryError(error, 'failed_precondition')) return undefined
      throw error
    })
    if (tools === undefined) return
    for (const id of namesIn(tools.stateFolder))
      if (id.startsWith(prefix)) await deleteContainer(tools, { id, folder: '/' }, { force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watchdog?.close()
    this.#watchdog = undefined
  }
}

const namesIn = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw error
  }
}
