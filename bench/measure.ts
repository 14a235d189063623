import { spawnSync } from 'node:child_process'

/** Runs a command to its end and times it; a failure throws with what it printed. */
export const time = (command: readonly string[], environment: NodeJS.ProcessEnv): number => {
  spawnSync('sync')
  const start = performance.now()
  const result = spawnSync(command[0] ?? '', command.slice(1), {
    env: environment,
    stdio: ['ignore', 'ignore', 'pipe'],
    maxBuffer: 1 << 26,
  })
  const seconds = (performance.now() - start) / 1000
  if (result.status !== 0)
    throw new Error(
      `${command.join(' ')} ended with ${result.status ?? result.signal ?? result.error?.message}: ${result.stderr.toString().slice(-500)}`,
    )
  return seconds
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}

/** One line a tool: median, least, most, and the median over gantry's. */
export const table = (name: string, results: ReadonlyMap<string, readonly number[]>): string => {
  const base = median(results.get('gantry') ?? [])
  const rows = [...results].map(([tool, values]) => {
    const cell = (value: number): string => (value < 10 ? value.toFixed(3) : value.toFixed(1)).padStart(9)
    return `${name.padEnd(24)}${tool.padEnd(12)}${cell(median(values))}${cell(Math.min(...values))}${cell(Math.max(...values))}${(base / median(values)).toFixed(2).padStart(14)}`
  })
  return rows.join('\n')
}

export const tableHead = `${'case'.padEnd(24)}${'tool'.padEnd(12)}${'median s'.padStart(9)}${'min s'.padStart(9)}${'max s'.padStart(9)}${'gantry / tool'.padStart(14)}`
