import { writeSync } from 'node:fs'
import { systemCode } from '../lib/errors.ts'

/** The standard streams of the process. A stream of Node.js takes milliseconds to load, so each is made when it is first asked for. */
export interface StandardStreams {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Writes text at once, without making a stream if there is none yet. What nobody reads any more is dropped. */
  write(name: 'stdout' | 'stderr', text: string): void
  /** Whether all that was written has left the process. */
  isFlushed(): boolean
}

const descriptors = { stdout: 1, stderr: 2 } as const

export const standardStreams = (): StandardStreams => {
  const opened = new Map<'stdout' | 'stderr', NodeJS.WriteStream>()
  const open = (name: 'stdout' | 'stderr'): NodeJS.WriteStream => {
    const stream = opened.get(name) ?? process[name]
    opened.set(name, stream)
    return stream
  }
  return {
    get stdin() {
      return process.stdin
    },
    get stdout() {
      return open('stdout')
    },
    get stderr() {
      return open('stderr')
    },
    write: (name, text) => {
      const rest = opened.has(name) ? Buffer.from(text) : writeNow(descriptors[name], Buffer.from(text))
      if (rest.length > 0) open(name).write(rest)
    },
    isFlushed: () => [...opened.values()].every((stream) => stream.writableLength === 0),
  }
}

/** Writes what the file descriptor takes without waiting; answers what is left. */
const writeNow = (descriptor: number, bytes: Buffer): Buffer => {
  let rest = bytes
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(descriptor, rest))
    return rest
  } catch (error) {
    // a pipe that does not wait and is full
    if (systemCode(error) === 'EAGAIN') return rest
    if (systemCode(error) === 'EPIPE') return rest.subarray(rest.length)
    throw error
  }
}
