import { inspectContainer } from '../../engine/containers/inspect.ts'
import { inspectImage } from '../../engine/images/inspect.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { printInspected } from '../print-inspected.ts'

export const command = defineCommand({
  usage: 'inspect [OPTIONS] NAME|ID [NAME|ID...]',
  summary: 'Show everything about images or containers, as JSON or by a template',
  flags: {
    format: { type: 'string', short: 'f', help: "Format the output with a Go template; 'json' for one line" },
    size: { type: 'boolean', short: 's', help: 'Accepted for docker' },
    type: { type: 'string', help: 'Look only for an image or only for a container' },
  },
  arity: [1, Infinity],
  examples: ['gantry inspect hello:1', "gantry inspect -f '{{.State.ExitCode}}' brisk_derrick"],
  async run(context, names, flags) {
    return await printInspected(context, names, flags.format, async (name) => await inspectOne(context, name, flags.type))
  },
})

/** A container of the name goes before an image, as with docker. */
const inspectOne = async (context: CliContext, name: string, type: string | undefined): Promise<object> => {
  if (type !== undefined && type !== 'image' && type !== 'container')
    throw new GantryError('invalid_argument', 'USAGE', `"${type}" is not a valid value for --type`, {
      hint: 'image and container are known',
    })
  if (type !== 'image') {
    try {
      return await inspectContainer(context.engine, name)
    } catch (error) {
      if (type === 'container' || !isGantryError(error, 'not_found')) throw error
    }
  }
  try {
    return await inspectImage(context.engine, name)
  } catch (error) {
    if (type === 'image' || !isGantryError(error, 'not_found')) throw error
    throw new GantryError('not_found', 'NO_SUCH_OBJECT', `No such object: ${name}`, {
      hint: "run 'gantry images' or 'gantry ps -a' for what there is",
    })
  }
}
