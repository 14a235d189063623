import { createRequire } from 'node:module'
import { getSystemErrorMap } from 'node:util'
import { GantryError } from './errors.ts'

/** Flags of mount(2), umount2(2), unshare(2) and socket(2), from the kernel's headers. */
export const flags = {
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_REMOUNT: 32,
  MS_BIND: 4096,
  MS_REC: 16_384,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
  MNT_DETACH: 2,
  CLONE_NEWNS: 0x0002_0000,
  AF_UNIX: 1,
  SOCK_STREAM: 1,
  SOCK_SEQPACKET: 5,
  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2_000_000,
} as const

/** The few calls of libc that Node.js does not have. Each throws a GantryError whose detail is `{ errno: 'ENOENT', … }`. Linux only. */
export interface Native {
  mount(source: string, target: string, type: string | null, mountFlags: number, data: string | null): void
  unmount(target: string, unmountFlags: number): void
  unshare(cloneFlags: number): void
  setns(fd: number, cloneFlags: number): void
  /** Makes a named pipe. */
  mkfifo(path: string, mode: number): void
  /** A new socket, as a file descriptor that the caller closes. */
  socket(domain: number, type: number): number
  /** `address` is a whole sockaddr. */
  connect(fd: number, address: Uint8Array): void
  /** Makes `target` a name for what `fd` is open on, closed on exec; what `target` was is closed. */
  /** Makes a terminal show every byte as it comes (termios OPOST off): Node's raw mode still turns \n into \r\n. */
  passOutput(fd: number): void
  dup3(fd: number, target: number): void
}

const names = new Map([...getSystemErrorMap()].map(([number, [name, text]]) => [-number, { name, text }]))
// Node.js does not know the one that mount(2) answers for a file where it wants a block device
names.set(15, { name: 'ENOTBLK', text: 'block device required' })

let loaded: Native | undefined

/** Loads koffi and libc on first use (about 2 ms); `unsupported` where there is no prebuilt koffi or no Linux. */
export const native = (): Native => (loaded ??= load())

interface Koffi {
  load(path: string): { func(prototype: string): (...args: unknown[]) => number }
  errno(): number
}

/** A function of libc by its C prototype; `what` says in errors what it does to its text arguments. A negative result is thrown as an error. */
export type DefineCall = (prototype: string, what: string) => (...args: unknown[]) => number

/** Loads koffi and answers what makes functions of libc callable. */
export const loadLibc = (): DefineCall => {
  if (process.platform !== 'linux') throw new GantryError('unsupported', 'NOT_LINUX', 'Cannot call the kernel: this needs Linux')
  let koffi: Koffi
  let libc: ReturnType<Koffi['load']>
  try {
    koffi = loadKoffi(createRequire(import.meta.filename))
    // null: the symbols of the running program, which links libc, whichever it is
    libc = koffi.load(null as unknown as string)
  } catch (cause) {
    throw new GantryError('unsupported', 'NO_NATIVE', 'Cannot call libc: the koffi module does not load on this machine', {
      cause,
      hint: 'install gantry with its optional and platform packages (npm ci)',
    })
  }
  return (prototype, what) => {
    const call = libc.func(prototype)
    return (...args) => {
      const result = call(...args)
      if (result >= 0) return result
      const number = koffi.errno()
      const { name, text } = names.get(number) ?? { name: `errno ${number}`, text: 'unknown error' }
      const kind = name === 'EPERM' || name === 'EACCES' ? 'permission_denied' : 'failed_precondition'
      throw new GantryError(
        kind,
        name,
        `Cannot ${what} ${args
          .filter((one) => typeof one === 'string')
          .map((one) => `"${one}"`)
          .join(' ')}: ${text}`,
        {
          detail: { errno: name },
        },
      )
    }
  }
}

/** koffi's binary for glibc itself where there is one: the package's own code takes longer to find out which to load than that to load. */
const loadKoffi = (require: NodeJS.Require): Koffi => {
  try {
    return require(`@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`) as Koffi
  } catch {
    return require('koffi') as Koffi
  }
}

const load = (): Native => {
  const define = loadLibc()
  const mount = define('int mount(const char*, const char*, const char*, unsigned long, const char*)', 'mount')
  const unmount = define('int umount2(const char*, int)', 'unmount')
  const unshare = define('int unshare(int)', 'make a namespace')
  const setns = define('int setns(int, int)', 'enter a namespace')
  const mkfifo = define('int mkfifo(const char*, unsigned int)', 'make the named pipe')
  const socket = define('int socket(int, int, int)', 'make a socket')
  const connect = define('int connect(int, const void*, unsigned int)', 'connect a socket')
  const getTerminal = define('int tcgetattr(int, void*)', 'read the settings of the terminal')
  const setTerminal = define('int tcsetattr(int, int, const void*)', 'change the settings of the terminal')
  const dup3 = define('int dup3(int, int, int)', 'duplicate a file descriptor')
  return {
    mount: (source, target, type, mountFlags, data) => void mount(source, target, type, mountFlags, data),
    unmount: (target, unmountFlags) => void unmount(target, unmountFlags),
    unshare: (cloneFlags) => void unshare(cloneFlags),
    setns: (fd, cloneFlags) => void setns(fd, cloneFlags),
    mkfifo: (path, mode) => void mkfifo(path, mode),
    socket: (domain, type) => socket(domain, type | flags.SOCK_CLOEXEC, 0),
    connect: (fd, address) => void connect(fd, address, address.length),
    passOutput: (fd) => {
      const settings = Buffer.alloc(256)
      getTerminal(fd, settings)
      // struct termios: c_iflag, then c_oflag, whose first bit is OPOST
      settings.writeUInt32LE((settings.readUInt32LE(4) & ~1) >>> 0, 4)
      setTerminal(fd, 0, settings)
    },
    dup3: (fd, target) => void dup3(fd, target, flags.SOCK_CLOEXEC),
  }
}
