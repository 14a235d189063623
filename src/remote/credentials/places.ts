import { dirname, join } from 'node:path'
import { GantryError } from '../../lib/errors.ts'
import type { Environment } from '../../lib/http/proxy.ts'

const home = ({ HOME, USERPROFILE }: Environment): string | undefined => HOME || USERPROFILE || undefined

const below = (folder: string | undefined, ...path: readonly string[]): string | undefined =>
  folder ? join(folder, ...path) : undefined

/** docker's config.json. */
export const dockerFile = (environment: Environment): string | undefined =>
  below(environment['DOCKER_CONFIG'] || below(home(environment), '.docker'), 'config.json')

/** As dockerFile(); that there is no home folder is an error. */
export const neededDockerFile = (environment: Environment): string => {
  const path = dockerFile(environment)
  if (path !== undefined) return path
  throw new GantryError('failed_precondition', 'NO_HOME', 'Cannot keep credentials: there is no home folder', {
    hint: 'set HOME or DOCKER_CONFIG',
  })
}

/** podman's own, in its order. */
export const podmanFiles = (environment: Environment): readonly string[] =>
  [environment['XDG_RUNTIME_DIR'], environment['XDG_CONFIG_HOME'] || below(home(environment), '.config')]
    .map((folder) => below(folder, 'containers/auth.json'))
    .filter((path) => path !== undefined)

/** Credentials that only gantry can read, beside docker's file, so that `DOCKER_CONFIG` chooses both. */
export const encryptedFile = (environment: Environment): string | undefined =>
  below(dockerFile(environment)?.replace(/config\.json$/, ''), 'gantry-credentials.json')

/** What belongs to this machine and is neither copied nor shared with settings. */
const stateFolder = (environment: Environment): string | undefined =>
  below(environment['XDG_STATE_HOME'] || below(home(environment), '.local/state'), 'gantry')

/** The key of the encrypted file: in another folder, so that who copies one does not copy the other. */
export const keyFile = (environment: Environment): string | undefined => below(stateFolder(environment), 'credentials.key')

/** Taken by every gantry that changes credentials. */
export const lockFile = (environment: Environment): string =>
  join(stateFolder(environment) ?? dirname(neededDockerFile(environment)), 'credentials.lock')
