import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inMountNamespace } from '../../lib/mount-namespace.ts'
import type { Mount } from '../../lib/mount.ts'
import { TarParser } from '../../lib/tar/parser.ts'
import { mergeTrees } from '../tree/merge-trees.ts'
import { encodeErofs } from './encode.ts'
import { treeOfTar } from './test-layers.ts'

/** Why indexes cannot be mounted and looked at here, or false. */
export const noMounting = (): string | false => {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting needs root on Linux'
  const systems = readFileSync('/proc/filesystems', 'utf8') + spawnSync('modprobe', ['-n', 'erofs'], { encoding: 'utf8' }).status
  if (!systems.includes('erofs') && !systems.endsWith('0')) return 'the kernel has no EROFS'
  return spawnSync('tar', ['--version'], { encoding: 'utf8' }).stdout?.includes('GNU') ? false : 'GNU tar is not installed'
}
/** A layer's tar and index as files. */
export interface StoredLayer {
  readonly tar: Buffer
  readonly path: string
  readonly index: string
}

/** A folder for tests, with what they need of layers in it. */
export class Scratch implements Disposable {
  readonly #root = mkdtempSync(join(tmpdir(), 'gantry-layers-'))
  #serial = 0

  path(): string {
    return join(this.#root, String(this.#serial++))
  }

  folder(): string {
    const path = this.path()
    mkdirSync(path)
    return path
  }

  store(tar: Buffer): StoredLayer {
    const base = this.path()
    writeFileSync(`${base}.tar`, tar)
    writeFileSync(`${base}.erofs`, Buffer.concat([...encodeErofs(treeOfTar(tar), { devices: [{ bytes: tar.length }] })]))
    return { tar, path: `${base}.tar`, index: `${base}.erofs` }
  }

  mount(layer: StoredLayer): Mount & { kind: 'erofs' } {
    return { kind: 'erofs', image: layer.index, devices: [layer.path], target: this.folder() }
  }

  mountMerged(layers: readonly StoredLayer[]): Mount & { kind: 'erofs' } {
    const image = this.path()
    const tree = mergeTrees(layers.map((layer) => treeOfTar(layer.tar)))
    writeFileSync(image, Buffer.concat([...encodeErofs(tree, { devices: layers.map((layer) => ({ bytes: layer.tar.length })) })]))
    return { kind: 'erofs', image, devices: layers.map((layer) => layer.path), target: this.folder() }
  }

  [Symbol.dispose](): void {
    rmSync(this.#root, { recursive: true, force: true })
  }
}

/** Runs a program with the mounts. */
export const inside = (mounts: readonly Mount[], command: string, args: readonly string[], input?: Buffer): Buffer =>
  inMountNamespace(mounts, [], () => {
    const result = spawnSync(command, args, { maxBuffer: 1 << 30, ...(input === undefined ? {} : { input }) })
    assert.equal(result.status, 0, result.stderr.toString())
    return result.stdout
  })

/** All that a folder says when it is read: GNU tar looks at every name, attribute, xattr and byte. */
export const listing = (mounts: readonly Mount[], path: string): string[] => {
  const bytes = inside(mounts, 'tar', [
    '--xattrs',
    '--xattrs-include=*',
    '--acls',
    '--sort=name',
    '--format=pax',
    '-C',
    path,
    '-cf',
    '-',
    '.',
  ])
  const lines: string[] = []
  let hash = createHash('sha256')
  const parser = new TarParser({
    entry: ({ mtime, userName: _u, groupName: _g, rawName, rawLinkName: _l, xattrs, sparse: _s, ...entry }) => {
      hash = createHash('sha256')
      const time = `${mtime.seconds}.${mtime.nanoseconds}`
      const attributes = Object.entries(xattrs ?? {}).map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`)
      lines.push(JSON.stringify({ ...entry, time, raw: Buffer.from(rawName ?? '').toString('hex'), xattrs: attributes.sort() }))
    },
    body: (piece) => {
      hash.update(piece)
      const digest = ` ${hash.copy().digest('hex')}`
      lines.push(`${lines.pop()?.split(' sha ')[0]} sha${digest}`)
    },
  })
  parser.feed(bytes)
  parser.finish()
  return lines
}
