import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TestGantry } from '../support.ts'

const files = {
  Dockerfile: 'FROM scratch\nCOPY src /app/\n',
  '.dockerignore': '**/*.log\n',
  'src/a.js': 'a',
  'src/a.log': 'log',
  'big.bin': 'x'.repeat(5000),
}

test('build context ls shows what goes in, how large, and who takes it; why says which rule decides', async () => {
  await using gantry = new TestGantry()
  const context = gantry.context(files)
  assert.equal(
    gantry.run('build', 'context', 'ls', '--size', context),
    [
      'SIZE      PATH            TAKEN BY',
      '5kB       big.bin         ',
      '28B       Dockerfile      ',
      '9B        .dockerignore   ',
      '1B        src/a.js        Dockerfile:2',
      '',
      'In:       4 files, 5.04kB (no COPY or ADD takes 3 files, 5.04kB)',
      'Left out: 1 file, 3B by .dockerignore:1 **/*.log',
      '',
    ].join('\n'),
  )
  assert.equal(gantry.run('build', 'context', 'ls', '-q', '--ignored', context), 'src/a.log\n')
  const rows = gantry.run('build', 'context', 'ls', '--format', 'json', '--unused', context).trim().split('\n')
  assert.deepEqual(
    rows.map((row) => (JSON.parse(row) as { Path: string }).Path),
    ['.dockerignore', 'Dockerfile', 'big.bin'],
  )
  const why = gantry.try(['build', 'context', 'why', 'src/a.js', 'src/a.log', 'nope'], { cwd: context })
  assert.equal(why.status, 1)
  assert.match(why.stderr, /Cannot find "nope" in the build context/)
  assert.equal(
    why.stdout,
    'src/a.js (file, 1B): goes in\n  no rule matches it\n  taken by Dockerfile:2 COPY src /app/\n    to /app/a.js\n\nsrc/a.log (file, 3B): left out\n  left out by .dockerignore:1 **/*.log\n',
  )
  const below = gantry.try(['build', 'context', 'why', '-c', '..', 'a.log', '--format', '{{.Path}} {{.Rule}}'], {
    cwd: join(context, 'src'),
  })
  assert.equal(below.stdout, 'src/a.log .dockerignore:1 **/*.log\n')
})

test('a folder called context is built; only ls and why behind it are commands', async () => {
  await using gantry = new TestGantry()
  mkdirSync(gantry.path('context'))
  writeFileSync(gantry.path('context', 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\n')
  assert.match(gantry.run('build', '-q', 'context'), /^sha256:/)
  assert.match(gantry.run('build', '--help'), /a folder called context is built all the same/)
  assert.match(gantry.run('build', 'context', 'ls', '--help'), /Usage: {2}gantry build context ls/)
})

test('archives, other Dockerfiles and OCI layouts are contexts on the command line', async () => {
  await using gantry = new TestGantry()
  const context = gantry.context(files)
  const tar = spawnSync('tar', ['-C', context, '-cz', '.']).stdout
  assert.equal(gantry.try(['build', '-q', '-t', 'tar:1', '-'], { input: tar }).status, 0)
  writeFileSync(gantry.path('context.tgz'), tar)
  assert.match(gantry.run('build', '-q', gantry.path('context.tgz')), /^sha256:/)
  const other = gantry.try(['build', '-q', '-f', '-', context], { input: 'FROM scratch\nCOPY big.bin /\n' })
  assert.match(other.stdout, /^sha256:/)
  const both = gantry.try(['build', '-f', 'x', '-'], { input: 'FROM scratch\n' })
  assert.match(both.stderr, /ambiguous Dockerfile source/)
  gantry.run('build', '-q', '-o', `type=oci,tar=false,dest=${gantry.path('layout')}`, context)
  const named = gantry.context({ Dockerfile: 'FROM base\nCOPY --from=base /app/a.js /b.js\nCOPY --from=other src/a.js /\n' })
  const built = gantry.try([
    'build',
    '-t',
    'named:1',
    '--build-context',
    `base=oci-layout://${gantry.path('layout')}`,
    '--build-context',
    `other=${context}`,
    named,
  ])
  assert.equal(built.status, 0, built.stderr)
  assert.match(gantry.run('history', '--format', '{{.CreatedBy}}', '--no-trunc', 'named:1'), /COPY src \/app\/ # buildkit/)
  assert.match(gantry.try(['build', '--build-context', 'x', context]).stderr, /invalid context value: x, expected key=value/)
})
