import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createReadStream, readFileSync } from 'node:fs'
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { TestBuilds } from '../../src/build/test-builds.ts'
import type { DiffId } from '../../src/oci/digest.ts'
import type { HistoryEntry, ImageConfig } from '../../src/oci/image-config.ts'
import { dropFolder, lacking, podmanCommand, sh, stop } from '../support.ts'
import { corpus, type CorpusEntry } from './build-corpus.ts'

const common = ['crun', 'busybox', 'tar']
const dockerSkip = lacking([...common, 'dockerd', 'ip'], { root: true })
const buildahSkip = lacking([...common, 'buildah', 'skopeo'], { root: true })
const bridge = `gbt${process.pid % 100_000}`

let builds: TestBuilds
let docker: { readonly process: ChildProcess; readonly environment: NodeJS.ProcessEnv } | undefined
let buildah: ReturnType<typeof podmanCommand> | undefined
const contexts = new Map<string, string>()

before(async () => {
  if (dockerSkip !== false && buildahSkip !== false) return
  builds = await TestBuilds.open()
  const base = await baseContext()
  const { descriptor } = await builds.build({ context: base })
  await builds.content.tag('docker.io/library/base:latest', descriptor)
  for (const [name, entry] of Object.entries(corpus)) contexts.set(name, await contextOf(entry))
  if (dockerSkip === false) {
    docker = await startDocker(join(builds.root, 'docker'))
    sh([dockerCommand(), 'build', '-q', '-t', 'base', base], docker.environment)
  }
  if (buildahSkip === false) {
    buildah = podmanCommand(join(builds.root, 'buildah'))
    bud(['-t', 'docker.io/library/base:latest', base])
  }
})

after(async () => {
  if (docker !== undefined) {
    await stop(docker.process)
    spawnSync('ip', ['link', 'del', bridge])
  }
  if (builds === undefined) return
  dropFolder(join(builds.root, 'docker'))
  dropFolder(join(builds.root, 'buildah'))
  await builds[Symbol.asyncDispose]()
})

/** A root with busybox, two users and what a container has mounted over, so that no builder leaves mount points. */
const baseContext = async (): Promise<string> => {
  const context = await builds.context({
    Dockerfile: 'FROM scratch\nADD root.tar /\nCMD ["sh"]',
    'root/etc/passwd': 'root:x:0:0:root:/root:/bin/sh\napp:x:500:501::/home/app:/bin/sh\n',
    'root/etc/group': 'root:x:0:\nstaff:x:77:\n',
    'root/etc/hosts': '',
    'root/etc/hostname': '',
    'root/etc/resolv.conf': '',
    'root/etc/motd': 'hello',
    'root/home/app/.keep': '',
  })
  const root = join(context, 'root')
  for (const folder of ['bin', 'dev/pts', 'dev/shm', 'proc', 'root', 'run/secrets', 'sys', 'tmp', 'v'])
    await mkdir(join(root, folder), { recursive: true })
  await cp('/bin/busybox', join(root, 'bin/busybox'))
  for (const name of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n'))
    if (name !== 'busybox') await symlink('busybox', join(root, 'bin', name))
  sh(['chmod', '1777', join(root, 'tmp')])
  sh(['chown', '-R', '500:501', join(root, 'home/app')])
  sh(['tar', '-C', root, '-cf', join(context, 'root.tar'), '.'])
  sh(['rm', '-r', root])
  return context
}

const contextOf = async (entry: CorpusEntry): Promise<string> => {
  const context = await builds.context({ ...entry.files, Dockerfile: entry.text })
  if (!entry.text.includes('archive.tgz')) return context
  const inner = await builds.context({ 'in/one': 'ONE', 'in/two': { text: '2', mode: 0o4750 }, 'in/link': { link: 'one' } })
  const tar = execFileSync('tar', ['-C', inner, '--owner=7', '--group=8', '-c', 'in'])
  await writeFile(join(context, 'archive.tgz'), gzipSync(tar))
  await writeFile(join(context, 'plain.gz'), gzipSync('no archive'))
  return context
}

const dockerCommand = (): string => '/usr/bin/docker'

/** A docker daemon with a bridge of its own, so that no other daemon is disturbed. */
const startDocker = async (folder: string): Promise<NonNullable<typeof docker>> => {
  await mkdir(folder)
  sh(['ip', 'link', 'add', bridge, 'type', 'bridge'])
  sh(['ip', 'addr', 'add', '172.29.78.1/24', 'dev', bridge])
  sh(['ip', 'link', 'set', bridge, 'up'])
  const host = `unix://${folder}/docker.sock`
  const child = spawn(
    'dockerd',
    [
      '--data-root',
      join(folder, 'data'),
      '--exec-root',
      join(folder, 'exec'),
      '-p',
      join(folder, 'pid'),
      '-H',
      host,
      '--storage-driver',
      'overlay2',
      `--bridge=${bridge}`,
    ],
    { stdio: 'ignore' },
  )
  const environment = { ...process.env, DOCKER_HOST: host, DOCKER_BUILDKIT: '1', DOCKER_CONFIG: folder }
  for (let attempt = 0; spawnSync(dockerCommand(), ['version'], { env: environment }).status !== 0; attempt++) {
    if (attempt === 100) throw new Error('dockerd did not start')
    await sleep(100)
  }
  return { process: child, environment }
}

const argumentsOf = (name: string, entry: CorpusEntry): readonly string[] => [
  ...Object.entries(entry.buildArgs ?? {}).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]),
  ...(entry.target === undefined ? [] : ['--target', entry.target]),
  contexts.get(name) ?? '',
]

