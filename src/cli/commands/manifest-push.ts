import { pushList } from '../../engine/manifests/push-list.ts'
import { defineCommand } from '../command.ts'
import { insecureFlag } from '../insecure-flag.ts'
import { locationArgument } from '../location-argument.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'manifest push [OPTIONS] MANIFEST_LIST [DESTINATION]',
  summary: 'Upload a manifest list with its images; prints the digest of the list',
  flags: {
    all: { type: 'boolean', help: 'Accepted for podman; all images are pushed' },
    purge: { type: 'boolean', short: 'p', help: 'Forget the list afterwards' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the digest' },
    progress: progressFlag,
    ...insecureFlag,
    ...registryFlags,
  },
  arity: [1, 2],
  examples: ['gantry manifest push --purge localhost:5000/app:1', 'gantry manifest push app:1 oci:build:app-1'],
  async run(context, [list = '', destination], flags) {
    await using progress = await openProgress(context, flags.quiet === true ? 'quiet' : flags.progress, 'push')
    const { digest } = await pushList(context.engine, list, {
      signal: context.signal,
      purge: flags.purge === true,
      ...(destination === undefined ? {} : { to: locationArgument(context, destination) }),
      onEvent: (event) => progress.copy(event),
    })
    await progress.close()
    context.print(digest)
  },
})
