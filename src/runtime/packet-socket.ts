import { closeSync, constants, openSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import { systemCode } from '../lib/errors.ts'
import { flags, native } from '../lib/native.ts'

/** A connection to a unix socket that keeps packets apart (SOCK_SEQPACKET), which Node.js cannot open by itself. */
export interface PacketSocket {
  /** Sends one packet, not empty; resolves when the kernel has taken it. Only one at a time: two would become one packet. */
  write(packet: Uint8Array): Promise<void>
  /** Says that no more packets will be sent. */
  end(): void
  /** Goes on after `onPacket` answered false. */
  resume(): void
  /** Hangs up. */
  destroy(): void
  /** Settles when the other side has hung up and its last packet was given to `onPacket`, or after `destroy`. */
  readonly closed: Promise<void>
}

/** Larger than any packet of conmon, which are 8 KiB and a byte. */
const maxPacket = 64 * 1024

/**
 * Connects to the socket `name` in `folder`. `onPacket` gets each packet, a buffer of its own; false asks for a pause.
 * Throws with the code of connect(2) if nobody listens.
 */
export const connectPackets = (folder: string, name: string, onPacket: (packet: Buffer) => boolean): PacketSocket => {
  const libc = native()
  const packets = connectTo(folder, name)
  // libuv looks at the kind of an fd when it is opened, and knows streams only: it gets one, and then the packets in its place.
  // Each read(2) of its answers one packet, so all else is the same.
  const fd = libc.socket(flags.AF_UNIX, flags.SOCK_STREAM)
  const buffer = Buffer.allocUnsafe(maxPacket)
  const deliver = (size: number): boolean => size === 0 || onPacket(Buffer.from(buffer.subarray(0, size)))
  const socket = new Socket({
    fd,
    readable: true,
    writable: true,
    allowHalfOpen: true,
    onread: { buffer, callback: (size) => deliver(size) },
  })
  libc.dup3(packets, fd)
  const hungUp = new AbortController()
  const closed = new Promise<void>((resolve) => {
    socket.once('end', () => socket.destroy())
    // ECONNRESET: the other side went without reading all of ours; what it sent before is still there
    socket.once('error', () => undefined)
    socket.once('close', () => {
      // when the other side hangs up, libuv takes one packet and calls that the end; the kernel still has the rest
      for (let size = readNow(packets, buffer); size > 0 && !hungUp.signal.aborted; size = readNow(packets, buffer)) deliver(size)
      closeSync(packets)
      resolve()
    })
  })
  return {
    write: (packet) => new Promise((resolve) => void socket.write(packet, () => resolve())),
    end: () => void socket.end(),
    resume: () => void socket.resume(),
    destroy: () => {
      hungUp.abort()
      socket.destroy()
    },
    closed,
  }
}

const connectTo = (folder: string, name: string): number => {
  const libc = native()
  // by /proc: an address has room for 107 bytes
  const directory = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  const fd = libc.socket(flags.AF_UNIX, flags.SOCK_SEQPACKET | flags.SOCK_NONBLOCK)
  try {
    libc.connect(fd, unixAddress(`/proc/self/fd/${directory}/${name}`))
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  } finally {
    closeSync(directory)
  }
}

/** A sockaddr_un. */
const unixAddress = (path: string): Uint8Array => {
  const family = new Uint8Array(Uint16Array.of(flags.AF_UNIX).buffer)
  return Buffer.concat([family, Buffer.from(`${path}\0`)])
}

/** The size of the packet that is there, 0 for none. */
const readNow = (fd: number, buffer: Buffer): number => {
  for (;;)
    try {
      return readSync(fd, buffer)
    } catch (error) {
      const code = systemCode(error)
      if (code === 'EAGAIN') return 0
      if (code !== 'ECONNRESET') throw error
    }
}
