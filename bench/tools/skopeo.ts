import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { noDaemon, type Tool } from './tool.ts'

/** skopeo into an OCI layout: it unpacks nothing, so it is a floor and no peer. */
export const skopeoTool = (work: string): Tool => {
  const layout = join(work, 'skopeo')
  const target = (image: string): string => `oci:${layout}:${image.replaceAll(/[/:]/g, '-')}`
  return {
    ...noDaemon,
    name: 'skopeo',
    environment: process.env,
    reset: () => rmSync(layout, { recursive: true, force: true }),
    command: (verb) => {
      switch (verb.verb) {
        case 'pull':
          return ['skopeo', 'copy', '-q', '--src-tls-verify=false', `docker://${verb.image}`, target(verb.image)]
        case 'push':
          return ['skopeo', 'copy', '-q', '--dest-tls-verify=false', target(verb.image), `docker://${verb.image}`]
        case 'tag':
          return ['skopeo', 'copy', '-q', target(verb.image), target(verb.name)]
        case 'build':
        case 'images':
        case 'run':
        case 'save':
        case 'load':
          return undefined
      }
    },
  }
}
