import { closeSync, constants, openSync } from 'node:fs'
import { chmod, chown } from 'node:fs/promises'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Agent } from './agent.ts'
import { readMessages } from './messages.ts'
import { sshNumber } from './wire.ts'

/** The socket of an agent, until it is disposed of. */
export interface ServedAgent extends AsyncDisposable {
  readonly path: string
}

/** Serves an agent at a new socket in a folder, which the caller removes. */
export const serveAgent = async (
  agent: Agent,
  folder: string,
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
): Promise<ServedAgent> => {
  const clients = new Set<Socket>()
  const server = createServer((client) => {
    clients.add(client)
    client.on('error', () => undefined)
    client.on('close', () => clients.delete(client))
    void serveClient(agent, client).catch(() => client.destroy())
  })
  // by way of its folder: the address of a socket is 107 bytes at most
  const handle = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  const close = async (): Promise<void> => {
    for (const client of clients) client.destroy()
    await new Promise((resolve) => server.close(resolve))
    closeSync(handle)
  }
  try {
    server.listen(`/proc/self/fd/${handle}/agent`)
    await once(server, 'listening')
    const path = join(folder, 'agent')
    await chown(path, uid, gid)
    await chmod(path, mode)
    return { path, [Symbol.asyncDispose]: close }
  } catch (error) {
    await close()
    throw error
  }
}

const serveClient = async (agent: Agent, client: Socket): Promise<void> => {
  const session = await agent()
  try {
    for await (const request of readMessages(client)) {
      const reply = await session.ask(request)
      client.write(Buffer.concat([sshNumber(reply.length), reply]))
    }
  } finally {
    session.close()
    client.end()
  }
}
