import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Login } from '../interfaces.ts'
import { createCredentialStore } from './store.ts'
import { entryCredentials, parseAuthFile } from './auth-file.ts'
import { candidateKeys, normalizeKey, parseLoginTarget } from './key.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')
const auth = (text: string): object => ({ auth: base64(text) })
const password = (username: string, password: string): object => ({ kind: 'password', username, password })

interface Home extends AsyncDisposable {
  readonly folder: string
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly write: (path: string, content: object | string, mode?: number) => Promise<string>
  readonly read: (path?: string) => Promise<Record<string, unknown>>
}

const login = (username: string, secret: string): Login => ({
  username,
  credentials: { kind: 'password', username, password: secret },
})
const plain = { kind: 'plain' } as const

const dockerFile = '.docker/config.json'

const makeHome = async (): Promise<Home> => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-credentials-'))
  return {
    folder,
    environment: { HOME: folder, PATH: `${join(folder, 'bin')}:/usr/bin:/bin` },
    write: async (path, content, mode = 0o644) => {
      const file = join(folder, path)
      await mkdir(dirname(file), { recursive: true })
      await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content))
      await chmod(file, mode)
      return file
    },
    read: async (path = dockerFile) => JSON.parse(await readFile(join(folder, path), 'utf8')) as Record<string, unknown>,
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true }),
  }
}

/** A helper that keeps `server → user:secret` in files and writes down what it was asked. */
const helper = `#!/bin/sh
dir=$(dirname "$0")/kept; mkdir -p "$dir"; input=$(cat); echo "$1 $input" >> "$dir/log"
case $1 in
  get) f="$dir/$(echo "$input" | tr -c 'a-z0-9.\\n' _)"; if [ -f "$f" ]; then cat "$f"; else echo "credentials not found in native keychain"; exit 1; fi;;
  store) server=$(echo "$input" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/'); echo "$input" > "$dir/$(echo "$server" | tr -c 'a-z0-9.\\n' _)";;
  erase) f="$dir/$(echo "$input" | tr -c 'a-z0-9.\\n' _)"; if [ -f "$f" ]; then rm "$f"; else echo "credentials not found in native keychain"; exit 1; fi;;
esac
`

test("get() finds docker's entries when keys are URLs, hosts or hosts with ports", async () => {
  await using home = await makeHome()
  await home.write(dockerFile, {
    auths: {
      'https://index.docker.io/v1/': auth('hub:a'),
      'https://one.example/v1/': auth('one:p:a:ss'),
      'two.example:5000': auth('two:ü'),
      'HTTP://Three.example': { username: 'three', password: 'c' },
      'four.example/v2/': auth('four:d'),
      'five.example': { identitytoken: 'id', ...auth('00000000-0000-0000-0000-000000000000:x') },
      'six.example': { registrytoken: 'raw' },
      'seven.example': auth('<token>:refresh'),
      'eight.example': {},
      'nine.example': auth('nine:\0'),
    },
  })
  const store = createCredentialStore(home.environment)
  const cases: readonly (readonly [string, object | undefined])[] = [
    ['docker.io', password('hub', 'a')],
    ['one.example', password('one', 'p:a:ss')],
    ['two.example:5000', password('two', 'ü')],
    ['two.example', undefined],
    ['three.example', password('three', 'c')],
    ['four.example', password('four', 'd')],
    ['five.example', { kind: 'identity-token', token: 'id' }],
    ['six.example', { kind: 'registry-token', token: 'raw' }],
    ['seven.example', { kind: 'identity-token', token: 'refresh' }],
    ['eight.example', undefined],
    ['nine.example', password('nine', '')],
    ['__proto__', undefined],
    ['constructor', undefined],
  ]
  for (const [domain, expected] of cases) assert.deepEqual(await store.get(domain, 'a/b'), expected, domain)
})

test("get() takes podman's longest prefix", async () => {
  await using home = await makeHome()
  await home.write('.config/containers/auth.json', {
    auths: {
      'r.example': auth('host:1'),
      'r.example/team': auth('team:2'),
      'r.example/team/app': auth('app:3'),
      'docker.io/ann': auth('ann:4'),
    },
  })
  const store = createCredentialStore(home.environment)
  assert.deepEqual(await store.get('r.example'), password('host', '1'))
  assert.deepEqual(await store.get('r.example', 'other'), password('host', '1'))
  assert.deepEqual(await store.get('r.example', 'teams/x'), password('host', '1'))
  assert.deepEqual(await store.get('r.example', 'team/x'), password('team', '2'))
  assert.deepEqual(await store.get('r.example', 'team/app'), password('app', '3'))
  assert.deepEqual(await store.get('docker.io', 'ann/x'), password('ann', '4'))
  assert.equal(await store.get('docker.io', 'library/x'), undefined)
})

