import { attachFiles } from '../../engine/artifacts/push-artifact.ts'
import { GantryError } from '../../lib/errors.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { annotationsFlag, fileArgument } from '../artifact-files.ts'
import { defineCommand } from '../command.ts'
import { locationArgument } from '../location-argument.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'artifact attach [OPTIONS] NAME[:TAG|@DIGEST]|oci:FOLDER[:TAG] [FILE[:TYPE]...]',
  summary: 'Attach files to an image: an artifact that refers to it, for "gantry referrers"',
  flags: {
    annotation: { type: 'list', short: 'a', value: 'KEY=VALUE', help: 'Annotate the artifact' },
    'artifact-type': { type: 'string', value: 'TYPE', help: 'What is attached (required), for example application/spdx+json' },
    platform: { type: 'string', help: 'Attach to the image of this platform and not to the index' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the digest' },
    progress: progressFlag,
    ...registryFlags,
  },
  arity: [1, Infinity],
  examples: [
    'gantry artifact attach --artifact-type application/spdx+json localhost:5000/app:1 sbom.json:application/spdx+json',
    'gantry artifact attach --artifact-type application/vnd.example.review -a approved=yes localhost:5000/app:1',
  ],
  async run(context, [name = '', ...files], flags) {
    const { platform, quiet = false } = flags
    const artifactType = flags['artifact-type']
    if (artifactType === undefined)
      throw new GantryError('invalid_argument', 'USAGE', 'Cannot attach: say what it is with --artifact-type', {
        hint: 'for example --artifact-type application/spdx+json',
      })
    if (files.length === 0 && flags.annotation.length === 0)
      throw new GantryError('invalid_argument', 'USAGE', 'Cannot attach nothing: name files, or give an --annotation')
    const location = locationArgument(context, name)
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'push')
    const { subject, artifact } = await attachFiles(
      context.engine,
      location,
      files.map((file) => fileArgument(context, file)),
      {
        signal: context.signal,
        artifactType,
        annotations: annotationsFlag(flags.annotation),
        ...(platform === undefined ? {} : { platform: parsePlatform(platform, context.engine.options.platform) }),
        onEvent: (event) => progress.copy(event),
      },
    )
    await progress.close()
    if (quiet) return context.print(artifact.digest)
    context.print(`Digest: ${artifact.digest}`)
    context.print(`Status: Attached to ${name} (${subject.digest})`)
  },
})
