import { login } from '../../engine/login.ts'
import { GantryError } from '../../lib/errors.ts'
import { defineCommand } from '../command.ts'
import { askLine, askSecret, readAll } from '../prompt.ts'
import { registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'login [OPTIONS] [SERVER]',
  summary: "Log in to a registry; the credentials go to docker's config.json or its credential helper",
  flags: {
    username: { type: 'string', short: 'u', help: 'User name' },
    password: { type: 'string', short: 'p', help: 'Password; other users of the machine can see it, prefer --password-stdin' },
    'password-stdin': { type: 'boolean', help: 'Take the password from standard input' },
    ...registryFlags,
  },
  arity: [0, 1],
  examples: ['gantry login localhost:5000', 'echo "$TOKEN" | gantry login -u ci --password-stdin registry.example.com'],
  async run(context, [server], flags) {
    if (flags.password !== undefined && flags['password-stdin'] === true)
      throw new GantryError('invalid_argument', 'USAGE', '--password and --password-stdin are mutually exclusive')
    if (flags['password-stdin'] === true && flags.username === undefined)
      throw new GantryError('invalid_argument', 'USAGE', 'Must provide --username with --password-stdin')
    if (flags.password !== undefined) context.warn('WARNING! Using --password via the CLI is insecure. Use --password-stdin.')
    const username = flags.username ?? (await askLine(context, 'Username: '))
    const password =
      flags['password-stdin'] === true
        ? (await readAll(context.stdin)).replace(/\r?\n$/, '')
        : (flags.password ?? (await askSecret(context, 'Password: ')))
    if (username === '' || password === '')
      throw new GantryError('invalid_argument', 'NO_CREDENTIALS', 'Cannot log in: username and password must not be empty')
    const result = await login(context.engine, server, username, password, { signal: context.signal })
    if (result.plainTextFile !== undefined)
      context.warn(`WARNING! Your credentials are stored unencrypted in '${result.plainTextFile}'.`)
    context.print('Login Succeeded')
  },
})
