import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { lintRules } from '../../src/build/lint/rules.ts'
import { checkout, TestGantry } from '../support.ts'

const contextIn = (gantry: TestGantry, dockerfile: string): string => {
  const folder = join(gantry.folder, 'context')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), dockerfile)
  return folder
}

test('build --check prints what is wrong, where, and how to mend it', async () => {
  await using gantry = new TestGantry()
  const folder = contextIn(gantry, 'FROM scratch\nCMD serve --port 80\n')
  const result = gantry.try(['build', '--check', folder])
  assert.equal(result.status, 1)
  assert.equal(
    result.stdout,
    [
      'Check complete, 1 warning has been found!',
      '',
      'WARNING: JSONArgsRecommended',
      'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      'Dockerfile:2',
      '--------------------',
      '   1 |     FROM scratch',
      '   2 | >>> CMD serve --port 80',
      '--------------------',
      'fix: write: CMD ["serve", "--port", "80"]',
      'why: In the shell form /bin/sh is process 1 and passes no signals on: the program is killed after ten seconds instead of ending by itself.',
      '',
    ].join('\n'),
  )
  assert.equal(gantry.try(['build', '--call=check,ignorestatus=true', folder]).status, 0)
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCMD ["serve"]\n')
  const clean = gantry.try(['build', '--check', folder])
  assert.deepEqual([clean.status, clean.stdout], [0, 'Check complete, no warnings found.\n'])
})

test('build --call prints JSON as buildx does', async () => {
  await using gantry = new TestGantry()
  const text = 'FROM scratch AS Bin\n# mode of <it>\nARG mode=1\nRUN --mount=type=secret,id=s x\n'
  const folder = contextIn(gantry, text)
  const call = (value: string): unknown => JSON.parse(gantry.try(['build', '--call', value, folder]).stdout)
  const sources = [Buffer.from(text).toString('base64')]
  const at = (line: number): object => ({ ranges: [{ start: { line }, end: { line } }] })
  assert.deepEqual(call('check,format=json'), {
    warnings: [
      {
        ruleName: 'StageNameCasing',
        description: 'Stage names should be lowercase',
        url: 'https://docs.docker.com/go/dockerfile/rule/stage-name-casing/',
        detail: "Stage name 'Bin' should be lowercase",
        location: at(1),
        fix: 'write: FROM scratch AS bin',
      },
    ],
    sources: [{ filename: 'Dockerfile', data: sources[0], language: 'Dockerfile' }],
  })
  assert.deepEqual(call('outline,format=json'), {
    name: 'bin',
    args: [{ name: 'mode', description: 'of <it>', value: '1', location: at(3) }],
    secrets: [{ name: 's', location: at(4) }],
    sources,
  })
  assert.deepEqual(call('targets,format=json'), {
    targets: [{ name: 'bin', default: true, base: 'scratch', location: at(1) }],
    sources,
  })
  assert.match(gantry.try(['build', '--call=targets,format=json', folder]).stdout, /^\{\n {2}"targets": \[/)
  assert.equal(
    gantry.try(['build', '--call=outline', folder]).stdout,
    'TARGET: bin\n\nBUILD ARG   VALUE   DESCRIPTION\nmode        1       of <it>\n\nSECRET   REQUIRED\ns        \n\n',
  )
  assert.equal(gantry.try(['build', '--call=targets', folder]).stdout, 'TARGET        DESCRIPTION\nbin (default) \n')
  assert.match(gantry.try(['build', '--call=nonsense', folder]).stderr, /unknown method "nonsense" of --call/)
})

test('a build tells at its end of the rules that its Dockerfile breaks', async () => {
  await using gantry = new TestGantry()
  const folder = contextIn(gantry, 'FROM scratch as x\nLABEL a=b\n')
  const built = gantry.try(['build', folder])
  assert.equal(built.status, 0)
  assert.match(built.stderr, /\n\n 1 warning found \(build --check .*\):\n - FromAsCasing: .* \(line 1\)\n$/)
  assert.doesNotMatch(gantry.try(['build', '--quiet', folder]).stderr, /warning/)
  assert.doesNotMatch(gantry.try(['build', '--progress=quiet', folder]).stderr, /warning/)
  const events = gantry
    .try(['build', '--progress=rawjson', folder])
    .stderr.trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly kind?: string; readonly message?: string })
  assert.equal(events.filter(({ message }) => message?.startsWith('FromAsCasing: ')).length, 1)
  const refused = gantry.try(['build', '--build-arg', 'BUILDKIT_DOCKERFILE_CHECK=error=true', folder])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /lint violation found for rules: FromAsCasing\n/)
})

test('the reference has every rule, in order', () => {
  const text = readFileSync(join(checkout, 'docs', 'build', 'dockerfile.md'), 'utf8')
  const listed = [...text.matchAll(/^\| ([A-Z]\w+)(?: \(experimental\))? \| /gm)].map(([, name]) => name)
  assert.deepEqual(listed, Object.keys(lintRules).sort())
})
