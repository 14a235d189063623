import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../../lib/errors.ts'
import type { CredentialStore, Login } from '../interfaces.ts'
import { formatSealed, parseSealed, seal, unseal } from './encrypted-file.ts'
import { ensureKeyFile, newPassphraseKey, passphraseKey } from './encryption-key.ts'
import { chooseStorage, parseStorage, type StorageFacts } from './storage.ts'
import { createCredentialStore, type CredentialStoreOptions } from './store.ts'

interface Home extends AsyncDisposable {
  readonly path: (...parts: readonly string[]) => string
  readonly store: (environment?: object, options?: CredentialStoreOptions) => CredentialStore
  readonly text: (...parts: readonly string[]) => Promise<string>
}

const makeHome = async (): Promise<Home> => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-encrypted-'))
  const path = (...parts: readonly string[]): string => join(folder, ...parts)
  return {
    path,
    store: (environment = {}, options = {}) =>
      createCredentialStore({ HOME: folder, PATH: '/usr/bin:/bin', ...environment }, options),
    text: async (...parts) => await readFile(path(...parts), 'utf8'),
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true }),
  }
}

const file = ['.docker', 'gantry-credentials.json'] as const
const key = ['.local', 'state', 'gantry', 'credentials.key'] as const
const ann: Login = { username: 'ann', credentials: { kind: 'password', username: 'ann', password: 'top-secret' } }
const registry = { domain: 'r.example' }

test('store() encrypts where docker names no helper, and nothing on the disk shows the secret or who it is for', async () => {
  await using home = await makeHome()
  const stored = await home.store().store(registry, ann)
  assert.deepEqual(stored, { kind: 'encrypted', file: home.path(...file), passphrase: false })
  assert.deepEqual(await home.store().get('r.example', 'a/b'), ann.credentials)
  const text = await home.text(...file)
  for (const secret of ['top-secret', 'ann', Buffer.from('ann:top-secret').toString('base64')]) assert.ok(!text.includes(secret))
  for (const path of [file, key]) assert.equal((await stat(home.path(...path))).mode & 0o777, 0o600)
  assert.deepEqual(await readdir(home.path('.docker')), ['gantry-credentials.json'])
  // twice the same is not twice the same to see
  await home.store().store({ domain: 's.example' }, ann)
  const [one, two] = [...parseSealed(await home.text(...file), 'x').values()]
  assert.notEqual(one?.data, two?.data)
  assert.equal(await home.store().erase(registry), true)
  assert.equal(await home.store().erase(registry), false)
  assert.equal(await home.store().get('r.example'), undefined)
  assert.deepEqual(await home.store().get('s.example'), ann.credentials)
})

test('the file is worth nothing without the key, and an entry nothing for another registry or when it is changed', async () => {
  await using home = await makeHome()
  await home.store().store(registry, ann)
  const good = await home.text(...file)
  const warningOf = async (text: string, domain = 'r.example'): Promise<string> => {
    await writeFile(home.path(...file), text)
    const warnings: string[] = []
    assert.equal(await home.store({}, { onWarning: (message) => warnings.push(message) }).get(domain), undefined)
    return warnings.join()
  }
  assert.match(
    await warningOf(good.replace('r.example', 'evil.example'), 'evil.example'),
    /^Cannot decrypt the credentials for "evil\.example": they have been changed$/,
  )
  const { entries } = JSON.parse(good) as { entries: Record<string, Record<string, string>> }
  for (const field of ['iv', 'data', 'tag']) {
    const value = Buffer.from(entries['r.example']?.[field] ?? '', 'base64')
    value[0] = (value[0] ?? 0) ^ 1
    const changed = { version: 1, entries: { 'r.example': { ...entries['r.example'], [field]: value.toString('base64') } } }
    assert.match(await warningOf(JSON.stringify(changed)), /they have been changed$/)
    const cut = { version: 1, entries: { 'r.example': { ...entries['r.example'], [field]: 'AAAA' } } }
    assert.match(await warningOf(JSON.stringify(cut)), /they have been changed$/)
  }
  assert.match(await warningOf(good.replace('"version": 1', '"version": 2')), /it is of version 2, and we know 1$/)
  assert.match(await warningOf('{"version":1,"entries":{"r.example":{}}}'), /its entry for "r\.example" is damaged$/)
  assert.match(await warningOf('[]'), /it is no file of credentials$/)
  await rm(home.path(...key))
  assert.match(await warningOf(good), /they were stored by another user or on another machine$/)
  await mkdir(home.path('.local/state/gantry'), { recursive: true })
  await writeFile(home.path(...key), 'short')
  assert.match(await warningOf(good), /the key file ".*" is damaged$/)
})

