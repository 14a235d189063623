import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacking, TestGantry } from '../support.ts'

const skip = lacking(['crun', 'busybox'], { root: true })

const context = (gantry: TestGantry, dockerfile: string): string => {
  const folder = gantry.path('context')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), dockerfile)
  return folder
}

/** Regular files below a folder that hold a text. */
const filesWith = (folder: string, text: string): readonly string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text))

test('secrets and keys of a build are in nothing that is written or said', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  const key = generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  mkdirSync(gantry.path('private'))
  writeFileSync(gantry.path('private', 'key'), key)
  writeFileSync(gantry.path('private', 'file'), 'hunter-file')
  const folder = context(
    gantry,
    `FROM bb
RUN --mount=type=secret,id=file,required --mount=type=secret,id=env,required,env=TOKEN --mount=type=secret,id=IMPLICIT,required \\
    --mount=type=secret,id=typed,required,target=/typed --mount=type=ssh,required \\
    test "$(cat /run/secrets/file /run/secrets/IMPLICIT /typed)$TOKEN" = hunter-file"hunter-"implicithunter-"typed"hunter-"env" && test -S $SSH_AUTH_SOCK && echo all
RUN --mount=type=secret,id=file false
`,
  )
  const result = gantry.try(
    [
      'build',
      '--progress',
      'plain',
      '--secret',
      `id=file,src=${gantry.path('private', 'file')}`,
      '--secret',
      'id=env,env=VARIABLE',
      '--secret',
      'id=IMPLICIT',
      '--secret',
      'type=env,id=typed,src=TYPED',
      '--ssh',
      `default=${gantry.path('private', 'key')}`,
      folder,
    ],
    { env: { VARIABLE: 'hunter-env', IMPLICIT: 'hunter-implicit', TYPED: 'hunter-typed' } },
  )
  const said = result.stdout + result.stderr
  assert.equal(result.status, 1, said)
  assert.match(said, /^#\d+ [\d.]+ all$/m)
  assert.match(said, /line 5: process ".*" did not complete successfully: exit code: 1$/m)
  assert.match(said, /hint: it ran as root in "\/" .* mounts \/run\/secrets\/file \(secret file\)/)
  const secrets = ['hunter-env', 'hunter-implicit', 'hunter-typed', key.split('\n')[1]!]
  for (const secret of secrets) {
    assert.ok(!said.includes(secret), secret)
    for (const place of ['root', 'run']) assert.deepEqual(filesWith(gantry.path(place), secret), [])
  }
  const empty = gantry.try(['build', '--secret', 'id=none,env=NOT_THERE', context(gantry, 'FROM bb\n')])
  assert.match(empty.stderr, /warning: secret "none" is empty: there is no variable "NOT_THERE"/)
})

test('cache mounts are seen and removed like the rest of the build cache', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('bb')
  const build = (n: number): string =>
    gantry.run(
      'build',
      '--progress',
      'plain',
      context(gantry, `FROM bb\nRUN --mount=type=cache,target=/c echo ${n} >> /c/f; wc -l < /c/f\n`),
    )
  build(1)
  build(2)
  const [mount] = JSON.parse(gantry.run('system', 'df', '-v', '--format', 'json')).BuildCache.filter(
    (one: { readonly Type: string }) => one.Type === 'exec.cachemount',
  ) as { readonly Step: string; readonly Size: string }[]
  assert.deepEqual([mount?.Step, mount?.Size], ['cache mount /c', '4B'])
  assert.match(gantry.run('builder', 'prune', '-f', '--filter', 'type=regular'), /Total reclaimed/)
  assert.match(gantry.run('system', 'df', '-v'), /exec\.cachemount +cache mount \/c/)
  assert.match(
    gantry.run('builder', 'prune', '-f', '--filter', 'type=exec.cachemount'),
    /Deleted build cache objects:\n[0-9a-f]{64}-0\n/,
  )
  assert.doesNotMatch(gantry.run('system', 'df', '-v'), /exec\.cachemount/)
  assert.match(gantry.try(['builder', 'prune', '-f', '--filter', 'type=other']).stderr, /regular and exec\.cachemount are there/)
})

test('flags about steps are checked', { skip }, async () => {
  await using gantry = new TestGantry()
  const folder = context(gantry, 'FROM scratch\nCOPY Dockerfile /\n')
  for (const [words, message] of [
    [['--secret', 'src=x'], 'secret missing ID'],
    [['--secret', 'id=a,foo=b'], "unexpected key 'foo'"],
    [['--secret', 'id=a,type=x'], 'unsupported secret type "x"'],
    [['--secret', 'id=a,"'], 'failed to parse csv secret: parse error on line 1'],
    [['--allow', 'device'], 'unknown entitlement device'],
    [['--shm-size', 'big'], 'invalid argument "big" for "--shm-size" flag: invalid size: \'big\''],
    [['--memory', '-1'], 'invalid argument "-1" for "--memory" flag'],
    [['--cpu-quota', 'x'], 'it must be a whole number'],
    [['--step-timeout', '5'], 'invalid argument "5" for "--step-timeout" flag: write it as 90s, 10m or 1h30m'],
  ] as const) {
    const { status, stderr } = gantry.try(['build', ...words, folder])
    assert.equal(status, 2, stderr)
    assert.ok(stderr.includes(message), stderr)
  }
})
