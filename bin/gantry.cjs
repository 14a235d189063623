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
  if (!fs.existsSync(join(root, 'src'))) return run(published)
  if (fs.existsSync(join(root, 'node_modules', 'esbuild'))) return run(checkout)
  const { start } = await import('../src/cli/main.ts')
  await start(process.argv.slice(2))
}

/** The bundle of a package: made when it was published. */
const published = {
  kept: join(root, 'dist', 'cli', 'compiled'),
  bundle: () => {
    const { size, ctimeMs } = fs.statSync(join(root, 'dist', 'cli', 'modules'))
    return { folder: join(root, 'dist', 'cli'), states: { 'dist/cli/modules': [size, ctimeMs] } }
  },
  isMadeOf: () => true,
}

/** The bundle of a checkout: made anew when something that it was made of has changed. */
const checkout = {
  kept: join(cache, 'compiled'),
  bundle: () => {
    const last = lastBundle()
    return last !== undefined && isCurrent(last.states) ? last : require('../tools/new-bundle.cjs').newBundle(root, cache)
  },
  // not of the modules that it does not use, but of the tools
  isMadeOf: (file, used) => !file.startsWith('src/') || used[file] !== undefined,
}

const lastBundle = () => {
  try {
    const { name, states } = JSON.parse(fs.readFileSync(join(cache, 'latest'), 'latin1'))
    return fs.existsSync(join(cache, name, 'modules')) ? { folder: join(cache, name), states } : undefined
  } catch {
    return undefined
  }
}

/** Whether files are as they were. The time of the last change of the inode cannot be set back, as that of its content can. */
const isCurrent = (states) => {
  for (const path in states) {
    const stats = fs.statSync(`${root}/${path}`, { throwIfNoEntry: false })
    if (stats === undefined || stats.size !== states[path][0] || stats.ctimeMs !== states[path][1]) return false
  }
  return true
}

/**
 * Runs the command line's modules. Those that a command used when it ran before are kept in a file of their own, with what V8 compiled
 * of them the next time: to look at, read and compile what all commands consist of would take longer than most of them.
 */
const run = async (place) => {
  const words = process.argv.slice(2)
  const verb = words.find((word, at) => /^[a-z]+$/.test(word) && !/^--(?:root|storage-driver)$/.test(words[at - 1]))
  const path = join(place.kept, `${verb}`)
  const kept = readKept(path)
  const script = kept && compile(path, kept.source, kept.code)
  const used = script ? script.runInThisContext() : {}
  let made
  const bundle = () => (made = made || place.bundle())
  let others
  const find = (id) => {
    if (used[id] === undefined) {
      const { folder } = bundle()
      others = others || readModules(join(folder, 'modules'))
      used[id] = compile(join(folder, id), others(id)).runInThisContext()
    }
    return used[id]
  }
  const { start, leave, isVerb } = linker(find, () => join(bundle().folder, 'modules.js'))('src/cli/main.ts')
  await start(words)
  if (others !== undefined) {
    const states = Object.entries(bundle().states).filter(([file]) => place.isMadeOf(file, used))
    // not if a source has changed since the start: what is kept would be the old code with the new state
    const isSame = states.every(([file, [, time]]) => kept === undefined || (kept.states[file] || [0, time])[1] === time)
    if (isSame && isVerb(verb)) keep(path, Object.fromEntries(states), textOf(used), Buffer.alloc(0))
  } else if (kept.code === undefined || script.cachedDataRejected) {
    keep(path, kept.states, kept.source, script.createCachedData())
  }
  leave()
}

const compile = (filename, source, cachedData) => {
  const { Script } = require('node:vm')
  return new Script(source, { filename, cachedData })
}

/** Answers what loads a module by its path in the checkout: calls the function that defines it, once. */
const linker = (find, fileOf) => {
  const loaded = new Map()
  const bundle = {
    filename: __filename,
    // for what lies beside the modules
    get url() {
      return require('node:url').pathToFileURL(fileOf()).href
    },
    // what import() makes of a module that is CommonJS
    namespace: (own) =>
      require('node:util').types.isModuleNamespaceObject(own) ? own : Object.assign({}, own, { default: own }),
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

/** Answers what finds the text of a module in what tools/link-modules.ts made. All of it is ASCII. */
const readModules = (path) => {
  const text = fs.readFileSync(path, 'latin1')
  const places = new Map()
  let start = text.indexOf('\n') + 1
  for (const [id, length] of JSON.parse(text.slice(0, start))) {
    places.set(id, [start, start + length])
    start += length
  }
  return (id) => text.slice(...places.get(id))
}

/** One object of all modules that were used. */
const textOf = (modules) =>
  `({\n${Object.keys(modules)
    .map((id) => `${JSON.stringify(id)}: ${modules[id]}`)
    .join(',\n')}\n})\n`

// A kept file: the lengths of what follows; as JSON, the states of the files that the source was made of; the source; the compiled
// code, which V8 wants at a multiple of 8.

const readKept = (path) => {
  try {
    const bytes = fs.readFileSync(path)
    const [version, statesSize, sourceSize] = bytes.latin1Slice(0, 64).split(' ')
    if (version !== process.version) return undefined
    const sourceStart = 64 + Number(statesSize)
    const codeStart = sourceStart + Number(sourceSize)
    const states = JSON.parse(bytes.latin1Slice(64, sourceStart))
    if (!isCurrent(states)) return undefined
    const code = codeStart < bytes.length ? bytes.subarray(codeStart) : undefined
    return { states, source: bytes.latin1Slice(sourceStart, codeStart), code }
  } catch {
    return undefined
  }
}

const keep = (path, states, source, code) => {
  const padded = (text) => text.padEnd(Math.ceil(text.length / 8) * 8)
  const parts = [padded(JSON.stringify(states)), padded(source)]
  const header = [process.version, ...parts.map((part) => part.length), ''].join(' ').padEnd(64)
  const temporary = `${path}.${process.pid}.tmp`
  try {
    fs.mkdirSync(dirname(path), { recursive: true })
    fs.writeFileSync(temporary, Buffer.concat([Buffer.from([header, ...parts].join(''), 'latin1'), code]))
    fs.renameSync(temporary, path)
  } catch {
    // where nothing can be written, nothing is kept
    fs.rmSync(temporary, { force: true })
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
