import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket } from 'node:net'
import type { RuntimeTools } from './detect-runtime.ts'
import { runtimeArguments } from './monitor.ts'

/**
 * Reads lines `+ ID PID` and `- ID`. Where its input ends before a container was taken back, whoever held it is gone: the runtime's
 * process (a group of its own) is killed, so that it makes no container any more, then the container.
 */
const script = `trap '' HUP INT TERM
held=
while read -r sign id pid; do
  case $sign in
    +) held="$held $id:$pid" ;;
    -) rest=
       for one in $held; do [ "\${one%%:*}" = "$id" ] || rest="$rest $one"; done
       held=$rest ;;
  esac
done
for one in $held; do kill -s KILL -- "-\${one#*:}"; done
for one in $held; do
  for attempt in 1 2 3 4 5; do "$@" delete --force "\${one%%:*}" && break; sleep 0.1; done
done`

/** A process that outlives this one by as long as it takes to kill the containers that this one leaves behind, however it ends. */
export class Watchdog {
  readonly #process: ChildProcess

  private constructor(child: ChildProcess) {
    this.#process = child
  }

  static start(tools: RuntimeTools): Watchdog {
    const child = spawn('/bin/sh', ['-c', script, 'watchdog', tools.runtime.path, ...runtimeArguments(tools)], {
      cwd: '/',
      env: { PATH: tools.path },
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    // without it a container of a build that is killed runs to its end
    child.on('error', () => undefined)
    child.stdin.on('error', () => undefined)
    child.unref()
    ;(child.stdin as Socket).unref()
    return new Watchdog(child)
  }

  /** `pid` is of the runtime that runs the container. */
  watch(id: string, pid: number): void {
    this.#process.stdin?.write(`+ ${id} ${pid}\n`)
  }

  release(id: string): void {
    this.#process.stdin?.write(`- ${id}\n`)
  }

  /** Ends it; what is still watched is killed. */
  close(): void {
    this.#process.stdin?.end()
  }
}
