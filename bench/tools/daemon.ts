import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** Starts a daemon and waits until `ready` succeeds; what it prints goes to a file. */
export const startDaemon = async (
  command: readonly string[],
  log: string,
  ready: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<ChildProcess> => {
  const sink = openSync(log, 'w')
  const child = spawn(command[0] ?? '', command.slice(1), { stdio: ['ignore', sink, sink], env: environment })
  closeSync(sink)
  for (let attempt = 0; attempt < 150 && child.exitCode === null; attempt++) {
    if (spawnSync(ready[0] ?? '', ready.slice(1), { env: environment }).status === 0) return child
    await sleep(200)
  }
  child.kill('SIGKILL')
  throw new Error(`${command[0]} did not start: ${readFileSync(log, 'utf8').slice(-500)}`)
}

/** Ends a daemon and waits until it is gone. */
export const stopDaemon = async (child: ChildProcess | undefined): Promise<void> => {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGTERM')
  const killer = setTimeout(() => child.kill('SIGKILL'), 15_000)
  await gone
  clearTimeout(killer)
}

/** A daemon with the processes that it has started. */
export const processGroup = (child: ChildProcess): readonly number[] => {
  const pid = child.pid ?? 0
  const children = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' }).stdout
  return [pid, ...children.split('\n').map(Number).filter(Boolean)]
}
