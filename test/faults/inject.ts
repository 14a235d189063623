import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { sep } from 'node:path'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'

// Loaded into a gantry by NODE_OPTIONS=--import, its worker threads included: numbers every call that changes something below a folder,
// in the order in which all threads make them, and at one of them kills the process or makes the call fail.

/** What to do, as JSON in the environment variable `GANTRY_TEST_FAULT`. */
export interface Fault {
  /** Only calls that change something below this folder count. */
  readonly below: string
  /** The number of the call, from 1 on; none: calls are only logged. */
  readonly at?: number
  /** Kill before the call, half way through it if it writes, or after it; or let it fail with this code. */
  readonly action: 'before' | 'during' | 'after' | 'ENOSPC' | 'EIO'
  /** A regular expression: only calls whose name matches count. */
  readonly calls?: string
  /** The file to which a line for each call is added. */
  readonly log?: string
}

type Call = (...args: unknown[]) => unknown
type Table = Record<string, Call>

const fault = JSON.parse(process.env['GANTRY_TEST_FAULT'] ?? '{}') as Fault
const real = { append: fs.appendFileSync, readlink: fs.readlinkSync, kill: process.kill.bind(process) }
const count = isMainThread
  ? new Int32Array(new SharedArrayBuffer(4))
  : (getEnvironmentData('gantry-test-fault') as Int32Array<SharedArrayBuffer>)
if (isMainThread) setEnvironmentData('gantry-test-fault', count)

const die = (): never => {
  real.kill(process.pid, 'SIGKILL')
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

const refusal = (syscall: string, path: string): Error =>
  Object.assign(new Error(`${fault.action}: ${fault.action === 'EIO' ? 'i/o error' : 'no space left on device'}, ${syscall}`), {
    code: fault.action,
    syscall,
    path,
    errno: fault.action === 'EIO' ? -5 : -28,
  })

const ofDescriptor = (fd: unknown): string => {
  try {
    return real.readlink(`/proc/self/fd/${String(fd)}`)
  } catch {
    return ''
  }
}

/** What a call changes, from its arguments, or undefined if it changes nothing. */
type PathOf = (args: readonly unknown[], self: unknown) => string | undefined
const argument =
  (index: number): PathOf =>
  (args) =>
    typeof args[index] === 'string' ? args[index] : undefined
const descriptor: PathOf = ([fd]) => ofDescriptor(fd)
const handle: PathOf = (_args, self) => ofDescriptor((self as { readonly fd: number }).fd)
const written: PathOf = (args) => {
  const flags = args[1] ?? 'r'
  const changes =
    typeof flags === 'number'
      ? (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT)) !== 0
      : flags !== 'r'
  return changes && typeof args[0] === 'string' ? args[0] : undefined
}

const onPaths: Readonly<Record<string, PathOf>> = {
  open: written,
  ...Object.fromEntries(
    ['mkdir', 'mkdtemp', 'rename', 'unlink', 'rm', 'rmdir', 'chmod', 'truncate', 'writeFile', 'appendFile', 'utimes'].map(
      (name) => [name, argument(0)],
    ),
  ),
  ...Object.fromEntries(['link', 'symlink', 'copyFile', 'cp'].map((name) => [name, argument(1)])),
}
const onDescriptors = ['write', 'writev', 'ftruncate', 'fsync', 'fdatasync', 'fchmod', 'futimes']
const onHandles = ['write', 'writev', 'writeFile', 'appendFile', 'truncate', 'sync', 'datasync', 'chmod', 'utimes']

const counted = new RegExp(fault.calls ?? '')

/** The same call with half of what it writes; undefined if it writes nothing that could be halved. */
const halved = (args: readonly unknown[], offset: number): readonly unknown[] | undefined => {
  const data = args[offset]
  if (typeof data === 'string') return args.with(offset, data.slice(0, data.length >> 1))
  if (!(data instanceof Uint8Array)) return undefined
  const [from, length] = [args[offset + 1], args[offset + 2]]
  if (typeof from === 'number' && typeof length === 'number') return args.with(offset + 2, length >> 1)
  return args.with(offset, data.subarray(0, data.length >> 1))
}

/** What is to happen at this call: undefined if only the call itself. */
const arrive = (name: string, path: string | undefined): Fault['action'] | undefined => {
  if (path === undefined || !(path === fault.below || path.startsWith(fault.below + sep))) return undefined
  if (!counted.test(name)) return undefined
  const number = Atomics.add(count, 0, 1) + 1
  if (fault.log !== undefined)
    real.append(fault.log, `${number} ${isMainThread ? 'main' : 'worker'} ${name} ${path.slice(fault.below.length)}\n`)
  return number === fault.at ? fault.action : undefined
}

type Style = 'sync' | 'callback' | 'promise'

const wrap = (table: Table, key: string, name: string, pathOf: PathOf, style: Style, dataAt: number): void => {
  const call = table[key]
  if (call === undefined) return
  table[key] = function wrapped(this: unknown, ...args: unknown[]): unknown {
    const path = pathOf(args, this)
    const action = arrive(name, path)
    const perform = (changed: readonly unknown[] = args): unknown => Reflect.apply(call, this, changed)
    if (action === undefined) return perform()
    if (action === 'before') return die()
    if (action === 'ENOSPC' || action === 'EIO') {
      const error = refusal(name, path ?? '')
      if (style === 'sync') throw error
      if (style === 'promise') return Promise.reject(error)
      process.nextTick(args.at(-1) as Call, error)
      return undefined
    }
    const changed = action === 'during' ? halved(args, dataAt) : args
    if (changed === undefined) return die()
    if (style === 'sync') return (void perform(changed), die())
    if (style === 'promise') return Promise.resolve(perform(changed)).then(die, die)
    return perform([...changed.slice(0, -1), die])
  }
}

const sync = fs as unknown as Table
const promises = fs.promises as unknown as Table
for (const [name, pathOf] of Object.entries(onPaths)) {
  wrap(sync, `${name}Sync`, name, pathOf, 'sync', 1)
  wrap(sync, name, name, pathOf, 'callback', 1)
  wrap(promises, name, name, pathOf, 'promise', 1)
}
for (const name of onDescriptors) {
  wrap(sync, `${name}Sync`, name, descriptor, 'sync', 1)
  wrap(sync, name, name, descriptor, 'callback', 1)
}
const sample = await fs.promises.open('/dev/null')
const prototype = Object.getPrototypeOf(sample) as Table
for (const name of onHandles) wrap(prototype, name, name, handle, 'promise', 0)
await sample.close()
syncBuiltinESMExports()
