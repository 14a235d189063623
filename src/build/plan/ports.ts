import { isIP } from 'node:net'
import { GantryError } from '../../lib/errors.ts'

const invalid = (reason: string): GantryError => new GantryError('invalid_argument', 'PORT_INVALID', reason)

const portNumber = (text: string): number | undefined => {
  const port = /^\+?\d+$/.test(text) ? Number(text) : undefined
  return port !== undefined && port <= 65_535 ? port : undefined
}

const portRange = (text: string): readonly [number, number] | undefined => {
  const [first = '', last = first, ...more] = text.split('-')
  const [start, end] = [portNumber(first), portNumber(last)]
  return start === undefined || end === undefined || end < start || more.length > 0 ? undefined : [start, end]
}

/** What one word of EXPOSE exposes, as `port/protocol`: a port or a range, tcp unless it says otherwise. */
export const parseExposedPort = (word: string): readonly string[] => {
  const colon = word.lastIndexOf(':')
  const before = colon < 0 ? '' : word.slice(0, colon)
  const container = word.slice(colon + 1)
  const [ports = '', protocol = 'tcp', ...more] = container.split('/')
  const name = protocol === '' ? 'tcp' : protocol.toLowerCase()
  if (ports === '') throw invalid(`invalid port: "${word}": no port specified`)
  if (more.length > 0 || !['tcp', 'udp', 'sctp'].includes(name))
    throw invalid(`invalid port: "${word}": invalid proto: ${container.slice(ports.length + 1)}`)
  const range = portRange(ports)
  if (range === undefined) throw invalid(`invalid containerPort: ${ports}`)
  if (before !== '') checkHost(before, ports, range)
  return Array.from({ length: range[1] - range[0] + 1 }, (_, index) => `${range[0] + index}/${name}`)
}

/** docker takes `[address:]host:container` too, and uses only the last part. */
const checkHost = (before: string, ports: string, range: readonly [number, number]): void => {
  const colon = before.lastIndexOf(':')
  const address = colon < 0 ? '' : before.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  const host = before.slice(colon + 1)
  if (address !== '' && isIP(address) === 0) throw invalid(`invalid IP address: ${address}`)
  if (host === '') return
  const hostRange = portRange(host)
  if (hostRange === undefined) throw invalid(`invalid hostPort: ${host}`)
  if (range[1] !== range[0] && range[1] - range[0] !== hostRange[1] - hostRange[0])
    throw invalid(`invalid ranges specified for container and host Ports: ${ports} and ${host}`)
}
