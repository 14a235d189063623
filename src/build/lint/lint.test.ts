import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { streamOf } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import { digestOf } from '../../oci/digest.ts'
import type { ExecutionConfig } from '../../oci/image-config.ts'
import { checkDockerfile, type CheckOptions, type DockerfileCheck } from '../check-dockerfile.ts'
import { lintSummary } from './linter.ts'
import { parseLintOptions, withComments } from './lint-options.ts'
import { lintRules, ruleUrl, type RuleName } from './rules.ts'

let folder: string
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'gantry-lint-'))))
after(async () => await rm(folder, { recursive: true, force: true }))

const config: Readonly<Record<string, ExecutionConfig>> = {
  'docker.io/library/withenv:latest': { Env: ['PATH=/bin', 'HOME_DIR=/home'], Shell: ['/bin/bash', '-c'] },
}

const check = async (text: string, options: Partial<CheckOptions> = {}): Promise<DockerfileCheck> =>
  await checkDockerfile(
    { dockerfile: streamOf(Buffer.from(text)), ...options },
    {
      scratchFolder: folder,
      sources: { folder: join(folder, 'sources'), environment: {} },
      platform: { os: 'linux', architecture: 'amd64' },
      resolveImage: async (reference, { platform }) => {
        if (reference.includes('unreachable')) throw new GantryError('unavailable', 'DOWN', 'the registry is down')
        if (reference.includes('missing')) throw new GantryError('not_found', 'NO_IMAGE', `no image ${reference}`)
        const digest = digestOf(reference)
        const found = reference.includes('arm64only') ? { os: 'linux', architecture: 'arm64' } : platform
        return {
          name: reference,
          prepare: async () => undefined,
          image: {
            descriptor: { mediaType: 'm', digest, size: 1 },
            manifest: { schemaVersion: 2, config: { mediaType: 'c', digest, size: 1 }, layers: [] },
            layers: [],
            config: { ...found, rootfs: { type: 'layers', diff_ids: [] }, config: config[reference] ?? {} },
          },
        }
      },
    },
  )

/** `RULE LINE: detail` of all that is found. */
const found = async (text: string, options: Partial<CheckOptions> = {}): Promise<readonly string[]> => {
  const { warnings, error } = await check(text, options)
  assert.equal(error?.message, undefined)
  return warnings.map(({ rule, detail, range }) => `${rule} ${range.start}: ${detail}`)
}

const rules = async (text: string, options: Partial<CheckOptions> = {}): Promise<readonly string[]> =>
  (await check(text, options)).warnings.map(({ rule, range }) => `${rule} ${range.start}`)

interface Sample {
  readonly rule: RuleName
  readonly text: string
  readonly line: number
  readonly detail: string
  readonly fix: string
  readonly options?: Partial<CheckOptions>
}

