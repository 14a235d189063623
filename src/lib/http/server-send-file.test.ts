import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { FileSender } from './server-send-file.ts'
import { listen, type HttpServer } from './server.ts'

void describe('FileSender', () => {
  const content = randomBytes(3_000_000)
  const results: Promise<void>[] = []
  let folder: string
  let server: HttpServer

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gantry-send-'))
    const path = join(folder, 'file')
    await writeFile(path, content)
    const sender = new FileSender()
    const send = async (url: string, response: ServerResponse): Promise<void> => {
      const [start = 0, end = 0] = url.slice(1).split('-').map(Number)
      await using handle = await open(path)
      response.writeHead(200, { 'Content-Length': end - start })
      await sender.send(response, handle, { start, end })
    }
    server = await listen(
      (request, response) => {
        const sending = send(request.url ?? '', response)
        sending.catch(() => response.destroy())
        results.push(sending)
      },
      { host: '127.0.0.1', port: 0 },
    )
  })
  after(async () => {
    await server.close()
    await rm(folder, { recursive: true })
  })

  test('send() sends spans of any size, many at once', async () => {
    const spans = [
      [0, 0],
      [0, 1],
      [1, 3_000_000],
      [524_287, 1_048_577],
      [2_999_999, 3_000_000],
      [0, 3_000_000],
    ]
    const all = Array.from({ length: 10 }, () => spans).flat()
    await Promise.all(
      all.map(async ([start, end]) => {
        const response = await fetch(`${server.address.url}/${start}-${end}`)
        assert.ok(Buffer.from(await response.arrayBuffer()).equals(content.subarray(start, end)))
      }),
    )
  })

  test('send() breaks the connection when the file is shorter than promised', async () => {
    await assert.rejects(async () => (await fetch(`${server.address.url}/0-3000001`)).arrayBuffer())
    await assert.rejects(results.at(-1)!, { kind: 'data_loss' })
  })

  test('send() ends when the client goes away', async () => {
    const socket = connect(server.address.port, '127.0.0.1')
    socket.write('GET /0-3000000 HTTP/1.1\r\nHost: x\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.destroy()
    await results.at(-1)
  })
})
