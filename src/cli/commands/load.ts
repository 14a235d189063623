import { loadImages } from '../../engine/images/load.ts'
import { GantryError } from '../../lib/errors.ts'
import { familiarString, parseReference } from '../../oci/reference.ts'
import { defineCommand } from '../command.ts'
import { onePlatform } from '../platforms.ts'

export const command = defineCommand({
  usage: 'load [OPTIONS]',
  summary: 'Load images from a tar archive (docker save, podman save, OCI; compressed or not) or from an OCI layout folder',
  flags: {
    input: {
      type: 'string',
      short: 'i',
      value: 'FILE',
      help: 'Read from a file or an OCI layout folder instead of standard input',
    },
    platform: { type: 'string', help: 'Load only the image for this platform of multi-platform images' },
    quiet: { type: 'boolean', short: 'q', help: 'Accepted for docker; loading prints only its result' },
  },
  arity: [0, 0],
  examples: ['gantry load -i hello.tar', 'ssh host docker save hello:1 | gantry load'],
  async run(context, _args, flags) {
    if (flags.input === undefined && context.stdin.isTTY)
      throw new GantryError('invalid_argument', 'USAGE', 'Cannot load: requested load from stdin, but stdin is empty', {
        hint: 'gantry load -i FILE',
      })
    const loaded = await loadImages(context.engine, flags.input ?? context.stdin, {
      signal: context.signal,
      ...onePlatform(context, flags.platform),
    })
    for (const image of loaded)
      context.print(
        image.name === undefined ? `Loaded image ID: ${image.id}` : `Loaded image: ${familiarString(parseReference(image.name))}`,
      )
  },
})
