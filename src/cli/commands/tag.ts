import { tagImage } from '../../engine/images/tag.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  usage: 'tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]',
  summary: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  flags: {},
  arity: [2, 2],
  examples: ['gantry tag hello:1 localhost:5000/team/hello:1'],
  async run(context, [source = '', target = '']) {
    await tagImage(context.engine, source, target)
  },
})