test('get() asks the files in their order, and goes on when one knows nothing or is broken', async () => {
  await using home = await makeHome()
  const { environment } = home
  const entry = (user: string): object => ({ auths: { 'r.example': auth(`${user}:x`) } })
  const user = async (
    env: Readonly<Record<string, string | undefined>>,
    warnings: string[] = [],
  ): Promise<string | undefined> => {
    const found = await createCredentialStore(env, { onWarning: (message) => warnings.push(message) }).get('r.example', 'a')
    return found?.kind === 'password' ? found.username : undefined
  }
  assert.equal(await user(environment), undefined)
  await home.write('.config/containers/auth.json', entry('config'))
  assert.equal(await user(environment), 'config')
  const runtime = { ...environment, XDG_RUNTIME_DIR: join(home.folder, 'run') }
  await home.write('run/containers/auth.json', entry('runtime'))
  assert.equal(await user(runtime), 'runtime')
  await home.write(dockerFile, entry('docker'))
  assert.equal(await user(runtime), 'docker')
  await home.write('other/config.json', entry('other'))
  assert.equal(await user({ ...runtime, DOCKER_CONFIG: join(home.folder, 'other') }), 'other')
  const registry = { ...runtime, REGISTRY_AUTH_FILE: await home.write('explicit.json', entry('explicit')) }
  assert.equal(await user(registry), 'explicit')
  assert.equal(await user({ ...registry, DOCKER_AUTH_CONFIG: JSON.stringify(entry('inline')) }), 'inline')
  const warnings: string[] = []
  assert.equal(await user({ ...registry, DOCKER_AUTH_CONFIG: '{secret' }, warnings), 'explicit')
  await home.write('explicit.json', '[]')
  await home.write(dockerFile, { auths: { 'r.example': { auth: base64('no colon') } } })
  assert.equal(await user(registry, warnings), 'runtime')
  assert.equal(warnings.length, 3)
  assert.ok(!warnings.join('').includes('secret') && !warnings.join('').includes('no colon'))
})

test('store() and erase() change the one entry and keep all else, with mode 0600 and through links', async () => {
  await using home = await makeHome()
  const before = {
    HttpHeaders: { a: 'b' },
    auths: { 'https://r.example/v1/': auth('old:1'), 'x.example': { auth: base64('x:1'), email: 'e' } },
    x: [1, { y: null }],
  }
  const real = await home.write('real.json', before, 0o644)
  await mkdir(join(home.folder, '.docker'))
  await symlink(real, join(home.folder, dockerFile))
  const store = createCredentialStore(home.environment)
  assert.deepEqual(await store.store({ domain: 'r.example' }, login('new', 'p:q')), {
    kind: 'plain',
    file: join(home.folder, dockerFile),
  })
  assert.deepEqual(await home.read('real.json'), {
    ...before,
    auths: { 'x.example': before.auths['x.example'], 'r.example': auth('new:p:q') },
  })
  assert.equal((await stat(real)).mode & 0o777, 0o600)
  assert.deepEqual(await store.get('r.example'), password('new', 'p:q'))
  await store.store({ domain: 'docker.io' }, login('hub', 'h'), plain)
  assert.ok(Object.keys((await home.read())['auths'] as object).includes('https://index.docker.io/v1/'))
  assert.equal(await store.erase({ domain: 'r.example' }), true)
  assert.equal(await store.erase({ domain: 'r.example' }), false)
  assert.equal(await store.erase({ domain: 'docker.io' }), true)
  assert.deepEqual(await home.read(), { ...before, auths: { 'x.example': before.auths['x.example'] } })
  assert.deepEqual(await readdir(join(home.folder, '.docker')), ['config.json'])
})

