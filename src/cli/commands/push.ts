import { pushImage } from '../../engine/images/push.ts'
import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { defineCommand } from '../command.ts'
import { compressionFlags, readCompression } from '../compression-flags.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'push [OPTIONS] NAME[:TAG]',
  summary: 'Upload an image to a registry',
  flags: {
    quiet: { type: 'boolean', short: 'q', help: 'Print only the full name of the image' },
    progress: progressFlag,
    ...compressionFlags,
    ...registryFlags,
  },
  arity: [1, 1],
  examples: ['gantry push localhost:5000/team/app:1', 'gantry push --compression zstd localhost:5000/team/app:1'],
  async run(context, [text = ''], flags) {
    const typed = parseReference(text)
    const reference = withDefaultTag(typed)
    const quiet = flags.quiet === true
    const compression = readCompression(flags)
    if (!quiet) {
      if (typed.tag === undefined) context.print('Using default tag: latest')
      context.print(`The push refers to repository [${reference.domain}/${reference.path}]`)
    }
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'push')
    const { target } = await pushImage(context.engine, text, {
      ...compression,
      signal: context.signal,
      onEvent: (event) => progress.copy(event),
    })
    await progress.close()
    context.print(
      quiet ? formatReference(reference) : `${reference.tag ?? 'latest'}: digest: ${target.digest} size: ${target.size}`,
    )
  },
})
