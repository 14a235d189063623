import assert from 'node:assert/strict'
import { chmod, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { isGantryError } from '../../lib/errors.ts'
import { installed, locked, manifest, npmLock, TestProjects, type ProjectFiles } from './test-projects.ts'

/** A project with what is for production, for development, nested, and there for nobody. */
const small: ProjectFiles = {
  'package.json': manifest({
    name: '@acme/api',
    version: '1.2.0',
    scripts: { start: 'node server' },
    dependencies: { a: '^1.0.0' },
    devDependencies: { dev: '^1.0.0' },
    optionalDependencies: { gone: '^1.0.0' },
  }),
  'package-lock.json': npmLock({
    '': { dependencies: { a: '^1.0.0' }, devDependencies: { dev: '^1.0.0' }, optionalDependencies: { gone: '^1.0.0' } },
    'node_modules/a': locked('1.0.1', { dependencies: { b: '^2.0.0' }, peerDependencies: { peer: '*' } }),
    'node_modules/a/node_modules/b': locked('2.0.0'),
    'node_modules/b': locked('1.0.0', { dev: true }),
    'node_modules/dev': locked('1.0.0', { dev: true, dependencies: { b: '^1.0.0' } }),
    'node_modules/peer': locked('3.0.0', { peer: true }),
  }),
  'server.js': "require('a')\n",
  'lib/util.js': '',
  'lib/node_modules/stray/index.js': '',
  '.env': 'SECRET=1',
  'lib/.env.local': 'SECRET=2',
  'tls.key': 'SECRET',
  '.npmrc': '//registry.example/:_authToken=SECRET',
  'npm-debug.log': '',
  '.git/HEAD': '',
  'coverage/index.html': '',
  ...installed('node_modules/a', 'a', '1.0.1'),
  ...installed('node_modules/a/node_modules/b', 'b', '2.0.0'),
  ...installed('node_modules/b', 'b', '1.0.0'),
  ...installed('node_modules/dev', 'dev', '1.0.0'),
  ...installed('node_modules/peer', 'peer', '3.0.0'),
  ...installed('node_modules/extraneous', 'extraneous', '1.0.0'),
  'node_modules/.package-lock.json': '{}',
}

test('packs what production needs and nothing else, dependencies apart from code', async () => {
  await using projects = await TestProjects.open()
  const packed = await projects.pack(await projects.project(small))
  assert.deepEqual(await projects.paths(packed), [
    'lib/',
    'lib/util.js',
    'node_modules/',
    'node_modules/a/',
    'node_modules/a/index.js',
    'node_modules/a/node_modules/',
    'node_modules/a/node_modules/b/',
    'node_modules/a/node_modules/b/index.js',
    'node_modules/a/node_modules/b/package.json',
    'node_modules/a/package.json',
    'node_modules/peer/',
    'node_modules/peer/index.js',
    'node_modules/peer/package.json',
    'package.json',
    'server.js',
  ])
  assert.deepEqual(packed.summaries[0]?.layers, [{ title: 'dependencies', packages: 3 }, { title: 'code' }])
  assert.deepEqual(packed.warnings, ['left out, as it may hold secrets: .env, .npmrc, tls.key'])
  const { config, created, history } = packed.config
  assert.deepEqual(config?.Entrypoint, ['node', '/app/server.js'])
  assert.equal(config?.Cmd, undefined)
  assert.deepEqual(config?.Env?.slice(-1), ['NODE_ENV=production'])
  assert.deepEqual([config?.User, config?.WorkingDir], ['1000:1000', '/app'])
  assert.deepEqual(config?.Labels, {
    'org.opencontainers.image.title': '@acme/api',
    'org.opencontainers.image.version': '1.2.0',
  })
  assert.equal(created, '2023-11-14T22:13:20Z')
  assert.deepEqual(
    history?.slice(-2).map((entry) => [entry.created, entry.created_by]),
    [
      ['2023-11-14T22:13:20Z', 'COPY dependencies /app # gantry pack'],
      ['2023-11-14T22:13:20Z', 'COPY code /app # gantry pack'],
    ],
  )
})

test('the same project gives the same image wherever and whenever it is packed', async () => {
  await using here = await TestProjects.open()
  await using there = await TestProjects.open()
  const first = await here.pack(await here.project(small))
  const folder = await there.project(small)
  for (const path of ['server.js', 'node_modules/a', 'node_modules/a/index.js', 'lib']) {
    await utimes(join(folder, path), 1e9, 1e9)
    await chmod(join(folder, path), path.endsWith('.js') ? 0o600 : 0o700)
  }
  assert.equal((await there.pack(folder)).imageId, first.imageId)
})

test('a build that copied the same files with their own times does not change what pack makes', async () => {
  await using projects = await TestProjects.open()
  const fresh = await projects.pack(await projects.project(small))
  await using others = await TestProjects.open()
  const folder = await others.project(small)
  await others.write(
    folder,
    'Dockerfile',
    'FROM base\nCOPY node_modules/a /app/node_modules/a\nCOPY node_modules/peer /app/node_modules/peer\n',
  )
  await others.builds.build({ context: folder })
  assert.equal((await others.pack(folder)).imageId, fresh.imageId)
})

test('only the code is packed again when only it changed, and it is said why', async () => {
  await using projects = await TestProjects.open()
  const folder = await projects.project(small)
  await projects.pack(folder)
  await projects.write(folder, 'server.js', "require('a'); console.log(1)\n")
  const { steps, events } = await projects.pack(folder)
  assert.deepEqual(
    steps.map((step) => step.replace(/@sha256:\w+/, '')),
    [
      '[pack 1/3] FROM docker.io/library/base:latest → cached',
      '[pack 2/3] COPY dependencies → cached',
      '[pack 3/3] COPY code → done',
    ],
  )
  assert.deepEqual(
    events.flatMap((event) => (event.kind === 'explained' ? event.reasons : [])),
    ['server.js changed'],
  )
})

test('SOURCE_DATE_EPOCH dates the image and its code, not its dependencies', async () => {
  await using projects = await TestProjects.open()
  const folder = await projects.project(small)
  const plain = await projects.pack(folder)
  const dated = await projects.pack(folder, { epoch: 1_600_000_000 })
  assert.equal(dated.config.created, '2020-09-13T12:26:40Z')
  assert.deepEqual(dated.config.rootfs.diff_ids.slice(0, -1), plain.config.rootfs.diff_ids.slice(0, -1))
  assert.notEqual(dated.config.rootfs.diff_ids.at(-1), plain.config.rootfs.diff_ids.at(-1))
  const times = await projects.builds.files(dated, async (tree) =>
    [await tree.stat('app/server.js'), await tree.stat('app/node_modules/a/index.js')].map((entry) => entry?.mtime.seconds),
  )
  assert.deepEqual(times, [1_600_000_000, 315_619_200])
})

test('says what is not installed, or is another version, and what to run', async () => {
  await using projects = await TestProjects.open()
  const folder = await projects.project({
    ...small,
    'node_modules/a/package.json': manifest({ name: 'a', version: '1.0.0' }),
    'node_modules/a/node_modules/b/package.json': { link: '/nowhere' },
  })
  await assert.rejects(
    projects.pack(folder),
    (error) =>
      isGantryError(error, 'failed_precondition') &&
      error.message ===
        'Cannot pack: node_modules is not what the lockfile says: a is installed as 1.0.0 instead of 1.0.1; b@2.0.0 is not installed' &&
      error.hint === 'run npm ci',
  )
})

test('says that the lockfile is older than package.json', async () => {
  await using projects = await TestProjects.open()
  const folder = await projects.project({ ...small, 'package.json': manifest({ dependencies: { a: '^2.0.0' } }) })
  await assert.rejects(projects.pack(folder), {
    message: 'Cannot pack: "package.json" asks for a@^2.0.0, which the lockfile does not have',
    hint: 'run npm install',
  })
})

test('brings workspaces that a workspace needs, without the others', async () => {
  await using projects = await TestProjects.open()
  const folder = await projects.project({
    'package.json': manifest({ private: true, workspaces: ['packages/*'] }),
    'package-lock.json': npmLock({
      '': { workspaces: ['packages/*'] },
      'packages/api': { name: 'api', dependencies: { lib: '*', a: '1' } },
      'packages/lib': { name: 'lib', dependencies: { a: '2' }, devDependencies: { dev: '1' } },
      'packages/web': { name: 'web', dependencies: { dev: '1' } },
      'node_modules/api': { resolved: 'packages/api', link: true },
      'node_modules/lib': { resolved: 'packages/lib', link: true },
      'node_modules/web': { resolved: 'packages/web', link: true },
      'node_modules/a': locked('1.0.0'),
      'node_modules/dev': locked('1.0.0'),
      'packages/lib/node_modules/a': locked('2.0.0'),
    }),
    'packages/api/package.json': manifest({ name: 'api', private: true, main: 'main.js', dependencies: { lib: '*', a: '1' } }),
    'packages/api/main.js': '',
    'packages/lib/package.json': manifest({
      name: 'lib',
      private: true,
      dependencies: { a: '2' },
      devDependencies: { dev: '1' },
    }),
    'packages/lib/index.js': '',
    'packages/lib/.env': '',
    'packages/web/package.json': manifest({ name: 'web', dependencies: { dev: '1' } }),
    'node_modules/api': { link: '../packages/api' },
    'node_modules/lib': { link: '../packages/lib' },
    'node_modules/web': { link: '../packages/web' },
    ...installed('node_modules/a', 'a', '1.0.0', { bin: 'cli.js' }),
    'node_modules/a/cli.js': '#!/usr/bin/env node\n',
    ...installed('node_modules/dev', 'dev', '1.0.0'),
    ...installed('packages/lib/node_modules/a', 'a', '2.0.0'),
  })
  const packed = await projects.pack(folder, { workspace: 'api' })
  assert.deepEqual(await projects.paths(packed), [
    'node_modules/',
    'node_modules/.bin/',
    'node_modules/.bin/a -> ../a/cli.js',
    'node_modules/a/',
    'node_modules/a/cli.js',
    'node_modules/a/index.js',
    'node_modules/a/package.json',
    'node_modules/lib -> ../packages/lib',
    'packages/',
    'packages/api/',
    'packages/api/main.js',
    'packages/api/package.json',
    'packages/lib/',
    'packages/lib/index.js',
    'packages/lib/node_modules/',
    'packages/lib/node_modules/a/',
    'packages/lib/node_modules/a/index.js',
    'packages/lib/node_modules/a/package.json',
    'packages/lib/package.json',
  ])
  assert.deepEqual(packed.summaries[0]?.layers, [
    { title: 'dependencies', packages: 2 },
    { title: 'local dependencies', packages: 1 },
    { title: 'code' },
  ])
  assert.deepEqual(packed.config.config?.Entrypoint, ['node', '/app/packages/api/main.js'])
  assert.equal(packed.config.config?.WorkingDir, '/app/packages/api')
  assert.equal((await projects.pack(join(folder, 'packages/api'))).imageId, packed.imageId)
  await assert.rejects(projects.pack(folder, { workspace: 'other' }), { code: 'NO_WORKSPACE', hint: 'there are api, lib, web' })
})

/** A header of an ELF file for a machine. */
const elf = (machine: number): string => {
  const head = Buffer.alloc(64)
  head.write('\x7fELF\x02\x01', 'latin1')
  head.writeUInt16LE(machine, 18)
  return head.toString('latin1')
}

const native: ProjectFiles = {
  'package.json': manifest({ name: 'n', main: 'index.js', dependencies: { sharp: '1' } }),
  'index.js': '',
  'package-lock.json': npmLock({
    '': { dependencies: { sharp: '1' } },
    'node_modules/sharp': locked('1.0.0', {
      optionalDependencies: { '@img/x64': '1', '@img/arm64': '1', '@img/musl': '1', '@img/mac': '1' },
    }),
    'node_modules/@img/x64': locked('1.0.0', { os: ['linux'], cpu: ['x64'], libc: ['glibc'] }),
    'node_modules/@img/musl': locked('1.0.0', { os: ['linux'], cpu: ['x64'], libc: ['musl'] }),
    'node_modules/@img/arm64': locked('1.0.0', { os: ['linux'], cpu: ['arm64'] }),
    'node_modules/@img/mac': locked('1.0.0', { os: ['darwin'] }),
  }),
  ...installed('node_modules/sharp', 'sharp', '1.0.0'),
  ...installed('node_modules/@img/x64', '@img/x64', '1.0.0', { os: ['linux'], cpu: ['x64'] }),
  'node_modules/@img/x64/sharp.node': elf(62),
}

test('packages for a platform have a layer of their own, and only those of the platform are taken', async () => {
  await using projects = await TestProjects.open()
  const folder = await projects.project(native)
  const packed = await projects.pack(folder)
  assert.deepEqual(packed.summaries[0]?.layers, [
    { title: 'dependencies', packages: 1 },
    { title: 'native dependencies', packages: 1 },
    { title: 'code' },
  ])
  const arm = { os: 'linux', architecture: 'arm64' }
  await assert.rejects(projects.pack(folder, {}, { platforms: [arm] }), {
    message: 'Cannot pack for linux/arm64 (glibc): not installed for it: @img/arm64@1.0.0',
    hint: 'run npm install --os=linux --cpu=arm64 --libc=glibc',
  })
  const files = installed('node_modules/@img/arm64', '@img/arm64', '1.0.0', { os: ['linux'], cpu: ['arm64'] })
  const both = await projects.project({ ...native, ...files })
  const { images } = await projects.pack(both, {}, { platforms: [{ os: 'linux', architecture: 'amd64' }, arm] })
  const [amd64, arm64] = images.map(({ config }) => config.rootfs.diff_ids)
  assert.deepEqual(amd64, packed.config.rootfs.diff_ids)
  assert.equal(arm64?.[1], amd64?.[1])
  assert.notEqual(arm64?.[2], amd64?.[2])
  assert.equal(arm64?.[3], amd64?.[3])
})

test('an addon that was compiled for another platform is not packed', async () => {
  await using projects = await TestProjects.open()
  const folder = await projects.project({
    'package.json': manifest({ name: 'n', main: 'index.js', dependencies: { addon: '1' } }),
    'index.js': '',
    'package-lock.json': npmLock({ '': { dependencies: { addon: '1' } }, 'node_modules/addon': locked('1.0.0') }),
    ...installed('node_modules/addon', 'addon', '1.0.0', { scripts: { install: 'node-gyp rebuild' } }),
    'node_modules/addon/build/Release/addon.node': elf(40),
  })
  await assert.rejects(projects.pack(folder), {
    message: 'Cannot pack for linux/amd64 (glibc): compiled for another platform: addon@1.0.0',
  })
  assert.equal(
    (await projects.pack(folder, {}, { platforms: [{ os: 'linux', architecture: 'arm', variant: 'v7' }] })).summaries[0]
      ?.layers[0]?.title,
    'native dependencies',
  )
})

test('names, links and files of a project lead nowhere out of it', async () => {
  await using projects = await TestProjects.open()
  const outside = await projects.project({ 'package.json': manifest({ name: 'a', version: '1.0.0' }), secret: 'SECRET' })
  const packedWith = async (dependency: string, files: ProjectFiles): Promise<unknown> =>
    await projects.pack(
      await projects.project({
        'package.json': JSON.stringify({ main: 'index.js', dependencies: { [dependency]: '1' } }),
        'package-lock.json': npmLock({
          '': { dependencies: { [dependency]: '1' } },
          [`node_modules/${dependency}`]: locked('1.0.0'),
        }),
        'index.js': '',
        ...files,
      }),
    )
  for (const name of ['../../etc', '..', '.', 'node_modules', '/etc', 'a/b', '@a/../..', 'a\0b', '', '.bin'])
    await assert.rejects(packedWith(name, {}), { code: 'PACKAGE_NAME' }, JSON.stringify(name))
  await assert.rejects(packedWith('a', { 'node_modules/a': { link: outside } }), { code: 'LINK_OUTSIDE' })
  await assert.rejects(packedWith('a', { 'node_modules/a': { link: '../../../../../..' } }), { code: 'LINK_OUTSIDE' })
  await assert.rejects(packedWith('a', { 'node_modules/a': { link: '../b' }, b: { link: 'node_modules/a' } }), {
    code: 'LINK_OUTSIDE',
  })
  await assert.rejects(
    packedWith('a', { 'node_modules/a': { link: '../b' }, 'b/package.json': manifest({ version: '1.0.0' }) }),
    { code: 'NOT_A_MODULE' },
  )
  for (const name of ['__proto__', 'constructor'])
    await assert.rejects(packedWith(name, {}), (error) => isGantryError(error, 'failed_precondition'))
  const bins = await projects.pack(
    await projects.project({
      'package.json': manifest({ main: 'index.js', dependencies: { a: '1' } }),
      'package-lock.json': npmLock({ '': { dependencies: { a: '1' } }, 'node_modules/a': locked('1.0.0') }),
      'index.js': '',
      ...installed('node_modules/a', 'a', '1.0.0', {
        bin: { '../../x': 'index.js', y: '../../../../etc/passwd', ok: './index.js' },
      }),
    }),
  )
  assert.deepEqual(
    (await projects.paths(bins)).filter((path) => path.includes('.bin/')),
    ['node_modules/.bin/', 'node_modules/.bin/ok -> ../a/index.js'],
  )
})
