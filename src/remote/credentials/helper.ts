import { GantryError } from '../../lib/errors.ts'
import type { Environment } from '../../lib/http/proxy.ts'
import { runProcess } from '../../lib/process.ts'
import type { Credentials } from '../interfaces.ts'
import { parseSecretJson } from '../secret-json.ts'
import { loginOf } from './auth-file.ts'

const absent = 'credentials not found in native keychain'
const helperTimeout = 60_000

/** Runs `docker-credential-NAME` (docker-credential-helpers): input on stdin, JSON on stdout, errors on stdout too. */
const run = async (
  name: string,
  verb: 'get' | 'store' | 'erase',
  input: string,
  environment: Environment,
): Promise<string | undefined> => {
  const fail = (reason: string): GantryError =>
    new GantryError(
      'failed_precondition',
      'CREDENTIAL_HELPER_FAILED',
      `Cannot ${verb} credentials with "docker-credential-${name}": ${reason}`,
    )
  if (!/^[\w.-]+$/.test(name)) throw fail('its name is not one of a program')
  const { status, stdout } = await runProcess(`docker-credential-${name}`, [verb], {
    input,
    env: environment,
    signal: AbortSignal.timeout(helperTimeout),
    maxOutput: 1024 * 1024,
  })
  const output = stdout.toString('utf8').trim()
  if (status === 0) return output
  if (output === absent) return undefined
  // a helper prints its error where it prints secrets: only what cannot be one is shown
  throw fail(/^[^{}"]{1,200}$/.test(output) ? output : `it ended with status ${status}`)
}

/** What the helper keeps for a server; undefined if nothing. */
export const helperGet = async (name: string, server: string, environment: Environment): Promise<Credentials | undefined> => {
  const output = await run(name, 'get', server, environment)
  if (output === undefined) return undefined
  const what = `the answer of docker-credential-${name}`
  const answer = parseSecretJson(output, what) as { readonly Username?: unknown; readonly Secret?: unknown } | null
  if (typeof answer?.Username !== 'string' || typeof answer.Secret !== 'string')
    throw new GantryError('failed_precondition', 'CREDENTIAL_HELPER_FAILED', `Cannot use ${what}: it has no user name and secret`)
  return answer.Username === '' && answer.Secret === '' ? undefined : loginOf(answer.Username, answer.Secret)
}

export const helperStore = async (
  name: string,
  server: string,
  username: string,
  secret: string,
  environment: Environment,
): Promise<void> => {
  await run(name, 'store', JSON.stringify({ ServerURL: server, Username: username, Secret: secret }), environment)
}

/** False if the helper says that there was nothing. Some say nothing either way. */
export const helperErase = async (name: string, server: string, environment: Environment): Promise<boolean> =>
  (await run(name, 'erase', server, environment)) !== undefined
