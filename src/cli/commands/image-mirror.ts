import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseSource, parseTarget, readMirrorFile } from '../../engine/mirror/mirror-file.ts'
import type { Mirror } from '../../engine/mirror/mirror.ts'
import { runMirrors, type MirrorResult } from '../../engine/mirror/run-mirror.ts'
import { GantryError, isGantryError, messageOf, systemCode } from '../../lib/errors.ts'
import { defineCommand, type CliContext } from '../command.ts'
import type { FlagValues } from '../flags.ts'
import { platformsFlag } from '../location-argument.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

const choiceFlags = {
  deny: { type: 'list', value: 'PATTERN', help: 'Leave tags out: a glob, or /a regular expression/' },
  newest: { type: 'string', value: 'NUMBER', help: 'Only so many tags, the newest versions first' },
  platform: { type: 'list', help: 'Only these platforms' },
  range: { type: 'string', value: 'RANGE', help: "Only tags that are versions in a range, for example '>=3.18 <4'" },
  referrers: { type: 'boolean', help: 'Copy what refers to the images too' },
  tag: { type: 'list', value: 'PATTERN', help: 'Only these tags: a glob, or /a regular expression/' },
} as const

export const command = defineCommand({
  usage: 'image mirror [OPTIONS] FILE | SOURCE TARGET',
  summary: `Copy repositories to another registry or an OCI layout: what differs, and nothing else. FILE (TOML or JSON) lists what to copy,
with the keys of the options: see docs/mirror.md`,
  flags: {
    ...choiceFlags,
    'dry-run': { type: 'boolean', help: 'Only say what would be copied' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only what changed' },
    progress: progressFlag,
    ...registryFlags,
  },
  arity: [1, 2],
  examples: [
    'gantry image mirror mirror.toml',
    "gantry image mirror --newest 3 --tag '3.*' docker.io/library/alpine localhost:5000/mirror/alpine",
  ],
  async run(context, [first = '', second], flags) {
    const mirrors = second === undefined ? await readFileOf(context, first, flags) : [ofArguments(context, first, second, flags)]
    const quiet = flags.quiet === true
    const counts = { copied: 0, current: 0, planned: 0, failed: 0 }
    await using progress = await openProgress(context, flags.progress ?? 'quiet', 'copy')
    await runMirrors(context.engine, mirrors, {
      signal: context.signal,
      dryRun: flags['dry-run'] === true,
      onEvent: (event) => progress.copy(event),
      onResult: (result) => {
        counts[result.outcome]++
        tell(context, result, quiet)
      },
    })
    await progress.close()
    const { copied, current, planned, failed } = counts
    const done = flags['dry-run'] === true ? `${planned} would be copied` : `${copied} copied`
    context.print(`${done}, ${current} up to date, ${failed} failed`)
    return failed > 0 ? 1 : 0
  },
})

const words = { copied: 'copied', current: 'up to date', planned: 'would be copied', failed: 'failed' } as const

const tell = (context: CliContext, { outcome, from, to, error }: MirrorResult, quiet: boolean): void => {
  if (outcome !== 'failed') {
    if (!quiet || outcome !== 'current') context.print(`${from} -> ${to}: ${words[outcome]}`)
    return
  }
  context.warn(`gantry image mirror: ${from} -> ${to}: ${messageOf(error)}`)
  if (isGantryError(error) && error.hint !== undefined) context.warn(`hint: ${error.hint}`)
}

type ChoiceFlags = FlagValues<typeof choiceFlags>

const readFileOf = async (context: CliContext, name: string, flags: ChoiceFlags): Promise<readonly Mirror[]> => {
  const given = Object.entries(choiceFlags).find(([flag]) => {
    const value = flags[flag as keyof ChoiceFlags]
    return Array.isArray(value) ? value.length > 0 : value !== undefined
  })
  if (given !== undefined)
    throw new GantryError(
      'invalid_argument',
      'USAGE',
      `--${given[0]} is for "image mirror SOURCE TARGET"; a file has keys for it`,
    )
  let text: string
  try {
    text = await readFile(resolve(context.folder, name), 'utf8')
  } catch (cause) {
    const kind = systemCode(cause) === 'ENOENT' ? 'not_found' : 'invalid_argument'
    throw new GantryError(kind, 'READ_FAILED', `Cannot read "${name}": ${messageOf(cause)}`, {
      cause,
      hint: 'name a mirror file, or SOURCE and TARGET',
    })
  }
  const mirrors = await readMirrorFile(name, text, context.engine.options.platform)
  return mirrors.map((mirror) => atFolder(context, mirror))
}

const ofArguments = (context: CliContext, from: string, to: string, flags: ChoiceFlags): Mirror => {
  const newest = flags.newest === undefined ? undefined : Number(flags.newest)
  if (newest !== undefined && !(Number.isInteger(newest) && newest > 0))
    throw new GantryError(
      'invalid_argument',
      'USAGE',
      `invalid argument "${flags.newest}" for "--newest" flag: it must be 1 or more`,
    )
  const read = <T>(text: string, parse: () => T): T => {
    try {
      return parse()
    } catch (error) {
      if (isGantryError(error)) throw error
      throw new GantryError('invalid_argument', 'USAGE', `Cannot mirror: "${text}" ${messageOf(error)}`)
    }
  }
  const source = read(from, () => parseSource(from))
  return atFolder(context, {
    source,
    target: read(to, () => parseTarget(to, source)),
    tags: {
      allow: flags.tag,
      deny: flags.deny,
      ...(flags.range === undefined ? {} : { range: flags.range }),
      ...(newest === undefined ? {} : { newest }),
    },
    platforms: platformsFlag(context, flags.platform),
    referrers: flags.referrers === true,
  })
}

const atFolder = (context: CliContext, mirror: Mirror): Mirror =>
  mirror.target.kind === 'layout'
    ? { ...mirror, target: { ...mirror.target, path: resolve(context.folder, mirror.target.path) } }
    : mirror
