import { parseDuration } from './duration.ts'
import { parseFlags } from './flags.ts'
import { commandLine, invalid, type InstructionRequest, type Parsed } from './instruction-request.ts'
import { cutBlanks } from './text.ts'

const shortest = 1_000_000

const interval = (name: string, text: string | undefined): number => {
  if (text === undefined || text === '') return 0
  const value = parseDuration(text)
  if (value !== 0 && value < shortest) throw invalid(`Interval "${name}" cannot be less than 1ms`)
  return value
}

const retriesOf = (text: string | undefined): number => {
  if (text === undefined || text === '') return 0
  if (!/^[+-]?\d{1,10}$/.test(text)) throw invalid(`--retries is not a number: "${text}"`)
  const value = Number(text)
  if (value < 0) throw invalid(`--retries cannot be negative (${value})`)
  if (value > 0x7fff_ffff) throw invalid(`--retries is out of range: "${text}"`)
  return value
}

const testOf = (rest: string): readonly string[] => {
  const command = commandLine(rest)
  const test = command.form === 'exec' ? ['CMD', ...command.args] : ['CMD-SHELL', command.command]
  if (test.length === 1 || (command.form === 'shell' && command.command === ''))
    throw invalid('Missing command after HEALTHCHECK CMD')
  return test
}

export const parseHealthcheck = (request: InstructionRequest): Parsed<'healthcheck'> => {
  const [word, rest = ''] = cutBlanks(request.rest)
  const type = word.toUpperCase()
  if (type === '') throw invalid('HEALTHCHECK requires at least one argument')
  if (type === 'NONE') {
    if (rest !== '') throw invalid('HEALTHCHECK NONE takes no arguments')
    return { kind: 'healthcheck', check: { Test: ['NONE'] } }
  }
  const flags = parseFlags(request.flags, {
    interval: 'text',
    timeout: 'text',
    'start-period': 'text',
    'start-interval': 'text',
    retries: 'text',
  })
  if (type !== 'CMD') throw invalid(`Unknown type "${type}" in HEALTHCHECK (try CMD)`)
  const numbers = {
    Interval: interval('interval', flags.interval),
    Timeout: interval('timeout', flags.timeout),
    StartPeriod: interval('start-period', flags['start-period']),
    StartInterval: interval('start-interval', flags['start-interval']),
    Retries: retriesOf(flags.retries),
  }
  const given = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0))
  return { kind: 'healthcheck', check: { Test: testOf(rest), ...given } }
}
