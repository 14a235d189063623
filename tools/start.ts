import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, relative } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { styleText } from 'node:util'
import { install, runtimeRequirements } from './requirements.ts'

// The main job on real input: a hub, an image that is built, pushed, removed, pulled, and run twice at once.
// Every step prints the gantry command that it runs, so that a reader learns the tool.
const checkout = join(import.meta.dirname, '..')
const keep = process.argv.includes('--keep')
const gantry = join(checkout, 'bin', 'gantry')
mkdirSync(join(checkout, '.gantry'), { recursive: true })
const folder = mkdtempSync(join(checkout, '.gantry', 'start-'))
const environment = { ...process.env, GANTRY_ROOT: join(folder, 'root'), GANTRY_RUN: join(folder, 'run') }
let hub: ChildProcess | undefined

const say = (line: string): void => console.log(line)
const title = (text: string): void => say(`\n${styleText('bold', text, { stream: process.stdout })}`)
const shown = (args: readonly string[]): string =>
  `$ gantry ${args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ')}`

/** Runs gantry as a user would, on this terminal. */
const run = (...args: readonly string[]): void => {
  say(styleText('cyan', shown(args), { stream: process.stdout }))
  const result = spawnSync(gantry, args, { cwd: checkout, env: environment, stdio: ['ignore', 'inherit', 'inherit'] })
  if (result.status !== 0) throw new Error(`gantry ${args[0]} ended with status ${result.status ?? result.signal}`)
}

const freePort = async (): Promise<number> =>
  await new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })

/** Asks until there is an answer; a container and a hub need a moment to listen. */
const fetchText = async (url: string): Promise<string> => {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await fetch(url)
      if (response.ok) return await response.text()
      throw new Error(`${url} answered ${response.status}`)
    } catch (error) {
      if (attempt === 50) throw error
      await sleep(100)
    }
  }
}

/** The build context: the example and the machine's static busybox. */
const prepareContext = (): string => {
  const context = join(folder, 'hello')
  cpSync(join(checkout, 'examples', 'hello'), context, { recursive: true })
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))
  if (busybox === undefined) throw new Error('no static busybox on this machine')
  copyFileSync(busybox, join(context, 'busybox'))
  return context
}

const main = async (): Promise<void> => {
  const missing = install([...runtimeRequirements, ['busybox', 'busybox-static']], say)
  if (missing.length > 0)
    throw new Error(`${missing.join(', ')} could not be installed; 'bin/gantry doctor' says what each is for`)
  const port = await freePort()
  const image = `127.0.0.1:${port}/examples/hello:1`

  title('1. A registry of your own')
  const serve = ['hub', 'serve', '--listen', `127.0.0.1:${port}`]
  say(styleText('cyan', `${shown(serve)} &`, { stream: process.stdout }))
  hub = spawn(gantry, serve, { cwd: checkout, env: environment, stdio: ['ignore', 'ignore', 'inherit'], detached: keep })
  await fetchText(`http://127.0.0.1:${port}/v2/`)

  title('2. Build an image')
  run('build', '-t', image, relative(checkout, prepareContext()))

  title('3. Publish it, forget it, fetch it again')
  run('push', image)
  run('rmi', image)
  run('pull', image)

  title('4. Two containers of it at once, each with a page')
  const containers: string[] = []
  try {
    for (const name of ['one', 'two']) {
      const web = await freePort()
      containers.push(name)
      run('run', '-d', '--name', name, '-e', `PORT=${web}`, image)
      const page = await fetchText(`http://127.0.0.1:${web}/`)
      say(`http://127.0.0.1:${web}/ answers "${/<h1>(.*)<\/h1>/.exec(page)?.[1] ?? ''}" (${page.length} bytes)`)
    }
    run('ps')
    title('5. What is in it')
    run('history', image)
    run('images')
  } finally {
    title('6. Stop')
    if (containers.length > 0) run('rm', '-f', ...containers)
  }
  if (keep)
    say(
      `\nThe hub stays at http://127.0.0.1:${port} (process ${hub.pid}), its data in ${folder}\nto use it: GANTRY_ROOT=${environment.GANTRY_ROOT} bin/gantry images`,
    )
}

const cleanUp = (): void => {
  if (keep && process.exitCode === undefined) {
    hub?.unref()
    return
  }
  hub?.kill()
  rmSync(folder, { recursive: true, force: true })
}

try {
  await main()
} catch (error) {
  console.error(`\nnpm start: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  cleanUp()
}
