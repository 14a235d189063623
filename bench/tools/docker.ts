import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../measure.ts'
import { processGroup, startDaemon, stopDaemon } from './daemon.ts'
import type { Tool } from './tool.ts'

// Debian's CLI speaks to the BuildKit in the daemon; newer ones want a plugin for that
const builder = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker'

/** dockerd with its overlay2 store, its BuildKit, and the docker CLI that is first on the PATH. */
export const dockerTool = (work: string): Tool => {
  const folder = join(work, 'dockerd')
  const socket = `unix://${folder}/docker.sock`
  const base = ['docker', '-H', socket]
  let daemon: ChildProcess | undefined
  return {
    name: 'docker',
    environment: process.env,
    start: async () => {
      mkdirSync(folder, { recursive: true })
      const folders = ['--data-root', `${folder}/data`, '--exec-root', `${folder}/exec`, '-p', `${folder}/pid`]
      const command = ['dockerd', ...folders, '-H', socket, '--storage-driver', 'overlay2']
      daemon = await startDaemon(command, `${folder}/log`, [...base, 'version'])
      return processGroup(daemon)
    },
    stop: async () => await stopDaemon(daemon),
    reset: () => {
      const containers = must([...base, 'ps', '-aq'])
        .split('\n')
        .filter(Boolean)
      if (containers.length > 0) must([...base, 'rm', '-f', ...containers])
      must([...base, 'system', 'prune', '-af'])
    },
    command: (verb) => {
      switch (verb.verb) {
        case 'pull':
        case 'push':
          return [...base, verb.verb, '-q', verb.image]
        case 'tag':
          return [...base, 'tag', verb.image, verb.name]
        case 'run':
          return [...base, 'run', '--rm', '--network', 'none', verb.image, 'true']
        case 'build': {
          const cache = verb.cache ? [] : ['--no-cache']
          return ['env', 'DOCKER_BUILDKIT=1', builder, ...base.slice(1), 'build', '-q', '-t', verb.name, ...cache, verb.context]
        }
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
