import { spawn, type ChildProcess } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { busyboxPath, dropFolder, sh, stop } from '../support.ts'

/** A folder for a peer and all it leaves behind; disposing unmounts and removes it. */
export const temporaryFolder = (): Disposable & { readonly path: string } => {
  const path = mkdtempSync(join(tmpdir(), 'gantry-interop-'))
  return { path, [Symbol.dispose]: () => dropFolder(path) }
}

/** A daemon that a test started; disposing ends it and waits. Its output is in `<folder>/<name>.log`. */
export const startDaemon = async (
  folder: string,
  command: readonly string[],
  socket: string,
): Promise<AsyncDisposable & { readonly process: ChildProcess }> => {
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: folder, stdio: 'ignore' })
  for (let attempt = 0; !existsSync(socket); attempt++) {
    if (child.exitCode !== null || attempt === 300) throw new Error(`${program} did not start`)
    await sleep(100)
  }
  return { process: child, [Symbol.asyncDispose]: () => stop(child) }
}

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/** An OCI layout in `<folder>/layout` whose tag `multi` is an index of two platforms and `one` the first of them. */
export const writeLayout = (folder: string): { readonly layout: string; readonly multi: string; readonly one: string } => {
  const layout = join(folder, 'layout')
  mkdirSync(join(layout, 'blobs', 'sha256'), { recursive: true })
  const store = (bytes: Buffer, mediaType: string): Descriptor => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(layout, 'blobs', 'sha256', hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  }
  const json = (value: object, kind: string): Descriptor =>
    store(Buffer.from(JSON.stringify(value)), `application/vnd.oci.image.${kind}.v1+json`)
  const tars = [layerTar(folder, 'busybox'), layerTar(folder, 'noise')]
  const layers = tars.map((tar) => store(gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip'))
  const image = (architecture: string): object => {
    const config = json(
      {
        architecture,
        os: 'linux',
        config: { Cmd: ['/bin/busybox', 'true'] },
        rootfs: { type: 'layers', diff_ids: tars.map((tar) => `sha256:${createHash('sha256').update(tar).digest('hex')}`) },
      },
      'config',
    )
    const manifest = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers }
    return { ...json(manifest, 'manifest'), platform: { os: 'linux', architecture } }
  }
  const manifests = [image('amd64'), image('arm64')] as readonly Descriptor[]
  const multi = json({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }, 'index')
  const named = (descriptor: object, name: string): object => ({
    ...descriptor,
    annotations: { 'org.opencontainers.image.ref.name': name },
  })
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [named(multi, 'multi'), named(manifests[0] ?? {}, 'one')] }),
  )
  return { layout, multi: multi.digest, one: manifests[0]?.digest ?? '' }
}

const layerTar = (folder: string, name: string): Buffer => {
  const root = mkdtempSync(join(folder, 'root-'))
  mkdirSync(join(root, 'bin'))
  if (name === 'busybox') copyFileSync(busyboxPath(), join(root, 'bin', 'busybox'))
  else writeFileSync(join(root, 'bin', name), randomBytes(2_000_000))
  sh(['tar', '-C', root, '--numeric-owner', '-cf', `${root}.tar`, 'bin'])
  return readFileSync(`${root}.tar`)
}

export const digestOfBytes = (bytes: string | Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
