import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mapConcurrent } from '../../src/lib/concurrency.ts'
import { FaultyRoot, type Ended } from './gantry-process.ts'
import type { Fault } from './inject.ts'

export interface WalkOptions {
  readonly args: readonly string[]
  readonly action: Fault['action']
  /** Only these calls, by their names. */
  readonly calls?: RegExp
  /** `kind`: of calls of the same name on the same kind of file only the first. Default: every call. */
  readonly each?: 'call' | 'kind'
  /** Commands at a time. Default 2. */
  readonly parallel?: number
  /** A root folder to begin with. */
  readonly template?: string
  readonly environment?: NodeJS.ProcessEnv
  /** Checks what is left after the fault, and that the same can be done then. */
  readonly check: (root: FaultyRoot, ended: Ended, call: string) => Promise<void>
}

const begin = (template: string | undefined, environment?: NodeJS.ProcessEnv): FaultyRoot => {
  const root = new FaultyRoot(environment)
  if (template !== undefined) cpSync(template, root.root, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true })
  return root
}

/** Set to walk through every call where a test would do with each kind of call. */
const everything = process.env['GANTRY_TEST_EVERY_CALL'] === '1'

/** A call without what is different each time: its number, digests, random names. */
const kindOf = (call: string): string => call.replace(/^\d+ /, '').replace(/[0-9a-f]{12,}|\.\d+\./g, '*')

/** The calls of an undisturbed command that an action can be done to. */
const countCalls = async (
  { args, template, environment }: WalkOptions,
  fault: Omit<Fault, 'below'>,
): Promise<readonly string[]> => {
  await using root = begin(template, environment)
  const log = join(root.folder, 'calls')
  const { status, stderr } = await root.start(args, { ...fault, log }).ended
  assert.equal(status, 0, stderr)
  return readFileSync(log, 'utf8').trimEnd().split('\n')
}

/**
 * Runs a command again and again, each time with the fault at the next of the calls by which it changes something, and checks what is
 * left each time. Answers the number of calls that the fault was done to.
 */
export const walkCalls = async (options: WalkOptions): Promise<number> => {
  const { args, template, environment, check } = options
  const fault = { action: options.action, ...(options.calls && { calls: options.calls.source }) }
  const calls = await countCalls(options, fault)
  const seen = new Set<string>()
  const isNew = (call: string): boolean => seen.size < seen.add(kindOf(call)).size
  const chosen = calls.flatMap((call, index) => (options.each !== 'kind' || everything || isNew(call) ? [index + 1] : []))
  // threads do not take turns in the same way each time, so there may be some calls more
  const numbers = [...chosen, ...[1, 2, 3].map((more) => calls.length + more)]
  let hit = 0
  await mapConcurrent(numbers, options.parallel ?? 2, async (at) => {
    await using root = begin(template, environment)
    const log = join(root.folder, 'calls')
    const ended = await root.start(args, { ...fault, at, log }).ended
    const made = readFileSync(log, 'utf8').trimEnd().split('\n')
    if (made.length >= at) hit++
    const call = made[at - 1] ?? 'none'
    try {
      await check(root, ended, call)
    } catch (error) {
      throw new Error(`${fault.action} ${call}: ${String(error)}\n${made.slice(-6).join('\n')}\n${ended.stderr}`, {
        cause: error,
      })
    }
  })
  return hit
}
