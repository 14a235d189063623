import { untaggedReference } from '../../engine/images/pull-all.ts'
import { pushAllTags } from '../../engine/images/push-all.ts'
import { pushImage, type PushOptions, type PushResult } from '../../engine/images/push.ts'
import {
  familiarString,
  formatReference,
  parseReference,
  repositoryName,
  withDefaultTag,
  type Reference,
} from '../../oci/reference.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { compressionFlags, readCompression } from '../compression-flags.ts'
import { onePlatform } from '../platforms.ts'
import { openSuccessiveProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'
import { describeError } from '../report-error.ts'

export const command = defineCommand({
  usage: 'push [OPTIONS] NAME[:TAG]',
  summary: 'Upload an image to a registry',
  flags: {
    'all-tags': { type: 'boolean', short: 'a', help: 'Push all tags of an image to the repository' },
    'disable-content-trust': { type: 'boolean', help: 'Accepted for docker' },
    'fetch-missing': {
      type: 'boolean',
      help: 'Of a multi-platform image that is here in part, fetch the rest from where another name of it says, and push it whole',
    },
    platform: { type: 'string', help: 'Push only the image for this platform of a multi-platform image, without the index' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the full name of the image' },
    progress: progressFlag,
    ...compressionFlags,
    ...registryFlags,
  },
  arity: [1, 1],
  examples: [
    'gantry push localhost:5000/team/app:1',
    'gantry push --all-tags localhost:5000/team/app',
    'gantry push --platform linux/arm64 localhost:5000/team/app:1',
    'gantry push --compression zstd localhost:5000/team/app:1',
  ],
  async run(context, [text = ''], flags) {
    const all = flags['all-tags'] === true
    const quiet = flags.quiet === true
    const reference = all ? untaggedReference(text) : parseReference(text)
    if (!quiet) {
      if (!all && reference.tag === undefined && reference.digest === undefined) context.print('Using default tag: latest')
      context.print(`The push refers to repository [${repositoryName(reference)}]`)
    }
    await using progress = await openSuccessiveProgress(context, quiet ? 'quiet' : flags.progress, 'push')
    const options: PushOptions = {
      ...readCompression(flags),
      signal: context.signal,
      fetchMissing: flags['fetch-missing'] === true,
      onEvent: (event) => progress.copy(event),
      ...onePlatform(context, flags.platform),
    }
    const onPushed = async (result: PushResult): Promise<void> => {
      if (!quiet) await progress.between(() => tell(context, result))
    }
    let failures = 0
    if (all) {
      const onFailed = async (tagged: Reference, error: unknown): Promise<void> =>
        await progress.between(() => context.warn(describeError(error, false, `push ${familiarString(tagged)}`)))
      failures = (await pushAllTags(context.engine, text, { ...options, onPushed, onFailed })).failed
    } else await onPushed(await pushImage(context.engine, text, options))
    if (quiet) context.print(formatReference(all ? reference : withDefaultTag(reference)))
    return failures > 0 ? 1 : 0
  },
})

const tell = (context: CliContext, { reference, target }: PushResult): void =>
  context.print(`${reference.tag ?? 'latest'}: digest: ${target.digest} size: ${target.size}`)
