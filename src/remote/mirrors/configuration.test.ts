import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../../lib/errors.ts'
import { runProcess } from '../../lib/process.ts'
import { parseDaemonJson, routeByDaemon } from './docker-daemon.ts'
import { parseHostsToml } from './hosts-toml.ts'
import { parseRegistriesConf, routeByEntries } from './registries-conf.ts'
import type { Route } from './route.ts'
import { createRouter, routingFiles } from './router.ts'

interface Folder extends AsyncDisposable {
  readonly path: string
  readonly write: (name: string, text: string) => Promise<string>
}

const makeFolder = async (): Promise<Folder> => {
  const path = await mkdtemp(join(tmpdir(), 'gantry-mirrors-'))
  return {
    path,
    write: async (name, text) => {
      await mkdir(dirname(join(path, name)), { recursive: true })
      await writeFile(join(path, name), text)
      return join(path, name)
    },
    [Symbol.asyncDispose]: async () => await rm(path, { recursive: true }),
  }
}

const file = '/x/registries.conf'
const routed = async (conf: string, domain: string, path: string): Promise<Route | undefined> =>
  routeByEntries(await parseRegistriesConf(conf, file), domain, path)

/** `mirror, mirror -> origin`, with a `!` where certificates are not checked. */
const shown = (route: Route | undefined): string => {
  if (route === undefined) return 'nothing'
  if (route.kind === 'blocked') return 'blocked'
  const [...mirrors] = route.mirrors.map(({ domain, path, endpoint, tags, content }) => {
    const use = `${tags ? '' : ' by digest'}${content === 'tagged' ? ' by tag' : content ? '' : ' names'}`
    return `${domain}/${path}${endpoint?.tlsVerify === false ? '!' : ''}${use}`
  })
  const { origin, push } = route
  const insecure = origin.endpoint?.tlsVerify === false ? '!' : ''
  return `${mirrors.join(', ')} -> ${origin.domain}/${origin.path}${insecure} (push ${push.domain}/${push.path})`
}

const conf = `
unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "example.com/foo"
location = "internal.example/bar"
[[registry.mirror]]
location = "mirror-0.local/for-foo"
[[registry.mirror]]
location = "mirror-1.local:5000/"
insecure = true
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "mirror-2.local"
pull-from-mirror = "tag-only"
[[registry]]
location = "example.com"
insecure = true
[[registry]]
prefix = "*.wild.example"
mirror-by-digest-only = true
[[registry.mirror]]
location = "mirror-3.local"
[[registry]]
prefix = "*.moved.example"
location = "new.example/old"
[[registry]]
prefix = "bad.example/evil"
blocked = true
[[registry]]
prefix = "hub.example"
location = "docker.io"
[[registry]]
prefix = "[::1]:5000"
insecure = true
`

test('registries.conf routes a name by the longest prefix, with rewriting for reading only', async () => {
  const cases: readonly (readonly [string, string, string])[] = [
    [
      'example.com',
      'foo/app',
      'mirror-0.local/for-foo/app, mirror-1.local:5000/app! by digest, mirror-2.local/app by tag -> internal.example/bar/app (push example.com/foo/app)',
    ],
    ['example.com', 'food/app', ' -> example.com/food/app! (push example.com/food/app)'],
    ['example.com', '', ' -> example.com/! (push example.com/)'],
    ['example.community', 'x', 'nothing'],
    ['a.b.wild.example', 'x/y', 'mirror-3.local/x/y by digest -> a.b.wild.example/x/y (push a.b.wild.example/x/y)'],
    ['wild.example', 'x', 'nothing'],
    ['a.moved.example:5000', 'x', ' -> new.example/old/x (push a.moved.example:5000/x)'],
    ['bad.example', 'evil/x', 'blocked'],
    ['bad.example', 'good', 'nothing'],
    ['hub.example', 'busybox', ' -> docker.io/library/busybox (push hub.example/busybox)'],
    ['[::1]:5000', 'a/b', ' -> [::1]:5000/a/b! (push [::1]:5000/a/b)'],
  ]
  for (const [domain, path, expected] of cases)
    assert.equal(shown(await routed(conf, domain, path)), expected, `${domain}/${path}`)
})

