import { connect, createServer, type Socket } from 'node:net'

/** What a relay does to the bytes of one direction; every number counts bytes since it was set. */
export interface Link {
  /** Bytes that have passed. */
  passed: number
  /** Bytes after which the connection that carries them is cut, each time anew; undefined: never. */
  cutAfter?: number | undefined
  /** Bytes after which nothing passes any more, though connections stay. */
  stallAfter?: number | undefined
  /** Most bytes in a second; undefined: as many as there are. */
  rate?: number | undefined
}

/** A TCP relay in front of a server, for a network that cuts, stalls or is slow. */
export interface Relay extends AsyncDisposable {
  readonly host: string
  /** To the client. */
  readonly down: Link
  /** To the server. */
  readonly up: Link
  /** Connections that were cut. */
  readonly cuts: number
}

export const startRelay = async (target: string): Promise<Relay> => {
  const [host, port] = target.split(':') as [string, string]
  const sockets = new Set<Socket>()
  const links: { readonly down: Link; readonly up: Link } = { down: { passed: 0 }, up: { passed: 0 } }
  const state = { cuts: 0 }
  const server = createServer((client) => {
    const upstream = connect(Number(port), host)
    const cut = (): void => {
      state.cuts++
      // what has passed arrives: how much a reset throws away is chance
      client.end(() => client.destroy())
      upstream.end(() => upstream.destroy())
    }
    for (const [from, to, link] of [
      [upstream, client, links.down],
      [client, upstream, links.up],
    ] as const) {
      sockets.add(from)
      let sinceCut = 0
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.end()
      })
      from.on('data', (chunk: Buffer) => {
        if (link.stallAfter !== undefined && link.passed >= link.stallAfter) return from.pause() as unknown as void
        const room = link.cutAfter === undefined ? Infinity : link.cutAfter - sinceCut
        const part = chunk.subarray(0, room)
        link.passed += part.length
        sinceCut += part.length
        const more = to.write(part, () => {
          if (chunk.length > room) cut()
        })
        const { rate } = link
        if (more && rate === undefined) return
        from.pause()
        const go = (): void => void from.resume()
        const next = rate === undefined ? go : (): void => void setTimeout(go, (part.length / rate) * 1000)
        if (more) next()
        else to.once('drain', next)
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    host: `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    ...links,
    get cuts() {
      return state.cuts
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
