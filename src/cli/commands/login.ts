import { isStillLoggedIn, loggedIn, login } from '../../engine/login.ts'
import { GantryError } from '../../lib/errors.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { askLine, askSecret, readAll } from '../prompt.ts'
import { registryFlags } from '../registry-flags.ts'

const usage = (message: string): GantryError => new GantryError('invalid_argument', 'USAGE', message)

type Stored = Awaited<ReturnType<typeof login>>

/** Where the credentials went, and who can read them there. */
const tell = (context: CliContext, stored: Stored): void => {
  if (stored.kind === 'plain') {
    context.warn(`WARNING! Your credentials are stored unencrypted in '${stored.file}'.`)
    context.warn('Configure a credential helper, or use --credential-store encrypted, to remove this warning.')
  } else if (stored.kind === 'encrypted') {
    const by = stored.passphrase ? 'with your passphrase' : 'with a key of this user on this machine'
    context.warn(`Your credentials are stored in '${stored.file}', encrypted ${by}.`)
    context.warn('docker and podman cannot read them there; --plain-text shares credentials with both.')
  }
}

export const command = defineCommand({
  usage: 'login [OPTIONS] [SERVER[/NAMESPACE]]',
  summary: 'Log in to a registry, or to a part of it; credentials go to the credential helper of docker, or are encrypted',
  flags: {
    username: { type: 'string', short: 'u', help: 'User name' },
    password: { type: 'string', short: 'p', help: 'Password; other users of the machine can see it, prefer --password-stdin' },
    'password-stdin': { type: 'boolean', help: 'Take the password from standard input' },
    'credential-store': {
      type: 'string',
      value: 'PLACE',
      help: 'Where to keep them: auto, encrypted, passphrase, plain or helper:NAME (default auto)',
    },
    'plain-text': { type: 'boolean', help: "Keep them in docker's config.json, readable for docker and podman" },
    'get-login': { type: 'boolean', help: 'Show who is logged in, and do nothing' },
    ...registryFlags,
  },
  arity: [0, 1],
  examples: [
    'gantry login localhost:5000',
    'echo "$TOKEN" | gantry login -u ci --password-stdin registry.example.com',
    'gantry login -u bot registry.example.com/team',
    'gantry login --get-login registry.example.com',
  ],
  async run(context, [server], flags) {
    const { password: given, 'password-stdin': fromStdin = false } = flags
    if (flags['get-login'] === true) return await showLogin(context, server)
    if (given !== undefined && fromStdin) throw usage('--password and --password-stdin are mutually exclusive')
    if (fromStdin && flags.username === undefined) throw usage('Must provide --username with --password-stdin')
    if (flags['plain-text'] === true && flags['credential-store'] !== undefined)
      throw usage('--plain-text and --credential-store are mutually exclusive')
    if (given !== undefined) context.warn('WARNING! Using --password via the CLI is insecure. Use --password-stdin.')
    if (flags.username === undefined && given === undefined && (await useExisting(context, server))) return 0
    const username = flags.username ?? (await askLine(context, 'Username: '))
    const password = fromStdin
      ? (await readAll(context.stdin)).replace(/\r?\n$/, '')
      : (given ?? (await askSecret(context, 'Password: ')))
    if (username === '' || password === '')
      throw new GantryError('invalid_argument', 'NO_CREDENTIALS', 'Cannot log in: username and password must not be empty')
    const storage = flags['plain-text'] === true ? 'plain' : flags['credential-store']
    const account = { username, password, ...(storage !== undefined && { storage }) }
    tell(context, await login(context.engine, server, account, { signal: context.signal }))
    context.print('Login Succeeded')
    return 0
  },
})

/** What is kept may still be good: nothing need be typed. */
const useExisting = async (context: CliContext, server: string | undefined): Promise<boolean> => {
  const name = await loggedIn(context.engine, server)
  if (name === undefined) return false
  context.warn(`Authenticating with existing credentials... [Username: ${name}]`)
  const isGood = await isStillLoggedIn(context.engine, server, { signal: context.signal })
  if (isGood) context.print('Login Succeeded')
  else context.warn('They are not valid any more.')
  return isGood
}

const showLogin = async (context: CliContext, server: string | undefined): Promise<number> => {
  const name = await loggedIn(context.engine, server)
  if (name === undefined)
    throw new GantryError('not_found', 'NOT_LOGGED_IN', `not logged into ${server ?? 'docker.io'}`, {
      hint: `gantry login${server === undefined ? '' : ` ${server}`}`,
    })
  context.print(name)
  return 0
}
