import assert from 'node:assert/strict'
import { test } from 'node:test'
import { installed, manifest, TestProjects } from './test-projects.ts'

test('pnpm: packages stay in its folder, with the links that lead to them', async () => {
  await using projects = await TestProjects.open()
  const store = 'node_modules/.pnpm'
  const folder = await projects.project({
    'package.json': manifest({ main: 'index.js', dependencies: { a: '^1.0.0' }, devDependencies: { dev: '1' } }),
    'index.js': '',
    'pnpm-lock.yaml': `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: {specifier: ^1.0.0, version: 1.0.0(b@2.0.0)}
    devDependencies:
      dev: {specifier: '1', version: 1.0.0}
packages:
  a@1.0.0: {resolution: {integrity: sha512-AA==}, peerDependencies: {b: '*'}}
  b@2.0.0: {resolution: {integrity: sha512-AA==}}
  dev@1.0.0: {resolution: {integrity: sha512-AA==}}
snapshots:
  a@1.0.0(b@2.0.0): {dependencies: {b: 2.0.0}}
  b@2.0.0: {}
  dev@1.0.0: {}
`,
    ...installed(`${store}/a@1.0.0_b@2.0.0/node_modules/a`, 'a', '1.0.0'),
    ...installed(`${store}/b@2.0.0/node_modules/b`, 'b', '2.0.0'),
    ...installed(`${store}/dev@1.0.0/node_modules/dev`, 'dev', '1.0.0'),
    [`${store}/a@1.0.0_b@2.0.0/node_modules/b`]: { link: '../../b@2.0.0/node_modules/b' },
    [`${store}/node_modules/b`]: { link: '../b@2.0.0/node_modules/b' },
    [`${store}/node_modules/dev`]: { link: '../dev@1.0.0/node_modules/dev' },
    'node_modules/a': { link: '.pnpm/a@1.0.0_b@2.0.0/node_modules/a' },
    'node_modules/dev': { link: '.pnpm/dev@1.0.0/node_modules/dev' },
  })
  const paths = await projects.paths(await projects.pack(folder))
  assert.deepEqual(
    paths.filter((path) => !path.endsWith('/')),
    [
      'index.js',
      `${store}/a@1.0.0_b@2.0.0/node_modules/a/index.js`,
      `${store}/a@1.0.0_b@2.0.0/node_modules/a/package.json`,
      `${store}/a@1.0.0_b@2.0.0/node_modules/b -> ../../b@2.0.0/node_modules/b`,
      `${store}/b@2.0.0/node_modules/b/index.js`,
      `${store}/b@2.0.0/node_modules/b/package.json`,
      `${store}/node_modules/b -> ../b@2.0.0/node_modules/b`,
      'node_modules/a -> .pnpm/a@1.0.0_b@2.0.0/node_modules/a',
      'package.json',
    ],
  )
})

test('yarn: workspaces are found by the patterns of package.json', async () => {
  await using projects = await TestProjects.open()
  const folder = await projects.project({
    'package.json': manifest({ private: true, workspaces: { packages: ['packages/*'] } }),
    'yarn.lock': '# yarn lockfile v1\n\n\na@^1.0.0:\n  version "1.0.0"\n  resolved "https://registry.example/a-1.0.0.tgz#00"\n',
    'packages/api/package.json': manifest({ name: 'api', main: 'index.js', dependencies: { lib: '1.0.0' } }),
    'packages/api/index.js': '',
    'packages/lib/package.json': manifest({ name: 'lib', version: '1.0.0', dependencies: { a: '^1.0.0' }, files: ['dist'] }),
    'packages/lib/dist/index.js': '',
    'packages/lib/src/index.ts': '',
    'node_modules/lib': { link: '../packages/lib' },
    ...installed('node_modules/a', 'a', '1.0.0'),
  })
  const paths = await projects.paths(await projects.pack(folder, { workspace: 'packages/api' }))
  assert.deepEqual(
    paths.filter((path) => !path.endsWith('/')),
    [
      'node_modules/a/index.js',
      'node_modules/a/package.json',
      'node_modules/lib -> ../packages/lib',
      'packages/api/index.js',
      'packages/api/package.json',
      'packages/lib/dist/index.js',
      'packages/lib/package.json',
    ],
  )
  const plugAndPlay = await projects.project({
    'package.json': manifest({}),
    'yarn.lock': '__metadata:\n  version: 8\n',
    '.pnp.cjs': '',
  })
  await assert.rejects(projects.pack(plugAndPlay), { code: 'PLUG_AND_PLAY' })
})
