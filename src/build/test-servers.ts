import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer as createSocketServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** What a test asks of a server that keeps what it was asked. */
export class TestServer implements AsyncDisposable {
  readonly requests: { readonly url: string; readonly headers: IncomingMessage['headers'] }[] = []
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(handler: RequestListener): Promise<TestServer> {
    const server = createServer((request, response) => {
      opened.requests.push({ url: request.url ?? '', headers: request.headers })
      handler(request, response)
    })
    const opened = new TestServer(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return opened
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get url(): string {
    return `http://${this.host}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** Git for tests: nothing of the machine's own settings, always the same times and names. */
export const git = (folder: string, ...args: readonly string[]): string =>
  execFileSync('git', ['-c', 'protocol.file.allow=always', '-c', 'init.defaultBranch=main', ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@example.org',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@example.org',
      GIT_AUTHOR_DATE: '1700000000 +0000',
      GIT_COMMITTER_DATE: '1700000000 +0000',
    },
  }).trim()

/** Writes files and commits them; answers the commit's ID. */
export const commit = (folder: string, files: Readonly<Record<string, string>>): string => {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  git(folder, 'add', '-A', '.')
  git(folder, 'commit', '-q', '--allow-empty', '-m', 'a commit')
  return git(folder, 'rev-parse', 'HEAD')
}

/** The repositories below a folder, served by git's own protocol on the loopback interface. */
export class GitDaemon implements AsyncDisposable {
  readonly url: string
  readonly #process: ChildProcess

  private constructor(port: number, process: ChildProcess) {
    this.url = `git://127.0.0.1:${port}`
    this.#process = process
  }

  static async open(folder: string): Promise<GitDaemon> {
    const port = await freePort()
    const child = spawn(
      join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-daemon'),
      ['--listen=127.0.0.1', `--port=${port}`, '--export-all', `--base-path=${folder}`, '--reuseaddr', folder],
      { stdio: 'ignore' },
    )
    for (let attempt = 0; attempt < 200; attempt++) {
      if (await answers(port)) return new GitDaemon(port, child)
      await sleep(25)
    }
    child.kill('SIGKILL')
    throw new Error('git-daemon did not start')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGKILL')
    await ended
  }
}

const answers = async (port: number): Promise<boolean> => {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

const freePort = async (): Promise<number> => {
  const server = createSocketServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Whether repositories can be served here. */
export const hasGitDaemon = existsSync('/usr/lib/git-core/git-daemon')