const bud = (args: readonly string[]): void => {
  const { command, environment } = buildah!
  const [, ...flags] = command
  const store = flags.filter((_, index) => !['--tmpdir'].includes(flags[index] ?? '') && flags[index - 1] !== '--tmpdir')
  sh(['buildah', ...store, 'bud', '-q', '--isolation', 'chroot', '--layers', ...args], environment)
}

interface PeerImage {
  readonly config: ImageConfig
}

/** Reads an archive of `docker save`: its config, and its layers into our store. */
const readSaved = async (archive: string): Promise<PeerImage> => {
  const extract = (path: string): Buffer => execFileSync('tar', ['-xOf', archive, path], { maxBuffer: 1 << 28 })
  const [manifest] = JSON.parse(extract('manifest.json').toString()) as readonly {
    readonly Config: string
    readonly Layers: readonly string[]
  }[]
  const config = JSON.parse(extract(manifest!.Config).toString()) as ImageConfig
  for (const [index, layer] of manifest!.Layers.entries()) {
    const path = join(builds.root, 'layer.tar')
    await writeFile(path, extract(layer))
    await builds.layers.add(config.rootfs.diff_ids[index] as DiffId, createReadStream(path) as AsyncIterable<Buffer>)
  }
  return { config }
}

/** The files of an image but for the links to busybox. */
const filesOf = async (image: PeerImage): Promise<readonly string[]> =>
  (await builds.listing(image)).filter((line) => !line.endsWith('-> busybox'))

/** What counts of a config. */
const essence = ({ config = {}, os, architecture, author = '' }: ImageConfig): unknown => ({
  os,
  architecture,
  author,
  ...Object.fromEntries(
    (
      [
        'User',
        'ExposedPorts',
        'Env',
        'Entrypoint',
        'Cmd',
        'Volumes',
        'WorkingDir',
        'Labels',
        'StopSignal',
        'Healthcheck',
        'OnBuild',
        'Shell',
      ] as const
    ).map((key) => [key, config[key] ?? null]),
  ),
})

/** History as both write it: newer versions of BuildKit print ports, health checks and flags otherwise than the one that is here. */
const historyOf = ({ history = [] }: ImageConfig): readonly string[] =>
  history.map(({ created_by: text = '', empty_layer: empty = false }: HistoryEntry) => {
    const common = text
      .replace(/^(EXPOSE|HEALTHCHECK) .*/, '$1')
      .replace(/^(COPY|ADD)(?: --\S+)+/, '$1')
      .replace(/^(ARG \w+).*/, '$1')
    return `${empty ? '-' : '+'} ${common}`
  })

for (const [name, entry] of Object.entries(corpus)) {
  const ours = async (): Promise<PeerImage> =>
    await builds.build({
      context: contexts.get(name) ?? '',
      ...(entry.buildArgs === undefined ? {} : { buildArgs: entry.buildArgs }),
      ...(entry.target === undefined ? {} : { target: entry.target }),
    })

  test(`docker makes the same image of "${name}"`, { skip: dockerSkip }, async () => {
    const archive = join(builds.root, `${name}.tar`)
    sh([dockerCommand(), 'build', '-q', '-t', `corpus:${name}`, ...argumentsOf(name, entry)], docker!.environment)
    sh([dockerCommand(), 'save', '-o', archive, `corpus:${name}`], docker!.environment)
    const [peer, own] = [await readSaved(archive), await ours()]
    assert.deepEqual(await filesOf(own), await filesOf(peer))
    assert.deepEqual(essence(own.config), essence(peer.config))
    assert.deepEqual(historyOf(own.config), historyOf(peer.config))
  })

  if (entry.notBuildah !== undefined) continue
  test(`buildah makes the same files of "${name}"`, { skip: buildahSkip }, async () => {
    bud(['-t', `corpus:${name}`, ...argumentsOf(name, entry)])
    const archive = join(builds.root, `${name}-buildah.tar`)
    const { command, environment } = buildah!
    const [, , root = '', , runroot = ''] = command
    sh(
      [
        'skopeo',
        'copy',
        '-q',
        `containers-storage:[overlay@${root}+${runroot}]localhost/corpus:${name}`,
        `docker-archive:${archive}:corpus:${name}`,
      ],
      environment,
    )
    const [peer, own] = [await readSaved(archive), await ours()]
    assert.deepEqual(await filesOf(own), await filesOf(peer))
  })
}

test('what gantry builds docker loads and runs', { skip: dockerSkip }, async () => {
  const image = await builds.dockerfile('FROM base\nRUN echo built > /f\nENTRYPOINT ["cat"]\nCMD ["/f"]')
  const folder = join(builds.root, 'layout')
  await mkdir(folder)
  await builds.content.tag('docker.io/library/made:1', image.descriptor)
  const archive = join(builds.root, 'made.tar')
  sh(['skopeo', 'copy', '-q', `oci:${builds.content.folder}:docker.io/library/made:1`, `docker-archive:${archive}:made:1`])
  sh([dockerCommand(), 'load', '-q', '-i', archive], docker!.environment)
  assert.equal(sh([dockerCommand(), 'run', '--rm', '--network', 'none', 'made:1'], docker!.environment), 'built\n')
  assert.ok(readFileSync(archive).length > 0)
})
