import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** One timed command. Seconds of wall time; seconds of processor time and MiB at the peak include the tool's daemons. */
export interface Sample {
  readonly wall: number
  readonly cpu: number
  readonly peak: number
}

/** Runs a command to its end; a failure throws with the end of what it printed. */
export const must = (command: readonly string[], environment: NodeJS.ProcessEnv = process.env): string => {
  const result = spawnSync(command[0] ?? '', command.slice(1), {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
    encoding: 'utf8',
  })
  if (result.status !== 0)
    throw new Error(
      `${command.join(' ')} ended with ${result.status ?? result.signal ?? result.error?.message}: ${result.stderr.slice(-500)}`,
    )
  return result.stdout
}

/** Runs a command to its end and measures it, with what it makes `daemons` (process ids) do meanwhile. */
export const measure = (command: readonly string[], environment: NodeJS.ProcessEnv, daemons: readonly number[] = []): Sample => {
  const report = join(tmpdir(), `gantry-bench-${process.pid}`)
  const output = `${report}.out`
  spawnSync('sync')
  for (const pid of daemons) forgetPeak(pid)
  const before = sum(daemons, processorTime)
  const sink = openSync(output, 'w')
  const start = performance.now()
  const result = spawnSync('/usr/bin/time', ['-o', report, '-f', '%M %U %S', ...command], {
    env: environment,
    stdio: ['ignore', sink, sink],
  })
  const wall = (performance.now() - start) / 1000
  closeSync(sink)
  const last = readFileSync(report, 'utf8').trim().split('\n').at(-1) ?? ''
  const printed = readFileSync(output, 'utf8')
  rmSync(report, { force: true })
  rmSync(output, { force: true })
  if (result.status !== 0) throw new Error(`${command.join(' ')} ended with ${result.status}: ${printed.slice(-500)}`)
  const [kib = 0, user = 0, system = 0] = last.split(' ').map(Number)
  return {
    wall,
    cpu: user + system + sum(daemons, processorTime) - before,
    peak: kib / 1024 + sum(daemons, peakMemory),
  }
}

const sum = (pids: readonly number[], of: (pid: number) => number): number => pids.reduce((total, pid) => total + of(pid), 0)

const readProc = (pid: number, name: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}

/** Seconds that a process and its ended children have used; the kernel counts in hundredths (proc(5), /proc/pid/stat). */
const processorTime = (pid: number): number => {
  const fields = readProc(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
    .map(Number)
  return [11, 12, 13, 14].reduce((total, at) => total + (fields[at] ?? 0), 0) / 100
}

/** MiB that a process has had at most since `forgetPeak`. */
const peakMemory = (pid: number): number => Number(/^VmHWM:\s+(\d+)/m.exec(readProc(pid, 'status'))?.[1] ?? 0) / 1024

const forgetPeak = (pid: number): void => {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // another user's process: its peak is that of its life
  }
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}