test('registries.conf that cannot be used is an error that says why', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['registry = [', /^Cannot use "\/x\/registries\.conf": .* \(line 1\)$/],
    ['registry = [{}]', /: a registry needs a prefix or a location$/],
    ['[[registry]]\n[registry]', /Cannot use/],
    ['registry = [1]', /: registry must be a list of tables$/],
    ['[[registry]]\nprefix = 1', /: registry\.prefix must be a string$/],
    ['[[registry]]\nblocked = "true"', /: a registry needs a prefix or a location$/],
    ['[[registry]]\nprefix = "a.b"\nblocked = "true"', /: registry\.blocked must be true or false$/],
    ['[[registry]]\nprefix = "a.*.b"', /: the prefix "a\.\*\.b" must be a name, or/],
    ['[[registry]]\nprefix = "*.b/c"', /: the prefix "\*\.b\/c" must be a name, or/],
    ['[[registry]]\nlocation = "https://a.b"', /: the location "https:\/\/a\.b" must be without a scheme$/],
    ['[[registry]]\nprefix="a.b"\n[[registry.mirror]]\ninsecure=true', /: a mirror needs a location$/],
    [
      '[[registry]]\nprefix="a.b"\n[[registry.mirror]]\nlocation="c.d"\npull-from-mirror="never"',
      /: pull-from-mirror is "never", not all, digest-only or tag-only$/,
    ],
    [
      '[[registry]]\nprefix="a.b"\nmirror-by-digest-only=true\n[[registry.mirror]]\nlocation="c.d"\npull-from-mirror="all"\n[[registry.mirror]]\nlocation="c.d"\npull-from-mirror="tag-only"',
      /: pull-from-mirror must not stand beside mirror-by-digest-only$/,
    ],
    ['[[registry]]\nprefix="a.b"\nlocation="a b"', /: the location "a b" makes "a b\/x" of an image's name$/],
  ]
  for (const [text, message] of cases)
    await assert.rejects(routed(text, 'a.b', 'X'.toLowerCase()), { code: 'CONFIGURATION_INVALID', message }, text)
})

test('readRegistriesConf() takes files and drop-ins in the order of podman', async () => {
  await using folder = await makeFolder()
  const entry = (prefix: string, location: string): string => `[[registry]]\nprefix = "${prefix}"\nlocation = "${location}"\n`
  await folder.write('etc/containers/registries.conf', entry('a.x', 'main.x') + entry('b.x', 'main.x'))
  await folder.write('etc/containers/registries.conf.d/10.conf', entry('b.x', 'machine.x'))
  await folder.write('etc/containers/registries.conf.d/20.txt', 'not [ read')
  await folder.write('home/.config/containers/registries.conf.d/05.conf', entry('c.x', 'user.x'))
  const at = async (environment: Readonly<Record<string, string>>, domain: string): Promise<string> => {
    const route = await createRouter(environment, join(folder.path, 'etc'))(domain, 'i')
    return route?.kind === 'places' ? route.origin.domain : String(route?.kind)
  }
  const home = { HOME: join(folder.path, 'home') }
  assert.deepEqual(await Promise.all(['a.x', 'b.x', 'c.x'].map((name) => at(home, name))), ['main.x', 'machine.x', 'user.x'])
  const explicit = { ...home, CONTAINERS_REGISTRIES_CONF: await folder.write('other.conf', entry('a.x', 'other.x')) }
  assert.deepEqual(await Promise.all(['a.x', 'b.x', 'c.x'].map((name) => at(explicit, name))), ['other.x', 'machine.x', 'user.x'])
  await folder.write('home/.config/containers/registries.conf', entry('a.x', 'own.x'))
  assert.deepEqual(await Promise.all(['a.x', 'b.x', 'c.x'].map((name) => at(home, name))), ['own.x', 'undefined', 'user.x'])
  await assert.rejects(at({ CONTAINERS_REGISTRIES_CONF: '/nowhere' }, 'a.x'), /CONTAINERS_REGISTRIES_CONF names it/)
})