/** A file that breaks each rule, what is said, and what to do. */
const samples: readonly Sample[] = [
  {
    rule: 'StageNameCasing',
    text: 'FROM scratch AS Build',
    line: 1,
    detail: "Stage name 'Build' should be lowercase",
    fix: 'write: FROM scratch AS build',
  },
  {
    rule: 'FromAsCasing',
    text: 'from scratch AS base',
    line: 1,
    detail: "'AS' and 'from' keywords' casing do not match",
    fix: 'write: from scratch as base',
  },
  {
    rule: 'NoEmptyContinuation',
    text: 'FROM scratch\nCOPY a \\\n\n.\n',
    line: 4,
    detail: 'Empty continuation line',
    fix: 'remove line 3, or put a # into it',
  },
  {
    rule: 'ConsistentInstructionCasing',
    text: 'FROM scratch\ncopy a /a\nCOPY b /b\n',
    line: 2,
    detail: "Command 'copy' should match the case of the command majority (uppercase)",
    fix: 'write COPY instead of copy',
  },
  {
    rule: 'DuplicateStageName',
    text: 'FROM scratch AS b\nFROM scratch AS b-2\nFROM scratch AS b',
    line: 3,
    detail: 'Duplicate stage name "b", stage names should be unique',
    fix: 'write: FROM scratch AS b-3; line 1 has the name already',
  },
  {
    rule: 'ReservedStageName',
    text: 'FROM scratch AS context',
    line: 1,
    detail: 'Stage name should not use the same name as reserved stage "context"',
    fix: 'write: FROM scratch AS context-stage, and the new name where the stage is used',
  },
  {
    rule: 'JSONArgsRecommended',
    text: 'FROM scratch\nENTRYPOINT node server.js --port=80',
    line: 2,
    detail: 'JSON arguments recommended for ENTRYPOINT to prevent unintended behavior related to OS signals',
    fix: 'write: ENTRYPOINT ["node", "server.js", "--port=80"]',
  },
  {
    rule: 'JSONArgsRecommended',
    text: 'FROM scratch\nCMD node "$MAIN"',
    line: 2,
    detail: 'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
    fix: 'write: CMD ["/bin/sh", "-c", "exec node \\"$MAIN\\""]',
  },
  {
    rule: 'JSONArgsRecommended',
    text: 'FROM scratch\nCMD migrate && serve',
    line: 2,
    detail: 'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
    fix: 'write: CMD ["/bin/sh", "-c", "migrate && serve"]',
  },
  {
    rule: 'MaintainerDeprecated',
    text: 'FROM scratch\nMAINTAINER me@example.org',
    line: 2,
    detail: 'Maintainer instruction is deprecated in favor of using label',
    fix: 'write: LABEL org.opencontainers.image.authors="me@example.org"',
  },
  {
    rule: 'UndefinedArgInFrom',
    text: 'ARG tag=latest\nFROM app:${tag}${version} AS b',
    line: 2,
    detail: "FROM argument 'version' is not declared",
    fix: 'put ARG version=<value> above the first FROM',
  },
  {
    rule: 'UndefinedArgInFrom',
    text: 'FROM scratch\nARG suffix=x\nFROM app$suffix',
    line: 3,
    detail: "FROM argument 'suffix' is not declared",
    fix: 'an ARG inside a stage does not reach FROM: put ARG suffix=<value> above the first FROM too',
  },
  {
    rule: 'UndefinedArgInFrom',
    text: 'ARG base=app\nFROM ${bse}x',
    line: 2,
    detail: "FROM argument 'bse' is not declared (did you mean base?)",
    fix: 'write: FROM ${base}x',
  },
  {
    rule: 'WorkdirRelativePath',
    text: 'FROM scratch\nWORKDIR app/',
    line: 2,
    detail: 'Relative workdir "app/" can have unexpected results if the base image changes',
    fix: 'write: WORKDIR /app',
  },
  {
    rule: 'UndefinedVar',
    text: 'FROM scratch\nARG DIR_ASSETS=assets/\nCOPY ${DIR_ASSET}x /',
    line: 3,
    detail: "Usage of undefined variable '$DIR_ASSET' (did you mean $DIR_ASSETS?)",
    fix: 'write: COPY ${DIR_ASSETS}x /',
  },
  {
    rule: 'UndefinedVar',
    text: 'FROM scratch\nCOPY $file .\nARG file=x',
    line: 2,
    detail: "Usage of undefined variable '$file'",
    fix: 'move line 3 (ARG file) above line 2',
  },
  {
    rule: 'UndefinedVar',
    text: 'ARG VERSION=1\nFROM scratch\nLABEL version=$VERSION',
    line: 3,
    detail: "Usage of undefined variable '$VERSION'",
    fix: 'put ARG VERSION above line 3: an ARG before the first FROM is only known in FROM until the stage asks for it',
  },
  {
    rule: 'UndefinedVar',
    text: 'FROM scratch\nCOPY bin/$TARGETARCH /',
    line: 2,
    detail: "Usage of undefined variable '$TARGETARCH'",
    fix: 'put ARG TARGETARCH above line 2',
  },
  {
    rule: 'UndefinedVar',
    text: '# escape=`\nFROM scratch\nENV price=5$each',
    line: 3,
    detail: "Usage of undefined variable '$each'",
    fix: 'put ARG each=<value> above line 3, or write `$each if a dollar sign is meant',
  },
  {
    rule: 'MultipleInstructionsDisallowed',
    text: 'FROM scratch\nENTRYPOINT ["/a"]\nCOPY a /a\nENTRYPOINT ["/b"]',
    line: 2,
    detail: 'Multiple ENTRYPOINT instructions should not be used in the same stage because only the last one will be used',
    fix: 'remove this line: the ENTRYPOINT in line 4 replaces it',
  },
  {
    rule: 'LegacyKeyValueFormat',
    text: 'FROM scratch\nENV key a value',
    line: 2,
    detail: '"ENV key=value" should be used instead of legacy "ENV key value" format',
    fix: 'write: ENV key="a value"',
  },
  {
    rule: 'LegacyKeyValueFormat',
    text: 'FROM scratch\nlabel key it’s "so"',
    line: 2,
    detail: '"label key=value" should be used instead of legacy "label key value" format',
    fix: 'write: label key="it’s \\"so\\""',
  },
  {
    rule: 'InvalidBaseImagePlatform',
    text: 'FROM arm64only',
    line: 1,
    detail: 'Base image arm64only was pulled with platform "linux/arm64", expected "linux/amd64" for current build',
    fix: 'build with --platform linux/arm64, or name an image that is there for linux/amd64',
  },
  {
    rule: 'RedundantTargetPlatform',
    text: 'FROM --platform=${TARGETPLATFORM} scratch AS x',
    line: 1,
    detail: 'Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior',
    fix: 'write: FROM scratch AS x',
  },
  {
    rule: 'SecretsUsedInArgOrEnv',
    text: 'FROM scratch\nARG GITHUB_TOKEN',
    line: 2,
    detail: 'Do not use ARG or ENV instructions for sensitive data (ARG "GITHUB_TOKEN")',
    fix: 'take it out, write RUN --mount=type=secret,id=GITHUB_TOKEN,env=GITHUB_TOKEN before the command that needs it, and build with --secret id=GITHUB_TOKEN,env=GITHUB_TOKEN',
  },
  {
    rule: 'InvalidDefaultArgInFrom',
    text: 'ARG TAG\nFROM app:$TAG',
    line: 2,
    detail: 'Default value for ARG app:$TAG results in empty or invalid base image name',
    fix: 'give the ARG in line 1 a default with which app:$TAG is the name of an image',
    options: { buildArgs: { TAG: '1' } },
  },
  {
    rule: 'FromPlatformFlagConstDisallowed',
    text: 'FROM --platform=linux/arm64 scratch',
    line: 1,
    detail: 'FROM --platform flag should not use constant value "linux/arm64"',
    fix: 'write: FROM scratch, and build with --platform linux/arm64; if the stage is for that platform only, say so by its name: FROM --platform=linux/arm64 scratch AS arm64',
  },
  {
    rule: 'InvalidDefinitionDescription',
    text: '# check=experimental=InvalidDefinitionDescription\n#\n# the version\nARG version=1\nFROM scratch',
    line: 4,
    detail: 'Comment for ARG should follow the format: `# version <description>`',
    fix: 'write: # version the version, or put a line with nothing but # below a comment that describes something else',
  },
  {
    rule: 'ExposeProtoCasing',
    text: 'FROM scratch\nEXPOSE 80/TcP 8080/udp',
    line: 2,
    detail: "Defined protocol '80/TcP' in EXPOSE instruction should be lowercase",
    fix: 'write: EXPOSE 80/tcp 8080/udp',
  },
  {
    rule: 'ExposeInvalidFormat',
    text: 'FROM scratch\nEXPOSE [::1]:8080:80',
    line: 2,
    detail: "EXPOSE instruction should not define an IP address or host-port mapping, found '[::1]:8080:80'",
    fix: 'write: EXPOSE 80, and publish with run --publish [::1]:8080:80',
  },
]

