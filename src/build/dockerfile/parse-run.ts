import { parseFlags } from './flags.ts'
import { commandLine, invalid, type InstructionRequest, type Parsed } from './instruction-request.ts'
import { checkMount } from './parse-mount.ts'

export const parseRun = (request: InstructionRequest): Parsed<'run'> => {
  const flags = parseFlags(request.flags, { mount: 'list', network: 'text', security: 'text' })
  const { network = 'default', security = 'sandbox' } = flags
  if (network !== 'default' && network !== 'none' && network !== 'host') throw invalid(`invalid network mode "${network}"`)
  if (security !== 'sandbox' && security !== 'insecure') throw invalid(`security "${security}" is not valid`)
  for (const mount of flags.mount) checkMount(mount)
  const heredocs = request.line.heredocs.map(({ name, content, stripTabs }) => ({ name, content, stripTabs }))
  return { kind: 'run', command: commandLine(request.rest), heredocs, mounts: flags.mount, network, security }
}
