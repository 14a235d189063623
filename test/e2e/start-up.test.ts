import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { busyboxPath, checkout, lacking, TestGantry, type Result } from '../support.ts'

/** A copy of the checkout whose sources can be changed, with the modules of this one. */
const copyCheckout = (folder: string): string => {
  const copy = join(folder, 'checkout')
  for (const name of ['bin', 'src', 'tools', 'package.json', 'tsconfig.json'])
    cpSync(join(checkout, name), join(copy, name), { recursive: true })
  mkdirSync(join(copy, 'node_modules'))
  for (const name of readdirSync(join(checkout, 'node_modules')))
    if (name !== '.cache') symlinkSync(join(checkout, 'node_modules', name), join(copy, 'node_modules', name))
  return copy
}

const typed = (copy: string, ...words: readonly string[]): Result => {
  const { status, stdout, stderr } = spawnSync(join(copy, 'bin', 'gantry'), words, { encoding: 'utf8' })
  return { status: status ?? 128, stdout, stderr }
}

const edit = (path: string, from: string, to: string): void => {
  const text = readFileSync(path, 'utf8')
  assert.ok(text.includes(from))
  writeFileSync(path, text.replace(from, to))
}

test('a source that was changed is what runs at the next start, whatever is kept', { skip: lacking(['busybox']) }, async () => {
  await using gantry = new TestGantry()
  const copy = copyCheckout(gantry.folder)
  const source = join(copy, 'src', 'cli', 'commands', 'version.ts')
  const says = (word: string): void => assert.match(typed(copy, 'version').stdout, new RegExp(`^${word} \\d`))
  // the first run makes the bundle, the second has compiled code kept, which the third uses
  for (let run = 0; run < 3; run++) says('gantry')
  edit(source, '`gantry ', '`davits ')
  says('davits')
  for (let run = 0; run < 3; run++) says('davits')
  // as a tool that restores old files does: of the same size, and as old as it was
  const { atime, mtime } = statSync(source)
  edit(source, '`davits ', '`derric ')
  utimesSync(source, atime, mtime)
  says('derric')
  // a module that the command has not used before
  edit(join(copy, 'src', 'cli', 'flags.ts'), 'unknown flag: ', 'strange flag: ')
  assert.match(typed(copy, 'version', '--no').stderr, /strange flag: --no/)
  edit(join(copy, 'src', 'cli', 'report-error.ts'), 'hint: ${', 'try: ${')
  says('derric')
  assert.match(typed(copy, 'nothing').stderr, /\ntry: run/)
  // and one that is gone
  rmSync(join(copy, 'src', 'cli', 'version.ts'))
  assert.notEqual(typed(copy, 'version').status, 0)
})

test('what was kept and is damaged, or cannot be kept, changes nothing but the time', async () => {
  await using gantry = new TestGantry()
  const copy = copyCheckout(gantry.folder)
  const expected = typed(copy, 'version').stdout
  const kept = join(copy, 'node_modules', '.cache', 'gantry', 'compiled', 'version')
  for (let run = 0; run < 2; run++) assert.equal(typed(copy, 'version').stdout, expected)
  const whole = readFileSync(kept)
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('?'),
    whole.subarray(0, 100),
    Buffer.concat([whole.subarray(0, -999), Buffer.alloc(99)]),
  ]) {
    writeFileSync(kept, bytes)
    for (let run = 0; run < 3; run++) assert.equal(typed(copy, 'version').stdout, expected)
  }
  rmSync(kept)
  mkdirSync(kept)
  assert.equal(typed(copy, 'version').stdout, expected)
  // nothing is named after words that are no commands
  typed(copy, 'nothing')
  assert.deepEqual(readdirSync(join(kept, '..')), ['version'])
})

/** The modules of Node.js that a command loads which are not there from the start. */
const loadedBy = (gantry: TestGantry, ...words: readonly string[]): readonly string[] => {
  const probe = gantry.path('probe.cjs')
  const list = gantry.path('loaded.json')
  writeFileSync(
    probe,
    `const before = new Set(process.moduleLoadList)
     process.on('exit', () => {
       const added = process.moduleLoadList.filter((name) => !before.has(name))
       require('node:fs').writeFileSync(${JSON.stringify(list)}, JSON.stringify(added))
     })`,
  )
  // runs before made what these use
  for (let run = 0; run < 3; run++) {
    const { status, stderr } = spawnSync(process.execPath, ['--require', probe, join(checkout, 'bin', 'gantry.cjs'), ...words], {
      encoding: 'utf8',
      env: gantry.environment,
    })
    assert.equal(status, 0, stderr)
  }
  const loaded = JSON.parse(readFileSync(list, 'utf8')) as readonly string[]
  return loaded
    .filter((name) => name.startsWith('NativeModule ') && !name.includes('internal/'))
    .map((name) => name.slice('NativeModule '.length))
    .toSorted()
}

test('commands that are typed all day load next to nothing of Node.js', { skip: lacking(['busybox']) }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('one')
  gantry.run('tag', 'one', 'two')
  assert.deepEqual(loadedBy(gantry, 'version'), ['vm'])
  assert.deepEqual(loadedBy(gantry, 'images'), ['vm'])
  assert.deepEqual(loadedBy(gantry, 'images', '-q', '--no-trunc'), ['vm'])
  assert.deepEqual(loadedBy(gantry, 'ps', '-a'), ['vm'])
})

test(
  'run loads what it takes to start a process, and no cryptography',
  { skip: lacking(['crun', 'conmon', 'busybox'], { root: true }) },
  async () => {
    await using gantry = new TestGantry()
    const busybox = readFileSync(busyboxPath())
    const Dockerfile = 'FROM scratch\nCOPY --chmod=755 busybox /bin/true\nCOPY Dockerfile /etc/\nENV PATH=/bin\n'
    gantry.run('build', '-q', '-t', 'one', gantry.context({ Dockerfile, busybox }))
    const loaded = loadedBy(gantry, 'run', '--rm', '--network', 'none', 'one', 'true')
    for (const name of ['crypto', 'fs/promises', 'http', 'worker_threads', 'zlib']) assert.ok(!loaded.includes(name), name)
  },
)

test(
  'packages that are loaded when they are needed work in the linked modules',
  { skip: lacking(['busybox', 'xz', 'bzip2', 'tar']) },
  async () => {
    await using gantry = new TestGantry()
    const folder = gantry.context({ file: 'text' })
    for (const [program, name] of [
      ['xz', 'a'],
      ['bzip2', 'b'],
    ] as const) {
      const tar = spawnSync('tar', ['-C', folder, '-c', 'file']).stdout
      const { stdout } = spawnSync(program, ['-c'], { input: tar })
      assert.match(gantry.try(['import', '-', name], { input: stdout }).stdout, /^sha256:/, program)
    }
  },
)
