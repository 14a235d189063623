import { pullImage } from '../../engine/images/pull.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { familiarName, familiarString, formatReference, parseReference } from '../../oci/reference.ts'
import { defineCommand } from '../command.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'pull [OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Download an image from a registry',
  flags: {
    platform: { type: 'string', help: 'Choose the platform of a multi-platform image, for example linux/arm64' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the full name of the image' },
    progress: progressFlag,
    ...registryFlags,
  },
  arity: [1, 1],
  examples: ['gantry pull debian', 'gantry pull --platform linux/arm64 localhost:5000/team/app:1'],
  async run(context, [text = ''], flags) {
    const reference = parseReference(text)
    const quiet = flags.quiet === true
    if (reference.tag === undefined && reference.digest === undefined && !quiet) context.print('Using default tag: latest')
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'pull')
    const result = await pullImage(context.engine, text, {
      signal: context.signal,
      ...(flags.platform === undefined ? {} : { platform: parsePlatform(flags.platform, context.engine.options.platform) }),
      onEvent: (event) => {
        if (event.kind === 'resolved' && !quiet)
          context.print(
            `${reference.digest ?? reference.tag ?? 'latest'}: Pulling from ${familiarName(reference).replace(`${reference.domain}/`, '')}`,
          )
        progress.copy(event)
      },
    })
    await progress.close()
    if (!quiet) {
      context.print(`Digest: ${result.target.digest}`)
      context.print(
        `Status: ${result.upToDate ? 'Image is up to date' : 'Downloaded newer image'} for ${familiarString(result.reference)}`,
      )
    }
    context.print(formatReference(result.reference))
  },
})
