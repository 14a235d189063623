import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { median, must } from './measure.ts'
import { startDaemon, stopDaemon } from './tools/daemon.ts'

/** Manifests that the hub and a peer's registry hand out in a second, to 16 connections; a line to print. */
export const compareServing = async (
  gantry: string,
  work: string,
  port: number,
  peer: { readonly host: string; readonly image: string },
  rounds: number,
): Promise<string> => {
  const host = `127.0.0.1:${port}`
  const command = [gantry, '--root', join(work, 'hub'), 'hub', 'serve', '--listen', host]
  const hub = await startDaemon(command, join(work, 'hub.log'), ['curl', '-sf', '-o', '/dev/null', `http://${host}/v2/`])
  try {
    const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false']
    must(['skopeo', 'copy', '-q', ...insecure, `docker://${peer.host}/${peer.image}`, `docker://${host}/${peer.image}`])
    const pairs = Array.from({ length: rounds }, () => ({ own: rate(host, peer.image), other: rate(peer.host, peer.image) }))
    const own = median(pairs.map((pair) => pair.own))
    const other = median(pairs.map((pair) => pair.other))
    return `manifest GET/s      gantry hub ${own.toFixed(0)}, docker-registry ${other.toFixed(0)}: ${(own / other).toFixed(1)} times`
  } finally {
    await stopDaemon(hub)
  }
}

const rate = (host: string, image: string): number => {
  const [name = '', tag = ''] = image.split(':')
  const accept = 'Accept: application/vnd.oci.image.manifest.v1+json'
  const url = `http://${host}/v2/${name}/manifests/${tag}`
  const { stdout } = spawnSync('wrk', ['-t1', '-c16', '-d3s', '-H', accept, url], { encoding: 'utf8' })
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1] ?? NaN)
}
