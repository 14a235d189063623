import { untagImage } from '../../engine/images/untag.ts'
import { defineCommand } from '../command.ts'

export const command = defineCommand({
  usage: 'untag IMAGE [NAME[:TAG]...]',
  summary: 'Take names from an image, all of them if none is given; the image itself stays',
  flags: {},
  arity: [1, Infinity],
  examples: ['gantry untag hello:1', 'gantry untag 3f1c localhost:5000/team/hello:1'],
  async run(context, [image = '', ...names]) {
    for (const name of await untagImage(context.engine, image, names)) context.print(`Untagged: ${name}`)
  },
})