test('a passphrase of the environment or typed by the user encrypts instead of the key file', async () => {
  await using home = await makeHome()
  const environment = { GANTRY_CREDENTIALS_PASSPHRASE: 'corréct horse' }
  const stored = await home.store(environment).store(registry, ann)
  assert.deepEqual(stored, { kind: 'encrypted', file: home.path(...file), passphrase: true })
  assert.deepEqual(await home.store(environment).get('r.example'), ann.credentials)
  assert.ok(!(await readdir(home.path('.local/state/gantry'))).includes('credentials.key'))
  const warnings: string[] = []
  const onWarning = (message: string): void => void warnings.push(message)
  assert.equal(await home.store({}, { onWarning }).get('r.example'), undefined)
  assert.equal(await home.store({ GANTRY_CREDENTIALS_PASSPHRASE: 'wrong' }, { onWarning }).get('r.example'), undefined)
  assert.deepEqual(warnings, [
    'Cannot use encrypted credentials: they need a passphrase',
    'Cannot decrypt the credentials for "r.example": the passphrase is wrong, or they have been changed',
  ])
  const asked: boolean[] = []
  // oxlint-disable-next-line require-await
  const askPassphrase = async (isNew: boolean): Promise<string> => (asked.push(isNew), 'corréct horse')
  const store = home.store({}, { askPassphrase })
  // é in its decomposed form is the same letter
  assert.deepEqual(await home.store({}, { askPassphrase: async () => 'corre\u0301ct horse' }).get('r.example'), ann.credentials)
  await store.store({ domain: 's.example' }, ann, { kind: 'encrypted', passphrase: true })
  assert.deepEqual(await store.get('r.example'), ann.credentials)
  assert.deepEqual(asked, [true])
})

test('store() keeps a login for a part of a registry, and get() takes the longest, whichever file holds it', async () => {
  await using home = await makeHome()
  const login = (username: string): Login => ({ username, credentials: { kind: 'password', username, password: 'x' } })
  await home.store().store(registry, login('all'))
  await home.store().store({ domain: 'r.example', path: 'team' }, login('team'))
  await home.store().store({ domain: 'r.example', path: 'team/app' }, login('app'), { kind: 'plain' })
  const user = async (path?: string): Promise<string | undefined> => {
    const found = await home.store().get('r.example', path)
    return found?.kind === 'password' ? found.username : undefined
  }
  assert.deepEqual(await Promise.all([user(), user('teams/x'), user('team/x'), user('team/app')]), ['all', 'all', 'team', 'app'])
  assert.deepEqual(JSON.parse(await home.text('.docker/config.json')), {
    auths: { 'r.example/team/app': { auth: Buffer.from('app:x').toString('base64') } },
  })
  assert.equal(await home.store().erase({ domain: 'r.example', path: 'team' }), true)
  assert.equal(await user('team/x'), 'all')
  await assert.rejects(home.store().store({ domain: 'r.example', path: 'team' }, ann, { kind: 'helper', name: 'x' }), {
    code: 'HELPER_HAS_NO_PATHS',
  })
})

test('store() moves a secret between plain text and encryption, and erase() finds it in every file', async () => {
  await using home = await makeHome()
  await home.store().store(registry, ann, { kind: 'plain' })
  // what docker reads already stays where docker reads it
  assert.equal((await home.store().store(registry, ann)).kind, 'plain')
  assert.equal((await home.store().store(registry, ann, { kind: 'encrypted', passphrase: false })).kind, 'encrypted')
  assert.deepEqual(JSON.parse(await home.text('.docker/config.json')), { auths: {} })
  assert.equal((await home.store().store(registry, ann, { kind: 'plain' })).kind, 'plain')
  assert.equal(parseSealed(await home.text(...file), 'x').size, 0)
  await home.store().erase(registry)
  const auth = { auths: { 'r.example': { auth: 'YTpi' }, 'x.example': { auth: 'YTpi' } } }
  await mkdir(home.path('.config/containers'), { recursive: true })
  await writeFile(home.path('.config/containers/auth.json'), JSON.stringify(auth, undefined, 4))
  assert.notEqual(await home.store().get('r.example'), undefined)
  assert.equal(await home.store().erase(registry), true)
  assert.equal(await home.store().get('r.example'), undefined)
  // in the style that the file had
  const rest = { auths: { 'x.example': { auth: 'YTpi' } } }
  assert.equal(await home.text('.config/containers/auth.json'), JSON.stringify(rest, undefined, 4))
})

