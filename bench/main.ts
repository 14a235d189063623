import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { install, runtimeRequirements } from '../tools/requirements.ts'
import type { Case, Results } from './case.ts'
import { allCases } from './cases.ts'
import { makeContexts, publishImages } from './images.ts'
import { measure, type Sample } from './measure.ts'
import { PeerRegistry } from './registry.ts'
import { head, table, verdicts } from './report.ts'
import { compareServing } from './serve.ts'
import { ctrTool } from './tools/ctr.ts'
import { dockerTool } from './tools/docker.ts'
import { gantryTool } from './tools/gantry.ts'
import { nodeTool } from './tools/node.ts'
import { podmanTool } from './tools/podman.ts'
import { skopeoTool } from './tools/skopeo.ts'
import type { Tool } from './tools/tool.ts'

// Measures gantry beside its peers in one run and prints ratios. `npm run bench -- [case …]`, with cases by the beginning of their
// names; N=runs (5), TOOLS=docker,ctr (all), WORK=folder (.gantry/bench, some 15 GiB), PORT=first of three (5977).
const checkout = join(import.meta.dirname, '..')
const work = process.env.WORK ?? join(checkout, '.gantry', 'bench')
const runs = Number(process.env.N ?? 5)
const port = Number(process.env.PORT ?? 5977)
const wantedTools = process.env.TOOLS?.split(',')
const wantedCases = process.argv.slice(2)

install(
  [
    ...runtimeRequirements,
    ['podman', 'podman golang-github-containers-common'],
    ['buildah', 'buildah'],
    ['skopeo', 'skopeo'],
    ['docker-registry', 'docker-registry'],
    ['dockerd', 'docker.io'],
    ['containerd', 'containerd'],
    ['iptables', 'iptables'],
    ['busybox', 'busybox-static'],
    ['runc', 'runc'],
    ['curl', 'curl'],
    ['time', 'time'],
    ['ps', 'procps'],
    ['wrk', 'wrk'],
  ],
  console.error,
)
mkdirSync(work, { recursive: true })
const gantry = gantryTool(checkout, work)
const peers = [
  dockerTool(work),
  podmanTool('podman', work),
  podmanTool('buildah', work),
  ctrTool(work),
  skopeoTool(work),
  nodeTool(),
].filter(({ name }) => wantedTools === undefined || wantedTools.includes(name))
const tools: readonly Tool[] = [gantry, ...peers]

/** Times a case `runs` times for each tool. One tool after the other: they do not share the machine with each other's daemons. */
const measureCase = (one: Case, daemons: ReadonlyMap<string, readonly number[]>): Results => {
  const results = new Map<string, readonly Sample[]>()
  for (const tool of tools.filter(({ name }) => one.tools.includes(name))) {
    const command = tool.command(one.verb(tool))
    if (command === undefined) continue
    try {
      one.setUp?.(tool)
      const samples = Array.from({ length: runs }, () => {
        one.prepare?.(tool)
        return measure(tool.command(one.verb(tool)) ?? command, tool.environment, daemons.get(tool.name))
      })
      results.set(tool.name, samples)
    } catch (error) {
      if (tool === gantry) throw error
      console.error(`${one.name}: ${tool.name} is left out: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return results
}

const wants = (name: string): boolean => wantedCases.length === 0 || wantedCases.some((one) => name.startsWith(one))

const registry = new PeerRegistry(join(work, 'registry'), port)
const target = new PeerRegistry(join(work, 'target'), port + 1)
const daemons = new Map<string, readonly number[]>()
const reached: string[] = []
try {
  await registry.start()
  await target.start()
  makeContexts(join(work, 'contexts'))
  publishImages(gantry, join(work, 'contexts'), registry.host, join(work, 'registry', 'published'))
  for (const tool of tools) daemons.set(tool.name, await tool.start())
  console.log(`# ${runs} runs each. skopeo unpacks nothing: a floor for pulls and pushes.\n${head}`)
  for (const one of allCases({ work, registry, target })) {
    if (!wants(one.name)) continue
    const results = measureCase(one, daemons)
    console.log(table(one.name, results))
    reached.push(...verdicts(one, results))
  }
  if (wants('serve')) {
    const peer = { host: registry.host, image: 'bench/busybox:1' }
    console.log(await compareServing(join(checkout, 'bin', 'gantry'), work, port + 2, peer, Math.min(runs, 3)))
  }
  if (reached.length > 0) console.log(`\n# What was wanted of gantry, and what was reached\n${reached.join('\n')}`)
} finally {
  for (const tool of tools) {
    tool.reset()
    await tool.stop()
    rmSync(join(work, tool.name), { recursive: true, force: true })
  }
  await registry.stop()
  await target.stop()
}
