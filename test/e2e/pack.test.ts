import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, copyFileSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { lacking, TestGantry } from '../support.ts'

/** An image `node` of this machine's Node.js and the libraries that it loads, without a shell. */
const nodeImage = (gantry: TestGantry): void => {
  const node = realpathSync(process.execPath)
  const libraries = [...spawnSync('ldd', [node], { encoding: 'utf8' }).stdout.matchAll(/(\/\S+) \(0x/g)].map(
    (match) => match[1] ?? '',
  )
  const folder = gantry.context({ Dockerfile: 'FROM scratch\nCOPY root /\nENTRYPOINT ["/usr/bin/node"]\n' })
  for (const [from, to] of [[node, '/usr/bin/node'] as const, ...libraries.map((path) => [path, path] as const)]) {
    const place = join(folder, 'root', to)
    mkdirSync(dirname(place), { recursive: true })
    copyFileSync(realpathSync(from), place)
  }
  gantry.run('build', '-q', '-t', 'node', folder)
}

test(
  'pack makes an image without a Dockerfile that runs',
  { skip: lacking(['crun', 'conmon', 'ldd'], { root: true }) },
  async () => {
    await using gantry = new TestGantry()
    nodeImage(gantry)
    const project = gantry.context({
      'package.json': JSON.stringify({
        name: '@acme/hello',
        version: '1.0.0',
        scripts: { start: 'GREETING=hello greet world' },
        dependencies: { greet: '^2.0.0' },
      }),
      'package-lock.json': JSON.stringify({
        lockfileVersion: 3,
        packages: {
          '': { dependencies: { greet: '^2.0.0' } },
          'node_modules/greet': { version: '2.0.0', resolved: 'https://registry.example/greet.tgz', bin: { greet: 'cli.js' } },
        },
      }),
      '.env': 'SECRET=1',
      'node_modules/greet/package.json': JSON.stringify({ name: 'greet', version: '2.0.0', bin: { greet: 'cli.js' } }),
      'node_modules/greet/cli.js':
        "#!/usr/bin/env node\nconsole.log(process.env.GREETING, ...process.argv.slice(2), process.getuid(), process.cwd(), process.env.NODE_ENV, require('fs').readdirSync('.').join())\n",
    })
    const shown = gantry.run('pack', '--base', 'node', '--label', 'a=b', '-p', '8080', project)
    assert.match(shown, /^ {2}layer {7}dependencies: \S+, 1 package$/m)
    assert.match(shown, /^ {2}layer {7}code: /m)
    assert.match(
      shown,
      /^ {2}entrypoint {2}\["\/usr\/bin\/node","\/app\/node_modules\/greet\/cli\.js","world"\] \(scripts\.start\)$/m,
    )
    assert.match(shown, /^Packed acme\/hello:1\.0\.0 \([0-9a-f]{12}\)$/m)
    const expected = 'hello world again 1000 /app production node_modules,package.json\n'
    assert.equal(gantry.run('run', '--rm', 'acme/hello:1.0.0', 'again'), expected)
    const id = gantry.run('pack', '-q', '--base', 'node', '--label', 'a=b', '-p', '8080', project)
    assert.match(id, /^sha256:[0-9a-f]{64}\n$/)
    appendFileSync(join(project, 'package.json'), '\n')
    assert.notEqual(gantry.run('pack', '--progress', 'quiet', '--base', 'node', project), id)
    const missing = gantry.try(['pack', gantry.context({ 'package.json': '{}' })])
    assert.equal(missing.status, 1)
    assert.match(missing.stderr, /it has no lockfile\nhint: run npm install, pnpm install or yarn install/)
  },
)
