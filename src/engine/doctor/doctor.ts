import { mkdir } from 'node:fs/promises'
import { userInfo } from 'node:os'
import type { Engine } from '../engine.ts'
import { messageOf } from '../../lib/errors.ts'
import { readDistribution, type Distribution } from './distribution.ts'
import {
  cgroupLayout,
  emulatedArchitectures,
  findProgram,
  hasSubordinateIds,
  kernelHasFileSystem,
  programVersion,
  userNamespaces,
} from './probes.ts'

/** One thing that gantry looks for on a machine. */
export interface Finding {
  readonly name: string
  readonly status: 'ok' | 'warning' | 'missing'
  /** What was found. */
  readonly found: string
  /** What does not work, or works worse, without it. */
  readonly cost?: string
  /** The command that brings it. */
  readonly remedy?: string
}

interface Program {
  readonly name: string
  readonly cost: string
  readonly status: 'warning' | 'missing'
}

const programs: readonly Program[] = [
  { name: 'conmon', status: 'missing', cost: 'containers cannot be run: nothing watches them' },
  { name: 'netavark', status: 'warning', cost: 'no bridge networks for containers' },
  { name: 'aardvark-dns', status: 'warning', cost: 'no names of containers on bridge networks' },
]

/** Looks at what the machine offers; never changes it. In the order in which a user needs the things. */
export const examine = async (engine: Engine): Promise<readonly Finding[]> => {
  const { environment } = engine.options
  const path = environment.PATH ?? ''
  const distribution = await readDistribution()
  if (process.platform !== 'linux')
    return [
      await storeFinding(engine),
      await registriesFinding(environment),
      {
        name: 'containers',
        status: 'missing',
        found: process.platform,
        cost: 'running containers and RUN steps needs Linux; images can be pulled, pushed, built without RUN, and hosted',
      },
    ]
  return [
    await storeFinding(engine),
    await runtimeFinding(path, distribution),
    ...(await Promise.all(programs.map(async (program) => await programFinding(program, path, distribution)))),
    await erofsFinding(engine),
    await overlayFinding(),
    await cgroupFinding(),
    await userNamespaceFinding(path, distribution),
    await emulationFinding(distribution),
    await registriesFinding(environment),
  ]
}

const remedy = (distribution: Distribution, program: string): { readonly remedy?: string } => {
  const command = distribution.install(program)
  return command === undefined ? {} : { remedy: command }
}

const programFinding = async (program: Program, path: string, distribution: Distribution): Promise<Finding> => {
  const file = await findProgram(program.name, path)
  if (file === undefined)
    return {
      name: program.name,
      status: program.status,
      found: 'not found',
      cost: program.cost,
      ...remedy(distribution, program.name),
    }
  return { name: program.name, status: 'ok', found: (await programVersion(file)) ?? file }
}

const runtimeFinding = async (path: string, distribution: Distribution): Promise<Finding> => {
  for (const name of ['crun', 'runc']) {
    const file = await findProgram(name, path)
    if (file !== undefined) return { name: 'OCI runtime', status: 'ok', found: (await programVersion(file)) ?? file }
  }
  return {
    name: 'OCI runtime',
    status: 'missing',
    found: 'neither crun nor runc',
    cost: 'containers and RUN steps cannot be run',
    ...remedy(distribution, 'crun'),
  }
}

const storeFinding = async (engine: Engine): Promise<Finding> => {
  const { root } = engine.options
  try {
    await mkdir(root, { recursive: true })
    const { access, constants, statfs } = await import('node:fs/promises')
    await access(root, constants.W_OK)
    const { bavail, bsize } = await statfs(root)
    const free = Math.round((bavail * bsize) / 1e9)
    if (free < 2) return { name: 'store', status: 'warning', found: `${root}, ${free} GB free`, cost: 'little room for images' }
    return { name: 'store', status: 'ok', found: `${root}, ${free} GB free` }
  } catch (error) {
    return {
      name: 'store',
      status: 'missing',
      found: messageOf(error),
      cost: 'nothing can be kept',
      remedy: 'choose another folder with --root or GANTRY_ROOT',
    }
  }
}

/** Which files say where images come from. */
const registriesFinding = async (environment: Engine['options']['environment']): Promise<Finding> => {
  const { routingFiles } = await import('../../remote/index.ts')
  try {
    const files = await routingFiles(environment)
    return {
      name: 'registries',
      status: 'ok',
      found: files.length === 0 ? 'no mirrors, nothing blocked' : `as ${files.join(', ')} say`,
    }
  } catch (error) {
    return {
      name: 'registries',
      status: 'warning',
      found: messageOf(error),
      cost: 'nothing can be pulled or pushed',
      remedy: 'correct the file; docs/registries.md says what is read',
    }
  }
}

const erofsFinding = async (engine: Engine): Promise<Finding> => {
  const { canMountErofs } = await import('../../layers/probe.ts')
  const reason = await canMountErofs(engine.options.root)
  if (reason === undefined) return { name: 'EROFS', status: 'ok', found: 'layers are mounted without being unpacked' }
  return {
    name: 'EROFS',
    status: 'warning',
    found: reason,
    cost: 'layers are unpacked into folders: pulls take several times as long',
    remedy: 'run as root on Linux 6.12 or newer (or load the module: modprobe erofs)',
  }
}

const overlayFinding = async (): Promise<Finding> =>
  (await kernelHasFileSystem('overlay'))
    ? { name: 'overlayfs', status: 'ok', found: 'in the kernel' }
    : {
        name: 'overlayfs',
        status: 'missing',
        found: 'not in /proc/filesystems',
        cost: 'containers have no writable layer',
        remedy: 'modprobe overlay',
      }

const cgroupFinding = async (): Promise<Finding> => {
  const layout = await cgroupLayout()
  if (layout === 'none')
    return { name: 'cgroups', status: 'warning', found: 'not mounted', cost: 'no limits and no accounting for containers' }
  return { name: 'cgroups', status: 'ok', found: layout }
}

const userNamespaceFinding = async (path: string, distribution: Distribution): Promise<Finding> => {
  const name = 'user namespaces'
  if (!(await userNamespaces()))
    return {
      name,
      status: 'warning',
      found: 'not allowed',
      cost: 'no containers without root',
      remedy: 'sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000',
    }
  if ((await findProgram('newuidmap', path)) === undefined)
    return {
      name,
      status: 'warning',
      found: 'allowed, newuidmap not found',
      cost: 'containers without root have a single user id',
      ...remedy(distribution, 'newuidmap'),
    }
  const { username, uid } = userInfo()
  if (uid !== 0 && !(await hasSubordinateIds(username)))
    return {
      name,
      status: 'warning',
      found: `allowed, no subordinate ids for ${username}`,
      cost: 'containers without root have a single user id',
      remedy: `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}`,
    }
  return { name, status: 'ok', found: 'allowed' }
}

const emulationFinding = async (distribution: Distribution): Promise<Finding> => {
  const architectures = await emulatedArchitectures()
  if (architectures.length > 0) return { name: 'emulation', status: 'ok', found: `qemu for ${architectures.join(', ')}` }
  return {
    name: 'emulation',
    status: 'warning',
    found: 'no qemu handlers in binfmt_misc',
    cost: 'images of other architectures do not run',
    ...remedy(distribution, 'qemu-user'),
  }
}
