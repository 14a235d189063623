import type { BuildAgent, BuildSecret, Entitlement, RunOptions } from '../engine/build.ts'
import { csvFields } from '../lib/csv-fields.ts'
import { GantryError, isGantryError } from '../lib/errors.ts'
import { parseSize } from '../lib/parse-size.ts'
import type { FlagValues } from './flags.ts'
import { wholeNumber } from './numbers.ts'

/** Flags of `build` about what RUN steps get and may do. */
export const runStepFlags = {
  allow: { type: 'list', value: 'ENTITLEMENT', help: 'Let steps have what they ask for: network.host, security.insecure' },
  'cpu-period': { type: 'string', value: 'MICROSECONDS', help: 'Period in which CPU time of a RUN step is counted' },
  'cpu-quota': { type: 'string', value: 'MICROSECONDS', help: 'CPU time of a RUN step in a period' },
  'cpu-shares': { type: 'string', short: 'c', value: 'NUMBER', help: 'Weight of a RUN step for CPU time (usual is 1024)' },
  'cpuset-cpus': { type: 'string', value: 'LIST', help: "CPUs that RUN steps may use: '0-3', '0,1'" },
  'cpuset-mems': { type: 'string', value: 'LIST', help: "Memory nodes that RUN steps may use: '0-3', '0,1'" },
  memory: { type: 'string', short: 'm', value: 'bytes', help: 'Memory of a RUN step: 512m, 2g' },
  'memory-swap': { type: 'string', value: 'bytes', help: 'Memory and swap of a RUN step together; -1 for any' },
  secret: { type: 'list', value: 'SECRET', help: "A secret that steps may mount: 'id=NAME,src=FILE' or 'id=NAME,env=VARIABLE'" },
  'shm-size': { type: 'string', value: 'bytes', help: 'Size of /dev/shm of RUN steps (default 64m)' },
  ssh: {
    type: 'list',
    value: 'SSH',
    help: "An SSH agent that steps may mount: 'default' or 'ID=SOCKET' or 'ID=KEYFILE[,KEYFILE]'",
  },
  'step-timeout': { type: 'string', value: 'DURATION', help: 'Kill a RUN step that takes longer: 90s, 10m, 1h30m' },
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
    ...limitsOf(flags),
    ...(flags['step-timeout'] === undefined ? {} : { stepTimeout: durationFlag('step-timeout', flags['step-timeout']) }),
  }
}

const limitsOf = (flags: FlagValues<typeof runStepFlags>): Pick<RunOptions, 'limits'> => {
  const swap = flags['memory-swap']
  const given = {
    memory: flags.memory === undefined ? undefined : sizeFlag('memory', flags.memory),
    memorySwap: swap === undefined ? undefined : swap === '-1' ? -1 : sizeFlag('memory-swap', swap),
    cpuShares: wholeNumber('cpu-shares', flags['cpu-shares']),
    cpuPeriod: wholeNumber('cpu-period', flags['cpu-period']),
    cpuQuota: wholeNumber('cpu-quota', flags['cpu-quota']),
    cpusetCpus: flags['cpuset-cpus'],
    cpusetMems: flags['cpuset-mems'],
  }
  const limits = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return Object.keys(limits).length === 0 ? {} : { limits }
}

const unitsOfTime: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds of a length of time as Go writes it. */
const durationFlag = (name: string, text: string): number => {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smh])/g)]
  const sum = parts.reduce((all, [, count = '', unit = '']) => all + Number(count) * (unitsOfTime[unit] ?? 0), 0)
  // longer than timers can be is as good as none
  if (parts.map(([part]) => part).join('') === text && sum >= 1) return Math.min(Math.round(sum), 2 ** 31 - 1)
  throw usage(`invalid argument "${text}" for "--${name}" flag: write it as 90s, 10m or 1h30m`)
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
