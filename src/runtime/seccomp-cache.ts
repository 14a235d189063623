import { linkSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { systemCode } from '../lib/errors.ts'
import { shortHash } from '../lib/short-hash.ts'
import type { RuntimeTools } from './detect-runtime.ts'
import type { RuntimeSeccomp } from './runtime-spec.ts'

// Compiling the filter takes libseccomp about 15 ms of each start. crun leaves what it compiled beside the container's state, and
// takes it back in an annotation (crun(1), run.oci.seccomp_bpf_data); a crun that does not know it compiles the filter as before.

/** The annotation that hands crun a compiled filter, base64. */
export const filterAnnotation = 'run.oci.seccomp_bpf_data'

/** An instruction has 8 bytes, the kernel takes 4,096 of them. */
const maxFilter = 8 * 4096

/** The compiled form of a filter that this crun has compiled before, base64; else undefined. */
export const compiledFilter = (tools: RuntimeTools, seccomp: RuntimeSeccomp): string | undefined => {
  if (tools.runtime.kind !== 'crun') return undefined
  try {
    const bytes = readFileSync(cacheFile(tools, seccomp))
    return bytes.length > 0 && bytes.length <= maxFilter && bytes.length % 8 === 0 ? bytes.toString('base64') : undefined
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return undefined
  }
}

/** Keeps what crun compiled for a container that it has created; where that fails, the next container has it compiled again. */
export const keepCompiledFilter = (tools: RuntimeTools, id: string, seccomp: RuntimeSeccomp): void => {
  if (tools.runtime.kind !== 'crun') return
  try {
    const file = cacheFile(tools, seccomp)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    linkSync(join(tools.stateFolder, id, 'seccomp.bpf'), file)
  } catch (error) {
    if (systemCode(error) === undefined) throw error
  }
}

/** Named after all that the compiled form depends on. */
const cacheFile = (tools: RuntimeTools, seccomp: RuntimeSeccomp): string => {
  const { size, mtimeMs } = statSync(tools.runtime.path)
  return join(tools.stateFolder, '.seccomp', shortHash(JSON.stringify([tools.runtime.path, size, mtimeMs, seccomp])))
}
