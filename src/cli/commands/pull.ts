import { pullAllTags, untaggedReference } from '../../engine/images/pull-all.ts'
import { pullPlatforms } from '../../engine/images/pull-platforms.ts'
import type { PullResult } from '../../engine/images/pull.ts'
import { familiarString, formatReference, parseReference, type Reference } from '../../oci/reference.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { severalPlatforms } from '../platforms.ts'
import { openProgress, openSuccessiveProgress } from '../progress.ts'
import { pullingLine, statusLine } from '../pull-lines.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'
import { describeError } from '../report-error.ts'

export const command = defineCommand({
  usage: 'pull [OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry',
  flags: {
    'all-tags': { type: 'boolean', short: 'a', help: 'Download all tagged images in the repository' },
    'disable-content-trust': { type: 'boolean', help: 'Accepted for docker; every byte is verified by its digest' },
    platform: {
      type: 'list',
      value: 'PLATFORM',
      help: "Platforms of a multi-platform image, for example linux/arm64,linux/amd64; 'all' for the whole index",
    },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the full name of the image' },
    progress: progressFlag,
    ...registryFlags,
  },
  arity: [1, 1],
  examples: [
    'gantry pull debian',
    'gantry pull --platform linux/arm64 localhost:5000/team/app:1',
    'gantry pull --platform all localhost:5000/team/app:1',
    'gantry pull --all-tags localhost:5000/team/app',
  ],
  async run(context, [text = ''], flags) {
    const quiet = flags.quiet === true
    const reference = flags['all-tags'] === true ? untaggedReference(text) : parseReference(text)
    const platforms = severalPlatforms(context, flags.platform)
    if (flags['all-tags'] === true) return await pullAll(context, reference, { platforms, quiet, progress: flags.progress })
    if (reference.tag === undefined && reference.digest === undefined && !quiet) context.print('Using default tag: latest')
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'pull')
    const result = await pullPlatforms(context.engine, text, {
      signal: context.signal,
      platforms,
      onEvent: (event) => {
        if (event.kind === 'resolved' && !quiet) context.print(pullingLine(reference))
        progress.copy(event)
      },
    })
    await progress.close()
    if (!quiet) {
      tell(context, result)
      context.print(statusLine(result.upToDate, result.reference))
    }
    context.print(formatReference(result.reference))
    return 0
  },
})

interface PullAllFlags {
  readonly platforms: ReturnType<typeof severalPlatforms>
  readonly quiet: boolean
  readonly progress: string | undefined
}

/** Every tag of a repository; a tag that fails is reported when it does. */
const pullAll = async (context: CliContext, reference: Reference, { platforms, quiet, progress: mode }: PullAllFlags) => {
  let changed = false
  await using progress = await openSuccessiveProgress(context, quiet ? 'quiet' : mode, 'pull')
  const { failed } = await pullAllTags(context.engine, familiarString(reference), {
    signal: context.signal,
    platforms,
    onEvent: (event) => {
      if (event.kind === 'resolved' && !quiet) context.print(pullingLine(parseReference(event.reference)))
      progress.copy(event)
    },
    onPulled: async (result) => {
      changed ||= !result.upToDate
      if (!quiet) await progress.between(() => tell(context, result))
    },
    onFailed: async (tagged, error) =>
      await progress.between(() => context.warn(describeError(error, false, `pull ${familiarString(tagged)}`))),
  })
  if (failed > 0) return 1
  if (!quiet) context.print(statusLine(!changed, reference))
  context.print(formatReference(reference))
  return 0
}

const tell = (context: CliContext, result: PullResult): void => {
  context.print(`Digest: ${result.target.digest}`)
  if (result.warning !== undefined) context.warn(`WARNING: ${result.warning}`)
}
