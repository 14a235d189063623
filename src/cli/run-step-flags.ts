import type { BuildAgent, BuildSecret, Entitlement, RunOptions } from '../engine/build.ts'
import { csvFields } from '../lib/csv-fields.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'
import { parseSize } from '../lib/parse-size.ts'
import type { FlagValues } from './flags.ts'

/** Flags of `build` about what RUN steps get and may do. */
export const runStepFlags = {
  allow: { type: 'list', value: 'ENTITLEMENT', help: 'Let steps have what they ask for: network.host, security.insecure' },
  secret: { type: 'list', value: 'SECRET', help: "A secret that steps may mount: 'id=NAME,src=FILE' or 'id=NAME,env=VARIABLE'" },
  'shm-size': { type: 'string', value: 'bytes', help: 'Size of /dev/shm of RUN steps (default 64m)' },
  ssh: {
    type: 'list',
    value: 'SSH',
    help: "An SSH agent that steps may mount: 'default' or 'ID=SOCKET' or 'ID=KEYFILE[,KEYFILE]'",
  },
  ulimit: { type: 'list', value: 'NAME=SOFT[:HARD]', help: 'A limit of the processes of RUN steps' },
} as const

type Environment = Readonly<Record<string, string | undefined>>

/** What the flags say, in the words of docker's errors. `warn` is told of a secret that is empty. */
export const runOptions = (
  flags: FlagValues<typeof runStepFlags> & { readonly network: string | undefined },
  environment: Environment,
  warn: (line: string) => void,
): RunOptions => {
  const shmSize = flags['shm-size'] === undefined ? undefined : sizeFlag('shm-size', flags['shm-size'])
  // whoever gives all steps the host's network lets them ask for it
  const allow = [...flags.allow, ...(flags.network === 'host' ? ['network.host'] : [])]
  return {
    secrets: flags.secret.filter((text) => text !== '').map((text) => parseSecret(text, environment, warn)),
    ssh: flags.ssh.filter((text) => text !== '').map((text) => parseAgent(text, environment)),
    allow: allow.filter((text) => text !== '').map(parseEntitlement),
    ulimits: flags.ulimit,
    ...(shmSize === undefined ? {} : { shmSize }),
  }
}

const usage = (message: string): GantryError => new GantryError('invalid_argument', 'USAGE', message)

const sizeFlag = (name: string, text: string): number => {
  try {
    return parseSize(text)
  } catch (error) {
    if (isGantryError(error)) throw usage(`invalid argument "${text}" for "--${name}" flag: ${error.message}`)
    throw error
  }
}

const entitlements: ReadonlySet<string> = new Set(['network.host', 'security.insecure'])

const parseEntitlement = (text: string): Entitlement => {
  if (entitlements.has(text)) return text as Entitlement
  throw usage(`unknown entitlement ${text}`)
}

/** `id=NAME[,type=file|env][,src=FILE|,env=VARIABLE]`; without a source the variable of that name, else the file. */
const parseSecret = (text: string, environment: Environment, warn: (line: string) => void): BuildSecret => {
  const given = { id: '', type: '', source: '', env: '' }
  for (const field of fieldsOf(text)) {
    const equals = field.indexOf('=')
    if (equals < 0) throw usage(`invalid field '${field}' must be a key=value pair`)
    const key = field.slice(0, equals).toLowerCase()
    const value = field.slice(equals + 1)
    if (key === 'type' && value !== 'file' && value !== 'env') throw usage(`unsupported secret type "${value}"`)
    if (key === 'type' || key === 'id' || key === 'env') given[key] = value
    else if (key === 'source' || key === 'src') given.source = value
    else throw usage(`unexpected key '${key}' in '${key}=…'`)
  }
  const { id, type } = given
  if (id === '') throw usage('secret missing ID')
  let { source, env } = given
  if (type === 'env' && env === '') [source, env] = ['', source]
  if (source === '' && env === '') {
    if (environment[id] === undefined) source = id
    else env = id
  }
  if (env === '') return { id, file: source }
  const value = environment[env]
  if (value === undefined) warn(`warning: secret "${id}" is empty: there is no variable "${env}"`)
  return { id, value: Buffer.from(value ?? '') }
}

const fieldsOf = (text: string): readonly string[] => {
  try {
    return csvFields(text)
  } catch (error) {
    if (isGantryError(error)) throw usage(`failed to parse csv secret: ${error.message}`)
    throw error
  }
}

/** `ID[=SOCKET|KEY[,KEY]]`: without a path the agent of the environment. */
const parseAgent = (text: string, environment: Environment): BuildAgent => {
  const equals = text.indexOf('=')
  const id = (equals < 0 ? text : text.slice(0, equals)) || 'default'
  const paths = equals < 0 || equals === text.length - 1 ? [] : text.slice(equals + 1).split(',')
  if (paths.length > 0) return { id, paths }
  const socket = environment['SSH_AUTH_SOCK']
  if (socket !== undefined && socket !== '') return { id, paths: [socket] }
  throw new GantryError(
    'failed_precondition',
    'NO_AGENT',
    `Cannot forward an SSH agent as "${id}": invalid empty ssh agent socket`,
    {
      hint: 'start an agent (eval $(ssh-agent); ssh-add), or name a key: --ssh default=$HOME/.ssh/id_ed25519',
    },
  )
}
