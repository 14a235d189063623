import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createRegistryClient } from '../src/remote/client.ts'
import { startTestRegistry } from '../src/testing/registry-server.ts'
import { randomIndex } from '../src/testing/random-image.ts'
import { checkout, sh } from './support.ts'

// The package as npm would install it, in a project of its own.
const project = mkdtempSync(join(tmpdir(), 'gantry-library-'))
const installed = join(project, 'node_modules', 'gantry')

before(() => {
  sh(
    [process.execPath, 'tools/build.ts'],
    { ...process.env, PATH: `${join(checkout, 'node_modules', '.bin')}:${process.env.PATH}` },
    checkout,
  )
  mkdirSync(installed, { recursive: true })
  const { files, dependencies } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    readonly files: readonly string[]
    readonly dependencies: Readonly<Record<string, string>>
  }
  for (const file of ['package.json', ...files]) cpSync(join(checkout, file), join(installed, file), { recursive: true })
  for (const name of Object.keys(dependencies))
    symlinkSync(join(checkout, 'node_modules', name), join(project, 'node_modules', name))
  mkdirSync(join(project, 'node_modules', '@types'))
  symlinkSync(join(checkout, 'node_modules', '@types', 'node'), join(project, 'node_modules', '@types', 'node'))
  symlinkSync(join(checkout, 'node_modules', 'undici-types'), join(project, 'node_modules', 'undici-types'))
  writeFileSync(join(project, 'package.json'), '{"type":"module"}\n')
})
const built = existsSync(join(checkout, 'dist'))
after(() => {
  rmSync(project, { recursive: true, force: true })
  if (!built) rmSync(join(checkout, 'dist'), { recursive: true, force: true })
})

/** The JavaScript of the guide, its imports first. */
const guide = (): { readonly imports: string; readonly body: string } => {
  const text = readFileSync(join(checkout, 'docs', 'library.md'), 'utf8')
  const lines = [...text.matchAll(/^```js\n(.*?)^```/gms)].flatMap(([, code = '']) => code.split('\n'))
  const isImport = (line: string): boolean => line.startsWith('import ')
  return { imports: lines.filter(isImport).join('\n'), body: lines.filter((line) => !isImport(line)).join('\n') }
}

test('the guide of the library runs in plain JavaScript', async () => {
  await using registry = await startTestRegistry()
  using client = createRegistryClient()
  const repository = client.repository({ domain: registry.host, path: 'team/app' }, { mountFrom: [] })
  await repository.tag('1', await randomIndex(repository))
  const { imports, body } = guide()
  const facts = `const [registry, root, folder] = ${JSON.stringify([registry.host, join(project, 'root'), project])}`
  writeFileSync(join(project, 'guide.js'), `${imports}\n${facts}\n${body}\nconsole.log('END')\n`)
  const child = spawn(process.execPath, ['guide.js'], { cwd: project, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)))
  child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)))
  const status = await new Promise((resolve) => child.on('close', resolve))
  assert.equal(status, 0, output)
  assert.match(output, /^END$/m)
  assert.match(output, new RegExp(`^${registry.host}/team/app:1 true linux$`, 'm'))
  assert.match(output, /^canceled$/m)
  assert.match(output, /^not_found MANIFEST_UNKNOWN manifest for .*team\/app:missing not found: .* these tags exist: 1;/m)
  assert.match(output, /^file layer-0\/file-0 \d+$/m)
  assert.ok(existsSync(join(project, 'backup', 'oci-layout')))
  assert.deepEqual(await client.repository({ domain: registry.host, path: 'team/copy' }).tags(), ['1'])
})

const consumer = `
import { copy, open, pull, push, resolve, GantryError, createEngine, type CopyEvent, type Job, type PulledImage } from 'gantry'
import { parseReference, type Descriptor } from 'gantry/oci'
import type { ImageSource } from 'gantry/content'
import { createRegistryClient } from 'gantry/remote'

const job: Job<PulledImage, CopyEvent> = pull('a', { root: '/r', signal: AbortSignal.timeout(1), platform: 'linux/arm64' })
for await (const event of job) if (event.kind === 'progress') event.offset.toFixed()
const { image, target }: PulledImage = await job
const descriptor: Descriptor = await resolve('oci:x')
await using opened = await open('a', { engine: createEngine({ tlsVerify: false }) })
for await (const entry of opened.layers[0]!.entries()) entry.name.length
const bytes: Buffer = await opened.read('/etc/os-release')
const source: ImageSource = createRegistryClient().repository(parseReference('a/b'))
try { await copy('a', 'b', { platforms: ['linux/amd64'], referrers: true }); await push('a') }
catch (error) { if (error instanceof GantryError && error.kind === 'not_found') error.hint?.length }
// @ts-expect-error -- a platform is no number
void pull('a', { platform: 1 })
// @ts-expect-error -- a manifest is not changed
image.manifest.layers = []
export { bytes, descriptor, source, target }
`

test('the types of the package are whole', () => {
  writeFileSync(join(project, 'consumer.ts'), consumer)
  const options = {
    target: 'es2024',
    lib: ['es2024', 'esnext.disposable'],
    module: 'nodenext',
    types: ['node'],
    strict: true,
    noEmit: true,
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['consumer.ts'] }))
  const { status, stdout } = spawnSync(join(checkout, 'node_modules', '.bin', 'tsc'), ['-p', '.'], {
    cwd: project,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stdout)
})
