import { defineCommand } from '../command.ts'
import { version } from '../version.ts'

export const command = defineCommand({
  usage: 'version',
  summary: 'Show the version of gantry and of what it runs on',
  flags: {},
  arity: [0, 0],
  examples: ['gantry version'],
  async run(context) {
    context.print(`gantry ${version}\nNode.js ${process.versions.node}\nplatform ${process.platform}/${process.arch}`)
  },
})
