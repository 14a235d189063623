import { inspectImage } from '../../engine/images/inspect.ts'
import { defineCommand } from '../command.ts'
import { onePlatform } from '../platforms.ts'
import { printInspected } from '../print-inspected.ts'

export const command = defineCommand({
  usage: 'image inspect [OPTIONS] IMAGE [IMAGE...]',
  summary: 'Show everything about images, as JSON or by a template',
  flags: {
    format: { type: 'string', short: 'f', help: "Format the output with a Go template; 'json' for one line" },
    platform: { type: 'string', help: 'Inspect the image for this platform of a multi-platform image' },
  },
  arity: [1, Infinity],
  examples: ['gantry image inspect hello:1', "gantry image inspect --platform linux/arm64 -f '{{.Id}}' hello:1"],
  async run(context, names, flags) {
    const platform = onePlatform(context, flags.platform)
    return await printInspected(context, names, flags.format, async (name) => await inspectImage(context.engine, name, platform))
  },
})