test('store() makes the file when there is none, and refuses to overwrite one that it cannot read', async () => {
  await using home = await makeHome()
  const store = createCredentialStore(home.environment)
  await store.store({ domain: 'r.example' }, login('u', 'p'), plain)
  assert.deepEqual(await home.read(), { auths: { 'r.example': auth('u:p') } })
  assert.equal((await stat(join(home.folder, dockerFile))).mode & 0o777, 0o600)
  await home.write(dockerFile, '{"auths":')
  await assert.rejects(
    store.store({ domain: 'r.example' }, login('u', 'p')),
    (error: Error) => error.cause === undefined && error.message.includes('not valid JSON'),
  )
  assert.equal(await readFile(join(home.folder, dockerFile), 'utf8'), '{"auths":')
  await assert.rejects(createCredentialStore({}).store({ domain: 'r.example' }, login('u', 'p')), { code: 'NO_HOME' })
  assert.equal(await createCredentialStore({}).get('r.example'), undefined)
})

test("get(), store() and erase() speak to credential helpers, a registry's own before the one for all", async () => {
  await using home = await makeHome()
  await home.write('bin/docker-credential-all', helper, 0o755)
  await home.write('bin/own/docker-credential-own', helper, 0o755)
  const environment = { ...home.environment, PATH: `${join(home.folder, 'bin/own')}:${home.environment['PATH']}` }
  await home.write(dockerFile, {
    credsStore: 'all',
    credHelpers: { 'own.example': 'own' },
    auths: { 'inline.example': auth('in:line') },
  })
  const store = createCredentialStore(environment)
  assert.deepEqual(await store.store({ domain: 'own.example' }, login('o', 'secret"1')), { kind: 'helper', name: 'own' })
  const token: Login = { username: 'hub', credentials: { kind: 'identity-token', token: 'refresh' } }
  assert.deepEqual(await store.store({ domain: 'docker.io' }, token), { kind: 'helper', name: 'all' })
  assert.deepEqual(await store.get('own.example', 'a/b'), password('o', 'secret"1'))
  assert.deepEqual(await store.get('docker.io', 'library/x'), { kind: 'identity-token', token: 'refresh' })
  assert.deepEqual(await store.get('inline.example'), password('in', 'line'))
  assert.equal(await store.get('none.example'), undefined)
  assert.ok(!(await readFile(join(home.folder, dockerFile), 'utf8')).includes('secret'))
  assert.deepEqual((await home.read())['auths'], {
    'inline.example': auth('in:line'),
    'own.example': {},
    'https://index.docker.io/v1/': {},
  })
  // a helper that was asked for by name is found again
  await store.store({ domain: 'named.example' }, login('n', 'secret2'), { kind: 'helper', name: 'own' })
  assert.deepEqual(await createCredentialStore(environment).get('named.example'), password('n', 'secret2'))
  assert.deepEqual((await home.read())['credHelpers'], { 'own.example': 'own', 'named.example': 'own' })
  assert.equal(await store.erase({ domain: 'docker.io' }), true)
  assert.equal(await store.erase({ domain: 'docker.io' }), false)
  const log = await readFile(join(home.folder, 'bin/kept/log'), 'utf8')
  assert.ok(log.includes('{"ServerURL":"https://index.docker.io/v1/","Username":"<token>","Secret":"refresh"}'))
  assert.ok(log.includes('erase https://index.docker.io/v1/'))
})

test("get() asks a registry's own helper before the one for all, and both before what is inline; not to know is no failure", async () => {
  await using home = await makeHome()
  for (const name of ['own', 'all'])
    await home.write(
      `bin/docker-credential-${name}`,
      `#!/bin/sh\ncase $1$(cat) in getnone.example) echo "credentials not found in native keychain"; exit 1;; esac\necho '{"Username":"${name}","Secret":"s"}'\n`,
      0o755,
    )
  const inline = { 'own.example': auth('in:line'), 'any.example': auth('in:line'), 'none.example': auth('in:line') }
  const warnings: string[] = []
  const user = async (domain: string, configuration: object): Promise<string | undefined> => {
    await home.write(dockerFile, configuration)
    const store = createCredentialStore(home.environment, { onWarning: (message) => warnings.push(message) })
    const found = await store.get(domain, 'a/b')
    return found?.kind === 'password' ? found.username : undefined
  }
  const all = { credsStore: 'all', credHelpers: { 'own.example': 'own' }, auths: inline }
  assert.equal(await user('own.example', all), 'own')
  assert.equal(await user('any.example', all), 'all')
  assert.equal(await user('none.example', all), 'in')
  assert.equal(await user('none.example', { credsStore: 'all' }), undefined)
  assert.deepEqual(warnings, [])
})

