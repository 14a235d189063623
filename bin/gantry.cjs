#!/usr/bin/env node
// Starts gantry: the published bundle in dist/, or, in a checkout, a bundle of src/ that is made anew when a source changed.
// The syntax stays old so that an old Node.js can say what is needed instead of failing in the middle.
'use strict'
const fs = require('node:fs')
const { dirname, join } = require('node:path')

const root = dirname(__dirname)
const needed = 24
const cache = join(root, 'node_modules', '.cache', 'gantry')

const main = async () => {
  if (Number(process.versions.node.split('.')[0]) < needed) return withOwnNode()
  if (!fs.existsSync(join(root, 'src'))) return run(join(root, 'dist', 'cli'))
  const folder = currentBundle() || (await newBundle())
  if (folder !== undefined) return run(folder)
  const { start } = await import('../src/cli/main.ts')
  await start(process.argv.slice(2))
}

/** The folder of the bundle that was made last, if every file that it was made of is as it was: some hundred calls of stat. */
const currentBundle = () => {
  let last
  try {
    last = JSON.parse(fs.readFileSync(join(cache, 'current'), 'latin1'))
  } catch {
    return undefined
  }
  if (last.version !== process.version) return undefined
  const { name, files, sizes, times } = last
  for (let at = 0; at < files.length; at++) {
    const stats = fs.statSync(root + files[at], { throwIfNoEntry: false })
    // the time of the last change of the inode cannot be set back, as that of its content can
    if (stats === undefined || stats.size !== sizes[at] || stats.ctimeMs !== times[at]) return undefined
  }
  return join(cache, name)
}

/** Bundles the checkout; undefined where the bundler is not installed. */
const newBundle = async () => {
  if (!fs.existsSync(join(root, 'node_modules', 'esbuild'))) return undefined
  const { pathToFileURL } = require('node:url')
  const started = Date.now()
  const others = ['package.json', 'tsconfig.json', 'bin/gantry.cjs', 'tools/bundle.ts', 'tools/link-modules.ts']
  const sources = fs.readdirSync(join(root, 'src'), { recursive: true }).map((name) => `src/${name}`)
  // before they are read: what is changed meanwhile has another state when gantry is started next
  const states = new Map([...others, ...sources].map((path) => [path, fs.statSync(join(root, path))]))
  const { bundle } = await import(pathToFileURL(join(root, 'tools', 'bundle.ts')).href)
  const name = `${started.toString(36)}-${process.pid}`
  const files = [...others, ...(await bundle(join(cache, name)))]
  // a change so shortly before may be followed by another that leaves the same time: then no time is right
  const timeOf = ({ ctimeMs }) => (started - ctimeMs < 50 ? 0 : ctimeMs)
  const last = {
    version: process.version,
    name,
    files: files.map((path) => `/${path}`),
    sizes: files.map((path) => states.get(path).size),
    times: files.map((path) => timeOf(states.get(path))),
  }
  const temporary = join(cache, `${name}.tmp`)
  fs.writeFileSync(temporary, JSON.stringify(last))
  fs.renameSync(temporary, join(cache, 'current'))
  // a gantry that still runs loads its workers from the bundle that it was started with
  for (const other of fs.readdirSync(cache)) {
    const path = join(cache, other)
    const stats = fs.statSync(path, { throwIfNoEntry: false })
    if (other !== name && other !== 'current' && stats !== undefined && stats.mtimeMs < started - 3600_000)
      fs.rmSync(path, { recursive: true, force: true })
  }
  return join(cache, name)
}

/**
 * Runs the command line's modules. Those that a command used when it ran before are kept as a file of their own, with what V8 compiled
 * of them the next time: to read and compile what all commands consist of would take twice as long as most of them.
 */
const run = async (folder) => {
  const words = process.argv.slice(2)
  const verb = words.find((word, at) => /^[a-z]+$/.test(word) && !/^--(?:root|storage-driver)$/.test(words[at - 1]))
  const all = join(folder, 'main.js')
  const { size, ctimeMs } = fs.statSync(all)
  const identity = `${process.version} ${process.arch} ${size} ${ctimeMs}`
  const path = join(folder, 'compiled', `${verb}`)
  const kept = readKept(path, identity)
  const script = kept && compile(path, kept.source, kept.code)
  const used = script ? script.runInThisContext() : {}
  let others
  const load = linker(all, (id) => {
    if (used[id] === undefined) {
      others = others || compile(all, fs.readFileSync(all, 'latin1')).runInThisContext()
      used[id] = others[id]
    }
    return used[id]
  })
  const { start, leave, isVerb } = load('src/cli/main.ts')
  await start(words)
  if (others !== undefined) {
    if (isVerb(verb)) keep(path, identity, textOf(used), Buffer.alloc(0))
  } else if (kept.code === undefined || script.cachedDataRejected) keep(path, identity, kept.source, script.createCachedData())
  leave()
}

const compile = (filename, source, cachedData) => {
  const { Script } = require('node:vm')
  return new Script(source, { filename, cachedData })
}

/** Answers what loads a module by its path in the checkout: calls the function that defines it, once. */
const linker = (filename, find) => {
  const loaded = new Map()
  const bundle = {
    get url() {
      return require('node:url').pathToFileURL(filename).href
    },
    // what import() makes of a module that is CommonJS
    namespace: (own) => (own[Symbol.toStringTag] === 'Module' ? own : Object.assign({}, own, { default: own })),
    define: (exports, all) => {
      for (const name in all) Object.defineProperty(exports, name, { get: all[name], enumerable: true })
    },
  }
  const load = (id) => {
    const known = loaded.get(id)
    if (known !== undefined) return known
    const exports = {}
    loaded.set(id, exports)
    find(id)(exports, load, require, bundle)
    return exports
  }
  return load
}

/** As in main.js, of which each is a part. In all, it is ASCII. */
const textOf = (modules) =>
  `({\n${Object.keys(modules)
    .map((id) => `${JSON.stringify(id)}: ${modules[id]}`)
    .join(',\n')}\n})\n`

// A kept file: a line that says what it was made of and how long the source is, filled up with blanks; the source; the compiled code,
// which V8 wants at a multiple of 8.
const headerSize = 128

const readKept = (path, identity) => {
  try {
    const bytes = fs.readFileSync(path)
    const header = bytes.latin1Slice(0, headerSize)
    if (!header.startsWith(`${identity} `)) return undefined
    const end = headerSize + Number(header.slice(identity.length))
    return { source: bytes.latin1Slice(headerSize, end), code: end < bytes.length ? bytes.subarray(end) : undefined }
  } catch {
    return undefined
  }
}

const keep = (path, identity, source, code) => {
  const padded = source.padEnd(Math.ceil(source.length / 8) * 8)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    fs.mkdirSync(dirname(path), { recursive: true })
    fs.writeFileSync(temporary, [`${identity} ${padded.length}`.padEnd(headerSize), padded].join(''), 'latin1')
    fs.appendFileSync(temporary, code)
    fs.renameSync(temporary, path)
  } catch {
    // where nothing can be written, nothing is kept
  }
}

const withOwnNode = () => {
  const own = ['x64', 'arm64']
    .map((arch) => join(root, 'node_modules', `node-linux-${arch}`, 'bin', 'node'))
    .find((path) => fs.existsSync(path))
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
}

void main()
