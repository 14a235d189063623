import { pipeline } from 'node:stream/promises'
import { saveImages } from '../../engine/images/save.ts'
import { GantryError } from '../../lib/errors.ts'
import { defineCommand } from '../command.ts'
import { compressionFlags, readCompression } from '../compression-flags.ts'
import { writeOutput } from '../../content/output-file.ts'
import { onePlatform } from '../platforms.ts'

export const command = defineCommand({
  usage: 'save [OPTIONS] IMAGE [IMAGE...]',
  summary:
    'Save one or more images to a tar archive that docker, podman and skopeo read too (standard output unless -o is given)',
  flags: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'Write to a file instead of standard output' },
    platform: { type: 'string', help: 'Save only the image for this platform of multi-platform images' },
    ...compressionFlags,
  },
  arity: [1, Infinity],
  examples: ['gantry save -o hello.tar hello:1', 'gantry save hello:1 | ssh host gantry load'],
  async run(context, names, flags) {
    if (flags.output === undefined && context.stdout.isTTY)
      throw new GantryError(
        'invalid_argument',
        'USAGE',
        'Cannot save to a terminal: use the -o flag or redirect standard output',
        { hint: `gantry save -o image.tar ${names.join(' ')}` },
      )
    const archive = await saveImages(context.engine, names, {
      ...readCompression(flags),
      signal: context.signal,
      ...onePlatform(context, flags.platform),
    })
    if (flags.output === undefined) await pipeline(archive, context.stdout, { end: false })
    else await writeOutput(flags.output, archive)
  },
})
