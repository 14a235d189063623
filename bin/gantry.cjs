#!/usr/bin/env node
// Starts gantry: the published bundle in dist/, or, in a checkout, a bundle of src/ that is made anew when a source changed.
// The syntax stays old so that an old Node.js can say what is needed instead of failing in the middle.
'use strict'
const { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } = require('node:fs')
const nodeModule = require('node:module')
const { dirname, join } = require('node:path')
const { pathToFileURL } = require('node:url')

const root = dirname(__dirname)
const needed = 24

/** What the bundle is made of, as a number: every source's path, size and time. Without node:crypto, which costs milliseconds. */
const signature = () => {
  let hash = 0x811c9dc5
  const add = (text) => {
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  }
  const addFile = (path) => {
    const { mtimeMs, size } = statSync(path)
    add(`${path} ${size} ${mtimeMs}`)
  }
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = `${folder}/${entry.name}`
      if (entry.isDirectory()) walk(path)
      else if (path.endsWith('.ts') && !path.endsWith('.test.ts')) addFile(path)
    }
  }
  add(process.versions.node)
  walk(join(root, 'src'))
  addFile(join(root, 'package.json'))
  addFile(join(root, 'tools', 'bundle.ts'))
  return (hash >>> 0).toString(16)
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
    const { spawn } = require('node:child_process')
    const child = spawn(own, [__filename, ...process.argv.slice(2)], { stdio: 'inherit' })
    const signals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2']
    for (const signal of signals) process.on(signal, () => child.kill(signal))
    child.on('exit', (status, signal) => {
      for (const one of signals) process.removeAllListeners(one)
      if (signal) process.kill(process.pid, signal)
      process.exitCode = status === null ? 1 : status
    })
    return
  }
  const folder = existsSync(join(root, 'src')) ? await checkoutBundle() : join(root, 'dist', 'cli')
  if (folder === undefined) {
    await import('../src/cli/main.ts')
    return
  }
  // what V8 compiled is kept beside the bundle, where that can be written to
  nodeModule.enableCompileCache(join(folder, 'compiled'))
  require(join(folder, 'main.js'))
}

void main()