test('hosts.toml routes a registry to hosts by what they can, with their settings', async () => {
  const text = `
server = "https://registry-1.docker.io"
[host."https://pull.example"]
  capabilities = ["pull"]
  ca = "ca.pem"
  client = [["c.cert", "c.key"]]
  dial_timeout = "1m30s"
  [host."https://pull.example".header]
    x-team = ["a", "b"]
[host."http://127.0.0.1:5000/root"]
  skip_verify = true
[host."push.example/api"]
  capabilities = ["Push"]
  override_path = true
`
  const route = await parseHostsToml(text, '/c/docker.io/hosts.toml', 'docker.io', 'library/a')
  assert.ok(route.kind === 'places')
  const path = 'library/a'
  assert.deepEqual(route.mirrors, [
    {
      domain: 'pull.example',
      path,
      tags: false,
      content: true,
      endpoint: {
        root: 'https://pull.example/v2/',
        namespace: 'docker.io',
        authorities: ['/c/docker.io/ca.pem'],
        clientCertificate: { certificate: '/c/docker.io/c.cert', key: '/c/docker.io/c.key' },
        connectTimeout: 90_000,
        headers: { 'x-team': 'a, b' },
      },
    },
    {
      domain: '127.0.0.1:5000',
      path,
      tags: true,
      content: true,
      endpoint: { root: 'http://127.0.0.1:5000/root/v2/', namespace: 'docker.io', tlsVerify: false },
    },
  ])
  assert.deepEqual(route.origin, { domain: 'docker.io', path, endpoint: { root: 'https://registry-1.docker.io/v2/' } })
  assert.deepEqual(route.push, {
    domain: 'push.example',
    path,
    endpoint: { root: 'https://push.example/api/', namespace: 'docker.io' },
  })
  const bare = await parseHostsToml('[host."https://m.x"]', '/c/_default/hosts.toml', 'r.x', 'a')
  assert.ok(bare.kind === 'places')
  assert.deepEqual(bare.origin, { domain: 'r.x', path: 'a', endpoint: {} })
  // a mirror that is not said to take pushes takes none
  assert.equal(bare.push, bare.origin)
})

test('hosts.toml that cannot be used is an error that says why', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['[host', /^Cannot use "\/c\/hosts\.toml": .*\(line 1\)$/],
    ['host = 1', /: host must be a table$/],
    ['server = "http://["', /: "http:\/\/\[" must be a URL such as/],
    ['server = "https://u:p@x"', /must be a URL such as/],
    ['[host."x.y"]\ncapabilities = ["delete"]', /: the capability "delete" is none of pull, resolve and push$/],
    ['[host."x.y"]\nclient = 5', /: client must be a file/],
    ['[host."x.y"]\ndial_timeout = "soon"', /: dial_timeout is "soon", not a duration such as "5s"$/],
    ['[host."x.y"]\nheader = {"x" = "a\\nb"}', /: the header "x" must be a string/],
    ['skip_verify = 1', /: skip_verify must be true or false$/],
  ]
  for (const [text, message] of cases)
    await assert.rejects(parseHostsToml(text, '/c/hosts.toml', 'r.x', 'a'), { code: 'CONFIGURATION_INVALID', message }, text)
})

test('daemon.json gives Docker Hub mirrors, and hosts and networks that need no certificate', async () => {
  const settings = parseDaemonJson(
    '{"registry-mirrors":["https://m.x/","http://10.0.0.9:5000"],"insecure-registries":["r.x:5000","s.x","10.0.0.0/8","::1/128"],"debug":true}',
    '/d/daemon.json',
  )
  // oxlint-disable-next-line require-await
  const addresses = async (host: string): Promise<readonly string[]> => (host === 'in.x' ? ['10.1.2.3'] : [host])
  const at = async (domain: string): Promise<string> => shown(await routeByDaemon(settings, domain, 'a/b', addresses))
  assert.equal(await at('docker.io'), 'm.x/a/b, 10.0.0.9:5000/a/b! -> docker.io/a/b (push docker.io/a/b)')
  for (const domain of ['r.x:5000', 's.x', 's.x:1', 'in.x', '10.9.9.9:5000', '[::1]:5000'])
    assert.equal(await at(domain), ` -> ${domain}/a/b! (push ${domain}/a/b)`)
  for (const domain of ['r.x', 'r.x:1', '11.0.0.1', 'out.x']) assert.equal(await at(domain), 'nothing')
  const cases: readonly (readonly [string, RegExp])[] = [
    ['[]', /: it is not a JSON object$/],
    ['{', /^Cannot parse "\/d\/daemon\.json"/],
    ['{"registry-mirrors":"x"}', /: registry-mirrors must be a list$/],
    ['{"registry-mirrors":["m.x/"]}', /: the mirror "m\.x\/" must be a URL such as/],
    ['{"registry-mirrors":["https://m.x/sub"]}', /must be a URL such as/],
    ['{"insecure-registries":[1]}', /: insecure-registries must be a list of strings$/],
  ]
  for (const [text, message] of cases) assert.throws(() => parseDaemonJson(text, '/d/daemon.json'), { message }, text)
  assert.deepEqual(parseDaemonJson(' ', '/d'), { file: '/d', mirrors: [], insecure: [] })
})

