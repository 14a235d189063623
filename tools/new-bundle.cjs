// Makes the bundle that bin/gantry.cjs runs in a checkout.
'use strict'
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const { join } = require('node:path')

/** What a bundle is made with, besides its sources. */
const tools = [
  'package.json',
  'tsconfig.json',
  'bin/gantry.cjs',
  'tools/new-bundle.cjs',
  'tools/bundle.ts',
  'tools/link-modules.ts',
]

/**
 * Bundles a checkout below a folder for caches; answers where it is and the states of what it was made of. Synchronous, since a command
 * may be waiting for it in its middle.
 */
const newBundle = (root, cache) => {
  const started = Date.now()
  const sources = fs.readdirSync(join(root, 'src'), { recursive: true }).map((name) => `src/${name}`)
  // before they are read: what is changed meanwhile has another state when gantry is started next
  const before = new Map([...tools, ...sources].map((path) => [path, fs.statSync(join(root, path))]))
  const name = `${started.toString(36)}-${process.pid}`
  const folder = join(cache, name)
  const program = `const { bundle } = await import(process.argv[1]); console.log(JSON.stringify(await bundle(process.argv[2])))`
  const script = join(root, 'tools', 'bundle.ts')
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', program, script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // a change so shortly before may be followed by another that leaves the same time: then no time is right
  const stateOf = ({ size, ctimeMs } = { size: 0, ctimeMs: 0 }) => [size, started - ctimeMs < 50 ? 0 : ctimeMs]
  const states = Object.fromEntries([...tools, ...JSON.parse(output)].map((path) => [path, stateOf(before.get(path))]))
  const temporary = join(cache, `${name}.tmp`)
  fs.writeFileSync(temporary, JSON.stringify({ name, states }))
  fs.renameSync(temporary, join(cache, 'latest'))
  // a gantry that still runs loads its workers from the bundle that it was started with
  for (const other of fs.readdirSync(cache)) {
    const path = join(cache, other)
    const stats = fs.statSync(path, { throwIfNoEntry: false })
    const isOld = stats !== undefined && stats.mtimeMs < started - 3600_000
    if (isOld && !['compiled', 'latest', name].includes(other)) fs.rmSync(path, { recursive: true, force: true })
  }
  return { folder, states }
}

module.exports = { newBundle }
