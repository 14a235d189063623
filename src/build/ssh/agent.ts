import { readFile, stat } from 'node:fs/promises'
import { createConnection, type Socket } from 'node:net'
import { basename } from 'node:path'
import { once } from 'node:events'
import { GantryError, isGantryError, messageOf, systemCode } from '../../lib/errors.ts'
import type { BuildAgent } from '../run-options.ts'
import { parsePrivateKey, type SshKey } from './private-key.ts'
import { readMessages } from './messages.ts'
import { SshReader, sshNumber, sshString } from './wire.ts'

/** Answers the requests of one client of an SSH agent, one at a time; messages are without their length. */
export interface AgentSession {
  ask(request: Buffer): Promise<Buffer>
  close(): void
}

/** Begins a session for a client. */
export type Agent = () => Promise<AgentSession>

// draft-ietf-sshm-ssh-agent §5.1
const requestIdentities = 11
const identitiesAnswer = 12
const signRequest = 13
const signResponse = 14
const failure = Buffer.of(5)

/** Whoever runs in a step may use keys, not add, remove or lock any, as in BuildKit. */
const mayAsk = (request: Buffer): boolean => request[0] === requestIdentities || request[0] === signRequest

/** Opens what `--ssh` names: the socket of an agent, or keys that are answered for here. */
export const openAgent = async ({ id, paths }: BuildAgent): Promise<Agent> => {
  const keys: SshKey[] = []
  let socket: string | undefined
  const refuse = (reason: string, options: { readonly cause?: unknown; readonly hint?: string } = {}): GantryError =>
    new GantryError('invalid_argument', 'SSH_AGENT', `Cannot forward an SSH agent as "${id}": ${reason}`, options)
  for (const path of paths) {
    if (socket !== undefined) throw refuse('only single socket allowed')
    try {
      if ((await stat(path)).isSocket()) socket = path
      else keys.push(parsePrivateKey(await readFile(path, 'utf8'), basename(path)))
    } catch (cause) {
      if (isGantryError(cause))
        throw refuse(`failed to parse ${path}: ${cause.message}`, {
          cause,
          ...(cause.hint === undefined ? {} : { hint: cause.hint }),
        })
      if (systemCode(cause) === undefined) throw cause
      throw refuse(messageOf(cause), { cause })
    }
  }
  if (socket === undefined) return keyAgent(keys)
  if (keys.length > 0) throw refuse('invalid combination of keys and sockets')
  return socketAgent(socket)
}

const keyAgent = (keys: readonly SshKey[]): Agent => {
  const ask = (request: Buffer): Buffer => {
    if (request[0] === requestIdentities) {
      const each = keys.flatMap(({ blob, comment }) => [sshString(blob), sshString(Buffer.from(comment))])
      return Buffer.concat([Buffer.of(identitiesAnswer), sshNumber(keys.length), ...each])
    }
    const reader = new SshReader(request)
    reader.byte()
    const blob = reader.string()
    const data = reader.string()
    const flags = reader.number()
    const key = keys.find((one) => one.blob.equals(blob))
    return key === undefined ? failure : Buffer.concat([Buffer.of(signResponse), sshString(key.sign(data, flags))])
  }
  return async () => ({ ask: async (request) => answer(request, async () => ask(request)), close: () => undefined })
}

const answer = async (request: Buffer, ask: () => Promise<Buffer>): Promise<Buffer> => {
  if (!mayAsk(request)) return failure
  try {
    return await ask()
  } catch {
    return failure
  }
}

const socketAgent =
  (path: string): Agent =>
  async () => {
    const socket = createConnection(path)
    await connected(socket)
    const replies = readMessages(socket)
    const ask = async (request: Buffer): Promise<Buffer> => {
      socket.write(Buffer.concat([sshNumber(request.length), request]))
      const { value, done } = await replies.next()
      return done === true ? failure : value
    }
    return { ask: async (request) => await answer(request, async () => await ask(request)), close: () => socket.destroy() }
  }

const connected = async (socket: Socket): Promise<void> => {
  await once(socket, 'connect')
  socket.on('error', () => undefined)
}
