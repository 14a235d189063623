import type { Case, Results, Target } from './case.ts'
import { median } from './measure.ts'

const seconds = (value: number): string => (value < 10 ? value.toFixed(3) : value.toFixed(1)).padStart(9)

export const head = `${'case'.padEnd(20)}${'tool'.padEnd(12)}${['median s', 'min s', 'max s', 'cpu s', 'peak MiB'].map((name) => name.padStart(9)).join('')}${'gantry / tool'.padStart(15)}`

/** A line a tool: wall times, processor time and peak memory at the median, and gantry's median over the tool's. */
export const table = (name: string, results: Results): string => {
  const base = median((results.get('gantry') ?? []).map(({ wall }) => wall))
  const rows = [...results].map(([tool, samples]) => {
    const walls = samples.map(({ wall }) => wall)
    const cpu = median(samples.map((sample) => sample.cpu))
    const peak = Math.max(...samples.map((sample) => sample.peak))
    const times = [median(walls), Math.min(...walls), Math.max(...walls), cpu].map(seconds).join('')
    return `${name.padEnd(20)}${tool.padEnd(12)}${times}${peak.toFixed(0).padStart(9)}${(base / median(walls)).toFixed(2).padStart(15)}`
  })
  return rows.join('\n')
}

/** Each target of a case beside the figure that was reached; a case that was not measured has none. */
export const verdicts = ({ name, targets = [] }: Case, results: Results): readonly string[] =>
  targets.flatMap((target) => {
    const own = results.get('gantry')
    const fastest = fastestOf(target, results)
    if (own === undefined || fastest === undefined) return []
    const ratio = median(own.map(({ wall }) => wall)) / fastest.wall
    const word = ratio <= target.ratio ? 'reached' : 'missed'
    return [
      `${name.padEnd(20)}${`${ratio.toFixed(2)} of ${fastest.tool}`.padEnd(20)}${`at most ${target.ratio}`.padEnd(14)}${word}`,
    ]
  })

const fastestOf = ({ to }: Target, results: Results): { readonly tool: string; readonly wall: number } | undefined =>
  to
    .flatMap((tool) => {
      const samples = results.get(tool)
      return samples === undefined || samples.length === 0 ? [] : [{ tool, wall: median(samples.map(({ wall }) => wall)) }]
    })
    .toSorted((a, b) => a.wall - b.wall)[0]
