#!/usr/bin/env node
// Starts gantry: the published bundle in dist/, or, in a checkout, a bundle of src/ that is made anew when a source changed.
// The syntax stays old so that an old Node.js can say what is needed instead of failing in the middle.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const needed = 24

/** What the bundle is made of: every source's path, size and time. */
const signature = () => {
  const hash = createHash('sha1').update(process.versions.node)
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) walk(path)
      else if (path.endsWith('.ts') && !path.endsWith('.test.ts')) {
        const { mtimeMs, size } = statSync(path)
        hash.update(`${path}\0${size}\0${mtimeMs}\n`)
      }
    }
  }
  walk(join(root, 'src'))
  for (const path of ['package.json', 'tools/bundle.ts']) hash.update(String(statSync(join(root, path)).mtimeMs))
  return hash.digest('hex').slice(0, 16)
}

/** The folder of an up-to-date bundle of the checkout; undefined where the bundler is not installed. */
const checkoutBundle = async () => {
  const cache = join(root, 'node_modules', '.cache', 'gantry')
  const folder = join(cache, signature())
  if (existsSync(folder)) return folder
  if (!existsSync(join(root, 'node_modules', 'esbuild'))) return undefined
  const { bundle } = await import(pathToFileURL(join(root, 'tools', 'bundle.ts')).href)
  const temporary = `${folder}.${process.pid}.tmp`
  mkdirSync(cache, { recursive: true })
  await bundle(temporary)
  try {
    renameSync(temporary, folder)
  } catch {
    rmSync(temporary, { recursive: true, force: true }) // another process was first
  }
  const old = Date.now() - 3600_000
  for (const name of readdirSync(cache)) {
    const path = join(cache, name)
    if (path !== folder && statSync(path).mtimeMs < old) rmSync(path, { recursive: true, force: true })
  }
  utimesSync(folder, new Date(), new Date())
  return folder
}

const main = async () => {
  if (Number(process.versions.node.split('.')[0]) < needed) {
    const own = ['x64', 'arm64']
      .map((arch) => join(root, 'node_modules', `node-linux-${arch}`, 'bin', 'node'))
      .find((path) => existsSync(path))
    if (own === undefined) {
      process.stderr.write(
        `gantry: Cannot run: Node.js ${needed} or newer is needed, this is ${process.versions.node}\n` +
          `hint: install it from https://nodejs.org, or run "npm ci" in a checkout of gantry, which brings its own\n`,
      )
      process.exitCode = 1
      return
    }
    const child = spawn(own, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
    const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2']
    for (const signal of signals) process.on(signal, () => child.kill(signal))
    child.on('exit', (status, signal) => {
      for (const one of signals) process.removeAllListeners(one)
      if (signal) process.kill(process.pid, signal)
      process.exitCode = status === null ? 1 : status
    })
    return
  }
  if (!existsSync(join(root, 'src'))) {
    await import('../dist/main.js')
    return
  }
  const folder = await checkoutBundle()
  await import(folder === undefined ? '../src/cli/main.ts' : pathToFileURL(join(folder, 'main.js')).href)
}

await main()