test('two who log in at once lose neither login', async () => {
  await using home = await makeHome()
  const domains = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `${name}.example`)
  for (const kind of ['plain', 'encrypted'] as const) {
    await Promise.all(domains.map(async (domain) => await home.store().store({ domain }, ann, { kind, passphrase: false })))
    for (const domain of domains) assert.deepEqual(await home.store().get(domain), ann.credentials)
  }
})

test('an identity token is kept encrypted and in plain text, in the form of docker', async () => {
  await using home = await makeHome()
  const login: Login = { username: 'ann', credentials: { kind: 'identity-token', token: 'refresh' } }
  for (const storage of [{ kind: 'encrypted', passphrase: false }, { kind: 'plain' }] as const) {
    await home.store().store(registry, login, storage)
    assert.deepEqual(await home.store().get('r.example'), login.credentials)
  }
  const { auths } = JSON.parse(await home.text('.docker/config.json')) as { auths: object }
  assert.deepEqual(auths, { 'r.example': { auth: Buffer.from('ann:').toString('base64'), identitytoken: 'refresh' } })
})

test('chooseStorage() takes the flag, the environment, the configuration, the helper, what is plain already, encryption', () => {
  const facts: StorageFacts = {
    asked: { kind: 'auto' },
    environment: {},
    config: {},
    helper: undefined,
    isPlain: false,
    canEncrypt: true,
  }
  const config = { plugins: { gantry: { credentialStore: 'plain' } } }
  const cases: readonly (readonly [Partial<StorageFacts>, object])[] = [
    [{}, { kind: 'encrypted', passphrase: false }],
    [{ canEncrypt: false }, { kind: 'plain' }],
    [{ isPlain: true }, { kind: 'plain' }],
    [
      { isPlain: true, helper: 'x' },
      { kind: 'helper', name: 'x' },
    ],
    [{ config, helper: 'x' }, { kind: 'plain' }],
    [
      { config, environment: { GANTRY_CREDENTIAL_STORE: 'passphrase' } },
      { kind: 'encrypted', passphrase: true },
    ],
    [{ config: { plugins: { gantry: 1 } } }, { kind: 'encrypted', passphrase: false }],
    [
      { config, asked: parseStorage('helper:y') },
      { kind: 'helper', name: 'y' },
    ],
  ]
  for (const [extra, expected] of cases) assert.deepEqual(chooseStorage({ ...facts, ...extra }), expected)
  assert.deepEqual(parseStorage('encrypted'), { kind: 'encrypted', passphrase: false })
  for (const text of ['', 'keyring', 'helper:', 'helper:../x'])
    assert.throws(() => parseStorage(text), { code: 'CREDENTIAL_STORE_INVALID' })
})

test('seal() and unseal() agree for any credentials, and hostile files are read or refused', async () => {
  await using home = await makeHome()
  const own = await ensureKeyFile(home.path('key'))
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, token) => {
      const entry = seal(own, name, { kind: 'registry-token', token: token.toWellFormed() })
      assert.deepEqual(unseal(own, name, entry), { kind: 'registry-token', token: token.toWellFormed() })
      assert.equal(unseal(own, `${name}x`, entry), undefined)
    }),
    { numRuns: 50 },
  )
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      for (const content of [text, `{"version":1,"entries":${text}}`, `{"version":1,"entries":{"a":${text}}}`])
        try {
          parseSealed(formatSealed(parseSealed(content, 'x')), 'x')
        } catch (error) {
          assert.ok(isGantryError(error, 'invalid_argument'), String(error))
        }
    }),
    { numRuns: 50 },
  )
  // parameters that would take all the memory there is
  const { source } = newPassphraseKey('x')
  assert.ok(source.kind === 'passphrase')
  for (const hostile of [
    { cost: 2 ** 30 },
    { cost: 3 },
    { blockSize: 2 ** 20 },
    { parallelization: 2 ** 20 },
    { salt: 'x'.repeat(2000) },
  ])
    assert.throws(() => passphraseKey('x', { ...source, ...hostile }), { code: 'CREDENTIALS_LOCKED' })
})