test('get() warns and goes on when a helper is missing, fails or talks nonsense, and shows no secret', async () => {
  await using home = await makeHome()
  const fake = async (name: string, script: string): Promise<void> =>
    void (await home.write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`, 0o755))
  await fake('fails', 'echo "keychain is locked"; exit 1')
  await fake('leaks', 'echo \'{"Secret":"top-secret"}\'; exit 1')
  await fake('garbage', 'echo \'{"Secret": top-secret\'')
  await fake('wrong', 'echo \'{"Secret": 5}\'')
  await fake('null', 'echo null')
  await fake('empty', 'echo \'{"Username":"","Secret":""}\'')
  const cases: readonly (readonly [string, RegExp | undefined])[] = [
    ['missing', /"docker-credential-missing": it is not installed$/],
    ['fails', /keychain is locked$/],
    ['leaks', /it ended with status 1$/],
    ['garbage', /is not valid JSON$/],
    ['wrong', /has no user name and secret$/],
    ['null', /has no user name and secret$/],
    ['../../bin/sh', /its name is not one of a program$/],
    ['empty', undefined],
  ]
  for (const [name, warning] of cases) {
    await home.write(dockerFile, { credsStore: name, auths: { 'r.example': auth('in:line') } })
    const warnings: string[] = []
    const store = createCredentialStore(home.environment, { onWarning: (message) => warnings.push(message) })
    assert.deepEqual(await store.get('r.example', 'a'), password('in', 'line'), name)
    if (warning === undefined) assert.deepEqual(warnings, [])
    else assert.match(warnings.join(), warning)
    assert.ok(!warnings.join().includes('top-secret'))
  }
  await home.write(dockerFile, { credsStore: 'fails' })
  await assert.rejects(createCredentialStore(home.environment).store({ domain: 'r.example' }, login('u', 'p')), {
    code: 'CREDENTIAL_HELPER_FAILED',
  })
})

test('normalizeKey() and candidateKeys() agree on hosts and paths', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['https://index.docker.io/v1/', 'docker.io'],
    ['index.docker.io', 'docker.io'],
    ['docker.io', 'docker.io'],
    ['registry-1.docker.io', 'docker.io'],
    ['http://r.example:5000/v2/', 'r.example:5000'],
    ['R.example/', 'r.example'],
    ['r.example/v1/', 'r.example'],
    ['r.example/a/b', 'r.example/a/b'],
    ['docker.io/ann', 'docker.io/ann'],
    ['', ''],
  ]
  for (const [key, expected] of cases) assert.equal(normalizeKey(key), expected, key)
  assert.deepEqual(candidateKeys('h', 'a/b/c'), ['h/a/b/c', 'h/a/b', 'h/a', 'h'])
  assert.deepEqual(candidateKeys('h', undefined), ['h'])
  fc.assert(fc.property(fc.string(), (key) => void normalizeKey(key)))
  const targets: readonly (readonly [string | undefined, object])[] = [
    [undefined, { domain: 'docker.io' }],
    ['', { domain: 'docker.io' }],
    ['https://index.docker.io/v1/', { domain: 'docker.io' }],
    ['registry-1.docker.io', { domain: 'docker.io' }],
    ['docker.io/ann', { domain: 'docker.io', path: 'ann' }],
    ['https://R.example/x', { domain: 'r.example' }],
    ['[::1]:5000/a/b/', { domain: '[::1]:5000', path: 'a/b' }],
  ]
  for (const [text, target] of targets) assert.deepEqual(parseLoginTarget(text), target)
  for (const text of ['r.example/UPPER', 'a b', 'x/../y', '://'])
    assert.throws(() => parseLoginTarget(text), { code: 'LOGIN_TARGET_INVALID' })
})

test('entryCredentials() reads back any user and password, and random files are read or refused', () => {
  const user = fc
    .string({ minLength: 1, unit: 'binary' })
    .filter((text) => !text.includes(':') && !text.includes('\0') && text !== '<token>' && text.isWellFormed())
  const secret = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0') && text.isWellFormed())
  fc.assert(
    fc.property(user, secret, (name, word) =>
      assert.deepEqual(entryCredentials(auth(`${name}:${word}`), 'x'), password(name, word)),
    ),
  )
  fc.assert(
    fc.property(fc.json(), fc.string(), (json, text) => {
      for (const content of [json, text, `{"auths":${json},"credHelpers":${json},"credsStore":${json}}`])
        try {
          for (const entry of Object.values(parseAuthFile(content, 'x').auths)) entryCredentials(entry, 'x')
        } catch (error) {
          assert.equal((error as { kind?: unknown }).kind, 'invalid_argument')
        }
    }),
  )
})
