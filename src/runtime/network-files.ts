import { isIP } from 'node:net'
import { GantryError } from '../lib/errors.ts'
import type { ContainerSpec } from './interfaces.ts'

/** The files that a container's resolver reads, as text. */
export interface NetworkFiles {
  readonly hosts: string
  readonly hostname: string
  readonly resolvConf: string
}

const standardHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`

/**
 * /etc/hosts, /etc/hostname and /etc/resolv.conf as docker makes them: on the host's network the host's own names, else the
 * standard ones; the extra hosts at the end. `host` holds the host's files, '' where there is none.
 */
export const networkFiles = (
  spec: Pick<ContainerSpec, 'network' | 'extraHosts'>,
  hostname: string,
  host: { readonly hosts: string; readonly resolvConf: string },
): NetworkFiles => {
  const base = spec.network === 'host' && host.hosts !== '' ? host.hosts : standardHosts
  const extra = (spec.extraHosts ?? []).map(hostLine).join('')
  return { hosts: `${base.endsWith('\n') ? base : `${base}\n`}${extra}`, hostname: `${hostname}\n`, resolvConf: host.resolvConf }
}

/** `name:address`, or `name=address`, as a line of /etc/hosts. */
const hostLine = (text: string): string => {
  const [, name = '', address = ''] = /^([^:=\s]+)[:=](\S+)$/.exec(text) ?? []
  const plain = /^\[(.*)\]$/.exec(address)?.[1] ?? address
  if (name !== '' && isIP(plain) !== 0) return `${plain}\t${name}\n`
  throw new GantryError('invalid_argument', 'BAD_HOST', `Cannot add host "${text}": bad format for add-host: "${text}"`, {
    hint: 'write it as NAME:ADDRESS, for example db:10.0.0.2',
  })
}
