import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { install, runtimeRequirements } from '../tools/requirements.ts'
import { makeBigFiles, makeManyFiles } from './data.ts'
import { median, table, tableHead, time } from './measure.ts'
import { gantryTool, peerEnvironment, podmanTool, skopeoTool, type Tool, type Verb } from './tools.ts'

// Measures gantry beside its peers in one run and prints ratios. `npm run bench -- [case …]`, N=runs, WORK=folder.
const checkout = join(import.meta.dirname, '..')
const work = process.env.WORK ?? join(checkout, '.gantry', 'bench')
const runs = Number(process.env.N ?? 5)
const wanted = process.argv.slice(2)
const port = Number(process.env.PORT ?? 5977)
const registry = `127.0.0.1:${port}`
const hubPort = port + 1

install(
  [
    ...runtimeRequirements,
    ['podman', 'podman'],
    ['buildah', 'buildah'],
    ['skopeo', 'skopeo'],
    ['docker-registry', 'docker-registry'],
    ['busybox', 'busybox-static'],
    ['runc', 'runc'],
    ['wrk', 'wrk'],
    ['hyperfine', 'hyperfine'],
  ],
  console.error,
)
mkdirSync(work, { recursive: true })
const environment = peerEnvironment(work)
const gantry = gantryTool(checkout, work)
const tools: readonly Tool[] = [gantry, podmanTool('podman', work), podmanTool('buildah', work), skopeoTool(work)]

const must = (command: readonly string[]): void => void time(command, environment)
const run = (tool: Tool, verb: Verb): boolean => {
  const command = tool.command(verb)
  if (command !== undefined) must(command)
  return command !== undefined
}

const wants = (name: string): boolean => wanted.length === 0 || wanted.some((one) => name.startsWith(one))

/** Times a verb `runs` times for each tool that has it, the tools taking turns so that a busy moment meets them all. */
const compare = (name: string, verb: Verb, prepare: (tool: Tool) => void, among = tools): void => {
  if (!wants(name)) return
  const results = new Map<string, number[]>()
  for (let i = 0; i < runs; i++)
    for (const tool of among) {
      const command = tool.command(verb)
      if (command === undefined) continue
      prepare(tool)
      const values = results.get(tool.name) ?? []
      values.push(time(command, environment))
      results.set(tool.name, values)
    }
  console.log(table(name, results))
}

const startRegistry = async (name: string, at: number): Promise<ChildProcess> => {
  const folder = join(work, name)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'config.yml'),
    `version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: ${folder}/data}, delete: {enabled: true}}\nhttp: {addr: "127.0.0.1:${at}", secret: bench}\n`,
  )
  return await start('docker-registry', ['serve', join(folder, 'config.yml')], at)
}

const start = async (command: string, args: readonly string[], at: number): Promise<ChildProcess> => {
  const child = spawn(command, args, { stdio: 'ignore', env: { ...environment, OTEL_TRACES_EXPORTER: 'none' } })
  for (let i = 0; i < 100; i++) {
    if (
      await fetch(`http://127.0.0.1:${at}/v2/`).then(
        (response) => response.ok,
        () => false,
      )
    )
      return child
    await sleep(100)
  }
  throw new Error(`${command} did not start on port ${at}`)
}

/** Makes the images with gantry and pushes them to the registry: the same bytes for every tool. */
const makeImages = (): void => {
  const contexts = join(work, 'contexts')
  makeManyFiles(join(contexts, 'many'))
  makeBigFiles(join(contexts, 'big'))
  mkdirSync(join(contexts, 'busybox', 'bin'), { recursive: true })
  copyFileSync(existsSync('/bin/busybox') ? '/bin/busybox' : '/usr/bin/busybox', join(contexts, 'busybox', 'bin', 'busybox'))
  const busybox = 'FROM scratch\nCOPY bin /bin\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nENV PATH=/bin\nCMD ["sh"]\n'
  writeFileSync(join(contexts, 'busybox', 'Dockerfile'), busybox)
  for (const name of ['many', 'big'])
    writeFileSync(join(contexts, name, 'Dockerfile'), 'FROM scratch\nCOPY . /data\nCMD ["/none"]\n')
  gantry.reset()
  for (const name of ['busybox', 'many', 'big']) {
    run(gantry, { verb: 'build', context: join(contexts, name), name: `${registry}/bench/${name}:1`, cache: true })
    run(gantry, { verb: 'push', image: `${registry}/bench/${name}:1` })
  }
  const app = join(work, 'contexts', 'app')
  mkdirSync(app, { recursive: true })
  spawnSync('cp', ['-r', join(contexts, 'many', 'node_modules'), app])
  writeFileSync(
    join(app, 'Dockerfile'),
    `FROM ${registry}/bench/busybox:1 AS one\nCOPY node_modules /app/node_modules\nRUN echo built > /app/out\nFROM ${registry}/bench/busybox:1\nCOPY --from=one /app /app\nRUN ls /app > /list\nWORKDIR /app\nCMD ["sh"]\n`,
  )
}