for (const { rule, text, line, detail, fix, options } of samples)
  test(`checkDockerfile() finds ${rule} in ${JSON.stringify(text)} and says how to mend it`, async () => {
    const { warnings, error } = await check(text, options)
    assert.equal(error, undefined)
    const found = warnings.find((one) => one.rule === rule)
    assert.deepEqual([found?.range.start, found?.detail, found?.fix], [line, detail, fix])
    const lines = text.split('\n')
    // what is to be written instead, where that is all that there is to do
    const [, written] = /^write: ([^;,]*(?:\[.*\]|".*")?)(?=$|;|, and)/.exec(fix) ?? []
    if (written === undefined) return
    lines[line - 1] = written
    const mended = await check(lines.join('\n'), options)
    assert.equal(mended.error, undefined)
    assert.ok(!mended.warnings.some((one) => one.rule === rule), lines.join('\n'))
  })

test('checkDockerfile() has a sample of every rule, each with an explanation and the name that docker knows it by (121)', () => {
  const tested = new Set([...samples.map(({ rule }) => rule), 'CopyIgnoredFile'])
  assert.deepEqual([...tested].sort(), Object.keys(lintRules).sort())
  assert.equal(tested.size, 22)
  for (const { description, why } of Object.values(lintRules)) assert.ok(description.length > 20 && /^[A-Z"].*\.$/.test(why), why)
  assert.equal(ruleUrl('JSONArgsRecommended'), 'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/')
  assert.equal(ruleUrl('SecretsUsedInArgOrEnv'), 'https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/')
})

test('checkDockerfile() has nothing to say of a file that is well written', async () => {
  const text = [
    '# syntax=docker/dockerfile:1',
    'ARG base=scratch',
    'FROM --platform=$BUILDPLATFORM $base AS build',
    'ARG TARGETARCH DIR=/src',
    'WORKDIR $DIR',
    'COPY . $DIR/$TARGETARCH',
    'RUN echo $undefined "${also}"',
    'FROM build',
    'WORKDIR sub',
    'ENV PATH=$PATH:/x A=${B:+x}${DIR}',
    'ARG B',
    'ENV C=$B',
    'LABEL a=b',
    'EXPOSE 80/tcp $PORTS',
    'HEALTHCHECK CMD a || b',
    'CMD ["x"]',
  ]
  // BuildKit tells of $B too: it is used above its ARG
  assert.deepEqual(await found(text.join('\n')), ["UndefinedVar 10: Usage of undefined variable '$B'"])
})

test('checkDockerfile() looks at the variables of base images and of the stages below', async () => {
  assert.deepEqual(await found('FROM withenv\nCOPY $HOME_DIR /\nCMD run\n'), [])
  assert.deepEqual(await found('FROM withenv AS a\nARG foo=x\nFROM a\nCOPY $foo $HOME_DIR\nENTRYPOINT run\n'), [])
  assert.deepEqual(await found('FROM scratch AS a\nSHELL ["/sh"]\nFROM a\nCMD run\n'), [])
  assert.deepEqual(await rules('FROM scratch AS a\nCMD ["a"]\nWORKDIR /w\nFROM a\nCMD ["b"]\nWORKDIR x\n'), [])
  assert.deepEqual(await rules('FROM scratch AS first\nCOPY $foo .\nFROM scratch AS second\nCOPY $bar .'), [
    'UndefinedVar 2',
    'UndefinedVar 4',
  ])
  assert.deepEqual(
    await rules('FROM scratch AS first\nCOPY $foo .\nFROM scratch AS second\nCOPY $bar .', { target: 'second' }),
    ['UndefinedVar 4'],
    'a target: only what it needs',
  )
})

test('checkDockerfile() tells of every word and every pair', async () => {
  assert.deepEqual(await rules('FROM scratch\nENV password=$a secret=$b user_file=$c'), [
    'UndefinedVar 2',
    'UndefinedVar 2',
    'UndefinedVar 2',
    'SecretsUsedInArgOrEnv 2',
    'SecretsUsedInArgOrEnv 2',
  ])
  assert.deepEqual(await rules('FROM scratch\nARG a=1 b=$a c=$d\nUSER $e\nVOLUME /$f\nSTOPSIGNAL ${g:-9}\nLABEL h=$b'), [
    'UndefinedVar 2',
    'UndefinedVar 3',
    'UndefinedVar 4',
    'UndefinedVar 5',
  ])
  assert.deepEqual(await rules('FROM scratch\nCOPY <<E <<"F" /x/\n$a\nE\n$b\nF\nADD --chown=$c --checksum=$d a$e /$f'), [
    'UndefinedVar 2',
    'UndefinedVar 7',
    'UndefinedVar 7',
    'UndefinedVar 7',
    'UndefinedVar 7',
  ])
  assert.deepEqual(await rules('FROM scratch\nARG a=$b', { buildArgs: { a: '1' } }), [], 'the default is not used')
})

test('checkDockerfile() takes names that only look like secrets for what they are', async () => {
  const names = ['SECRET_PASSPHRASE_FILE', 'PUBLIC_KEY', 'public_token', 'AUTH_MODULE_VERSION', 'keyboard', 'monkey', 'AUTHOR']
  assert.deepEqual(await rules(`FROM scratch\nARG ${names.join(' ')}`), [])
})

test('checkDockerfile() compares the sources of COPY and ADD with the ignore file', async () => {
  const ignoring = async (ignore: string, text: string): Promise<readonly string[]> => {
    const context = await mkdtemp(join(folder, 'context-'))
    await writeFile(join(context, 'Dockerfile'), text)
    await writeFile(join(context, '.dockerignore'), ignore)
    const { warnings } = await check('', { context, dockerfile: join(context, 'Dockerfile') })
    return warnings.map(({ rule, range, detail, fix }) => `${rule} ${range.start}: ${detail}; ${fix}`)
  }
  assert.deepEqual(
    await ignoring('# no\nnode_modules\n*.log\n', 'FROM scratch\nCOPY node_modules/x ./a.log src /w/\nADD a.log /'),
    [
      'CopyIgnoredFile 2: Attempting to Copy file "node_modules/x" that is excluded by .dockerignore; put !node_modules/x below line 2 ("node_modules") of .dockerignore, or take the line out',
      'CopyIgnoredFile 2: Attempting to Copy file "a.log" that is excluded by .dockerignore; put !a.log below line 3 ("*.log") of .dockerignore, or take the line out',
      'CopyIgnoredFile 3: Attempting to Add file "a.log" that is excluded by .dockerignore; put !a.log below line 3 ("*.log") of .dockerignore, or take the line out',
    ],
  )
  assert.deepEqual(
    await ignoring('a', 'FROM scratch AS b\nFROM b\nCOPY --from=b a /\nADD https://x/a /'),
    [],
    'of other sources nothing',
  )
  assert.deepEqual(await ignoring('**\n!a', 'FROM scratch\nCOPY ./b .'), [], 'with exceptions it cannot be told')
  assert.deepEqual(await ignoring('.*', 'FROM scratch\nCOPY . .'), [], 'the root is no file')
  assert.equal((await ignoring('*', 'FROM scratch\nCOPY . .')).length, 1)
})

test('checkDockerfile() keeps to the options of the directive, the build argument and the comments (121)', async () => {
  const text = 'FROM scratch as base\ncopy Dockerfile .\n'
  assert.deepEqual(await rules(text), ['FromAsCasing 1', 'ConsistentInstructionCasing 2'])
  assert.deepEqual(await rules(`#check=skip=all\n${text}`), [])
  assert.deepEqual(await rules(`# check=skip=FromAsCasing, ConsistentInstructionCasing\n${text}`), [
    'ConsistentInstructionCasing 3',
  ])
  const buildArgs = { BUILDKIT_DOCKERFILE_CHECK: 'skip=ConsistentInstructionCasing;error=true' }
  const { error, warnings } = await check(`#check=skip=all\n${text}`, { buildArgs })
  assert.equal(error?.message, 'lint violation found for rules: FromAsCasing')
  assert.equal(error?.hint, 'write: FROM scratch AS base')
  assert.deepEqual(warnings.map(lintSummary), ["FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 2)"])
  assert.equal((await check(`# check=error=true\n${text}`)).error?.code, 'LINT')
  assert.equal((await check(`# check=skip=all;error=true\n${text}`)).error, undefined)
  assert.deepEqual(
    await rules('FROM scratch\n# check=skip=WorkdirRelativePath // as it is\nWORKDIR a\n#check=skip=all\nENV password=x'),
    [],
  )
  assert.deepEqual(await rules('FROM scratch\n# check=skip=nonsense;x\nENV password=x'), ['SecretsUsedInArgOrEnv 3'])
  assert.deepEqual(await rules('# check=skip=all;experimental=all\n#\n# bad\nFROM scratch AS x\nENV password=x'), [
    'InvalidDefinitionDescription 4',
  ])
})

test('parseLintOptions() refuses options that make no sense, in the words of BuildKit', async () => {
  assert.throws(() => parseLintOptions('skip'), /^GantryError: invalid check option "skip"$/)
  assert.throws(() => parseLintOptions('x=1'), /^GantryError: invalid check option "x"$/)
  assert.throws(() => parseLintOptions('error=maybe'), /failed to parse check option "error=maybe"/)
  assert.deepEqual(parseLintOptions(' skip = A , B ; error = T ').skip, new Set(['A', 'B']))
  assert.equal(parseLintOptions('skip=A;experimental=all;error=true').experimental, 'all')
  assert.match(
    (await check('# check=skip\nFROM scratch')).error?.message ?? '',
    /^failed to parse check options: invalid check option "skip"$/,
  )
  assert.deepEqual(withComments(parseLintOptions('skip=A'), ['x', 'check=skip=B']).skip, new Set(['A', 'B']))
})

test('checkDockerfile() goes on to tell of what it found before an error', async () => {
  const { warnings, error } = await check('FROM scratch AS Bad\nMAINTAINER me\nBADCMD')
  assert.deepEqual(
    warnings.map(({ rule }) => rule),
    ['StageNameCasing', 'MaintainerDeprecated'],
  )
  assert.match(error?.message ?? '', /line 3: unknown instruction: BADCMD/)
  const platform = await check('FROM --platform=$BULIDPLATFORM scratch')
  assert.deepEqual(
    platform.warnings.map(({ detail }) => detail),
    ["FROM argument 'BULIDPLATFORM' is not declared (did you mean BUILDPLATFORM?)"],
  )
  assert.match(platform.error?.message ?? '', /empty platform value from expression \$BULIDPLATFORM/)
  assert.match((await check('FROM missing')).error?.message ?? '', /line 1: no image docker.io\/library\/missing:latest/)
})

test('checkDockerfile() checks all that it can where a registry cannot be reached', async () => {
  const { warnings, error, unknown } = await check(
    'FROM unreachable AS a\nENV A=$B password=x\nFROM a\nWORKDIR $C/x\nFROM scratch\nENV D=$E',
  )
  assert.equal(error, undefined)
  assert.deepEqual(unknown, [{ reference: 'unreachable', reason: 'the registry is down' }])
  assert.deepEqual(
    warnings.map(({ rule, range }) => `${rule} ${range.start}`),
    ['SecretsUsedInArgOrEnv 2', 'UndefinedVar 6'],
  )
})

test('checkDockerfile() runs the rules on triggers where the FROM is that brings them', async () => {
  assert.deepEqual(await rules('FROM scratch AS a\nONBUILD WORKDIR x\nONBUILD ENV a b\nFROM a\nWORKDIR y'), [
    'WorkdirRelativePath 4',
    'LegacyKeyValueFormat 4',
  ])
})

test('checkDockerfile() answers whatever it is given', async () => {
  const words = [
    'FROM',
    'from',
    ' scratch',
    ' AS ',
    'A',
    'ARG ',
    'ENV ',
    'a',
    '=',
    ' ',
    '\n',
    '\\',
    '\\\n',
    '$',
    '{',
    '}',
    ':-',
    '"',
    "'",
  ]
  const more = [
    '# check=',
    'skip=',
    'all',
    ';',
    'COPY ',
    'ADD ',
    '<<E',
    'EXPOSE ',
    '80',
    '/TCP',
    ':',
    '[',
    ']',
    'CMD ',
    'WORKDIR ',
    '--platform=',
    '$?',
    '#',
    '\t',
    '\u{1f600}',
    '\0',
  ]
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...words, ...more), { maxLength: 60 }), async (tokens) => {
      const text = `FROM scratch\n${tokens.join('')}`
      const { warnings, error } = await check(text)
      assert.ok(error === undefined || isGantryError(error))
      const count = text.split('\n').length
      for (const { range, fix, detail } of warnings)
        assert.ok(range.start >= 1 && range.end <= count && fix !== '' && detail !== '')
    }),
    { numRuns: 300, seed: 7 },
  )
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const { error } = await check('', { dockerfile: streamOf(Buffer.concat([Buffer.from('FROM scratch\nENV '), bytes])) })
      assert.ok(error === undefined || isGantryError(error))
    }),
    { numRuns: 100, seed: 7 },
  )
})
