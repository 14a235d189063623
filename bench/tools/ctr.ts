import { spawnSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../measure.ts'
import { processGroup, startDaemon, stopDaemon } from './daemon.ts'
import type { Tool } from './tool.ts'

/** containerd with its own client: compressed blobs are kept beside unpacked snapshots. */
export const ctrTool = (work: string): Tool => {
  const folder = join(work, 'containerd')
  const socket = join(folder, 'socket')
  const base = ['ctr', '-a', socket, '-n', 'bench']
  let daemon: ChildProcess | undefined
  let runs = 0
  return {
    name: 'ctr',
    environment: process.env,
    start: async () => {
      mkdirSync(folder, { recursive: true })
      writeFileSync(
        join(folder, 'config.toml'),
        `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`,
      )
      daemon = await startDaemon(['containerd', '-c', join(folder, 'config.toml')], join(folder, 'log'), [...base, 'version'])
      spawnSync('ctr', ['-a', socket, 'namespaces', 'create', 'bench'])
      return processGroup(daemon)
    },
    stop: async () => await stopDaemon(daemon),
    reset: () => {
      const images = must([...base, 'images', 'ls', '-q'])
        .split('\n')
        .filter(Boolean)
      if (images.length > 0) must([...base, 'images', 'rm', '--sync', ...images])
    },
    command: (verb) => {
      switch (verb.verb) {
        case 'pull':
        case 'push':
          return [...base, 'images', verb.verb, '--plain-http', verb.image]
        case 'tag':
          return [...base, 'images', 'tag', '--force', verb.image, verb.name]
        case 'run':
          return [...base, 'run', '--rm', verb.image, `bench-${runs++}`, 'true']
        case 'save':
          return [...base, 'images', 'export', verb.file, verb.image]
        case 'load':
          return [...base, 'images', 'import', verb.file]
        case 'images':
          return [...base, 'images', 'ls']
        case 'build':
          return undefined
      }
    },
  }
}