const image = (name: string): string => `${registry}/bench/${name}:1`

const peer = await startRegistry('registry', port)
// emptied before each push
const second = await startRegistry('second', port + 2)
let hub: ChildProcess | undefined
try {
  makeImages()
  console.log(
    `# ${runs} runs each, medians; gantry / tool below 1: gantry is faster. skopeo unpacks nothing: a floor for pull and push.\n${tableHead}`,
  )
  for (const name of ['many', 'big']) compare(`pull ${name}`, { verb: 'pull', image: image(name) }, (tool) => tool.reset())
  for (const name of wants('push') ? ['many', 'big'] : []) {
    const target = `127.0.0.1:${port + 2}/bench/${name}:1`
    for (const tool of tools) {
      tool.reset()
      run(tool, { verb: 'pull', image: image(name) })
      run(tool, { verb: 'tag', image: image(name), name: target })
    }
    compare(`push ${name}`, { verb: 'push', image: target }, () =>
      rmSync(join(work, 'second', 'data', 'docker'), {
        recursive: true,
        force: true,
      }),
    )
    compare(`push again ${name}`, { verb: 'push', image: target }, () => undefined)
  }
  const builders = tools.filter((tool) => tool.name !== 'skopeo')
  for (const tool of builders) run(tool, { verb: 'pull', image: image('busybox') })
  const context = join(work, 'contexts', 'app')
  compare('build cold', { verb: 'build', context, name: 'bench-app:1', cache: false }, () => undefined, builders)
  for (const tool of builders) run(tool, { verb: 'build', context, name: 'bench-app:1', cache: true })
  compare('build cached', { verb: 'build', context, name: 'bench-app:1', cache: true }, () => undefined, builders)
  for (const tool of builders) run(tool, { verb: 'run', image: image('busybox') })
  compare('run --rm true', { verb: 'run', image: image('busybox') }, () => undefined)
  compare('images', { verb: 'images' }, () => undefined)

  if (wants('serve')) {
    hub = await start(
      join(checkout, 'bin', 'gantry'),
      ['--root', join(work, 'hub'), 'hub', 'serve', '--listen', `127.0.0.1:${hubPort}`],
      hubPort,
    )
    must([
      'skopeo',
      'copy',
      '-q',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${image('busybox')}`,
      `docker://127.0.0.1:${hubPort}/bench/busybox:1`,
    ])
    const rate = (at: number): number => {
      const url = `http://127.0.0.1:${at}/v2/bench/busybox/manifests/1`
      const accept = 'Accept: application/vnd.oci.image.manifest.v1+json'
      const output = spawnSync('wrk', ['-t1', '-c16', '-d3s', '-H', accept, url], { encoding: 'utf8' }).stdout
      return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1] ?? NaN)
    }
    const rounds = Array.from({ length: Math.min(runs, 3) }, () => ({ own: rate(hubPort), peer: rate(port) }))
    const own = median(rounds.map((round) => round.own))
    const other = median(rounds.map((round) => round.peer))
    console.log(
      `manifest GET/s          gantry hub ${own.toFixed(0)}, docker-registry ${other.toFixed(0)}, ratio ${(own / other).toFixed(1)}`,
    )
  }
} finally {
  hub?.kill()
  peer.kill()
  second.kill()
  for (const tool of tools) tool.reset()
}