test('createRouter() takes the first kind of configuration that knows a name, and the user before the machine', async () => {
  await using folder = await makeFolder()
  const etc = join(folder.path, 'etc')
  await folder.write('etc/containers/registries.conf', '[[registry]]\nlocation = "a.x"\n')
  await folder.write('etc/containerd/certs.d/a.x/hosts.toml', '[host."https://m.x"]')
  await folder.write('etc/docker/certs.d/b.x_5000_/hosts.toml', 'server = "https://machine.x"')
  await folder.write('etc/docker/certs.d/c.x/ca.crt', '')
  await folder.write('home/.config/containerd/certs.d/b.x:5000/hosts.toml', 'server = "https://user.x"')
  await folder.write('etc/docker/daemon.json', '{"insecure-registries":["a.x","b.x:5000","c.x"]}')
  const router = createRouter({ HOME: join(folder.path, 'home') }, etc)
  const file = async (domain: string): Promise<string | undefined> => (await router(domain, 'i'))?.file.slice(folder.path.length)
  assert.equal(await file('a.x'), '/etc/containers/registries.conf')
  assert.equal(await file('b.x:5000'), '/home/.config/containerd/certs.d/b.x:5000/hosts.toml')
  assert.equal(await file('c.x'), '/etc/docker/daemon.json')
  assert.equal(await file('d.x'), undefined)
  await folder.write('home/.config/docker/certs.d/_default/hosts.toml', 'server = "https://all.x"')
  const again = createRouter({ HOME: join(folder.path, 'home') }, etc)
  assert.deepEqual(
    (await routingFiles({ HOME: join(folder.path, 'home') }, etc)).map((path) => path.slice(folder.path.length)),
    [
      '/etc/containers/registries.conf',
      '/home/.config/containerd/certs.d/b.x:5000/hosts.toml',
      '/etc/containerd/certs.d/a.x/hosts.toml',
      '/home/.config/docker/certs.d/_default/hosts.toml',
      '/etc/docker/certs.d/b.x_5000_/hosts.toml',
      '/etc/docker/daemon.json',
    ],
  )
  await folder.write('etc/docker/certs.d/e.x/hosts.toml', 'server = 1')
  await assert.rejects(routingFiles({}, etc), { code: 'CONFIGURATION_INVALID' })
  assert.equal((await again('d.x', 'i'))?.file.slice(folder.path.length), '/home/.config/docker/certs.d/_default/hosts.toml')
})

test('the parser of TOML is not loaded when no file says anything about registries', async () => {
  await using folder = await makeFolder()
  await folder.write('etc/containers/registries.conf', '# [[registry]]\nunqualified-search-registries = ["docker.io"]\n')
  await folder.write('etc/containers/registries.conf.d/short.conf', '[aliases]\n"registry" = "docker.io/library/registry"\n')
  await folder.write('etc/docker/certs.d/other.x/hosts.toml', 'server = "https://y.x"')
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ resolve: (name, context, next) => (loaded.push(name), next(name, context)) })
    const { createRouter } = await import(${JSON.stringify(join(import.meta.dirname, 'router.ts'))})
    const router = createRouter({ HOME: ${JSON.stringify(folder.path)} }, ${JSON.stringify(join(folder.path, 'etc'))})
    const before = [await router('docker.io', 'library/x'), loaded.includes('smol-toml')]
    const after = [(await router('other.x', 'x'))?.kind, loaded.includes('smol-toml')]
    console.log(JSON.stringify([before, after]))`
  const { stdout } = await runProcess(process.execPath, ['--input-type=module', '-e', script])
  assert.equal(stdout.toString(), '[[null,false],["places",true]]\n')
})

test('hostile configuration files are read or refused', async () => {
  const pieces = fc.constantFrom(
    '[[registry]]',
    '[[registry.mirror]]',
    'prefix="a.b"',
    'location="c.d/e"',
    '[host."x"]',
    '\n',
    '"',
    '=',
    '*.',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(pieces, fc.string()), { maxLength: 12 }).map((list) => list.join('\n')),
  )
  const refused = async (work: () => unknown): Promise<void> => {
    try {
      await work()
    } catch (error) {
      assert.ok(isGantryError(error, 'invalid_argument'), String(error))
    }
  }
  await fc.assert(
    fc.asyncProperty(text, fc.json(), async (toml, json) => {
      await refused(async () => await routed(toml, 'a.b', 'x/y'))
      await refused(async () => await parseHostsToml(toml, '/c/hosts.toml', 'a.b', 'x'))
      for (const daemon of [toml, json, `{"registry-mirrors":${json},"insecure-registries":${json}}`])
        await refused(async () => await routeByDaemon(parseDaemonJson(daemon, '/d'), 'docker.io', 'x', async () => []))
    }),
    { numRuns: 30 },
  )
})
