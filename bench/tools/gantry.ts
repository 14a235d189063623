import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { noDaemon, type Tool } from './tool.ts'

/** gantry from this checkout. */
export const gantryTool = (checkout: string, work: string): Tool => {
  const root = join(work, 'gantry')
  const base = [join(checkout, 'bin', 'gantry'), '--root', root]
  return {
    ...noDaemon,
    name: 'gantry',
    environment: process.env,
    reset: () => rmSync(root, { recursive: true, force: true }),
    command: (verb) => {
      switch (verb.verb) {
        case 'pull':
        case 'push':
          return [...base, verb.verb, '-q', verb.image]
        case 'tag':
          return [...base, 'tag', verb.image, verb.name]
        case 'run':
          return [...base, 'run', '--rm', '--network', 'none', verb.image, 'true']
        case 'build':
          return [...base, 'build', '-q', '-t', verb.name, ...(verb.cache ? [] : ['--no-cache']), verb.context]
        case 'save':
          return [...base, 'save', '-o', verb.file, verb.image]
        case 'load':
          return [...base, 'load', '-q', '-i', verb.file]
        case 'images':
          return [...base, 'images']
      }
    },
  }
}
