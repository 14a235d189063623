import { spawn } from 'node:child_process'
import { GantryError, systemCode } from './errors.ts'
import type { Abortable } from './bytes.ts'

export interface ProcessResult {
  readonly status: number
  readonly stdout: Buffer
  readonly stderr: Buffer
}

export interface ProcessOptions extends Abortable {
  readonly input?: Uint8Array | string
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** Bytes kept of each stream; more is dropped. Default 16 MiB. */
  readonly maxOutput?: number
}

/** Runs a program to its end, never through a shell. A status other than 0 is a result, not an error; 128+n for a signal. A missing program is `not_found`. */
export const runProcess = (command: string, args: readonly string[], options: ProcessOptions = {}): Promise<ProcessResult> =>
  new Promise((resolve, reject) => {
    const { maxOutput = 16 * 1024 * 1024 } = options
    const child = spawn(command, args, {
      stdio: [options.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
    const keep = (): { readonly chunks: Buffer[]; readonly add: (chunk: Buffer) => void } => {
      const chunks: Buffer[] = []
      let size = 0
      return { chunks, add: (chunk) => void (size < maxOutput && (chunks.push(chunk), (size += chunk.length))) }
    }
    const stdout = keep()
    const stderr = keep()
    child.stdout?.on('data', stdout.add)
    child.stderr?.on('data', stderr.add)
    child.on('error', (cause) => {
      if (options.signal?.aborted === true) reject(new GantryError('canceled', 'CANCELED', `Canceled "${command}"`, { cause }))
      else if (systemCode(cause) === 'ENOENT')
        reject(new GantryError('not_found', 'PROGRAM_NOT_FOUND', `Cannot run "${command}": it is not installed`, { cause }))
      else reject(new GantryError('internal', 'PROGRAM_FAILED', `Cannot run "${command}": ${cause.message}`, { cause }))
    })
    child.on('close', (code, signal) =>
      resolve({
        status: code ?? 128 + (signalNumber(signal) ?? 0),
        stdout: Buffer.concat(stdout.chunks),
        stderr: Buffer.concat(stderr.chunks),
      }),
    )
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(options.input)
  })

const signalNumber = (signal: NodeJS.Signals | null): number | undefined =>
  signal === null ? undefined : (process.getBuiltinModule('node:os').constants.signals as Record<string, number>)[signal]
