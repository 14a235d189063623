import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GantryError } from '../../lib/errors.ts'
import { digestOf } from '../../oci/digest.ts'
import type { ImageConfig } from '../../oci/image-config.ts'
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts'
import type { SourceDetail } from '../dockerfile/source.ts'
import { createVertex, type CopyOp, type ExecOp, type FolderOp, type Vertex } from '../graph.ts'
import { planBuild, type PlanOptions, type ResolvedImage } from './plan.ts'
import type { StageState } from './stage-state.ts'

const amd64 = { os: 'linux', architecture: 'amd64' }
const context = createVertex({ kind: 'context' }, [], { label: 'context' })
const asked: string[] = []

const image = (name: string, config: Partial<ImageConfig> = {}): ResolvedImage => {
  const digest = digestOf(name)
  return {
    name: `docker.io/library/${name}@${digest}`,
    prepare: async () => undefined,
    image: {
      descriptor: { mediaType: 'm', digest, size: 1 },
      manifest: { schemaVersion: 2, config: { mediaType: 'c', digest, size: 1 }, layers: [] },
      layers: [],
      config: { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digest] }, ...config },
    },
  }
}

const plan = async (
  text: string,
  options: Partial<PlanOptions> & { readonly images?: Readonly<Record<string, Partial<ImageConfig>>> } = {},
): Promise<StageState> =>
  await planBuild(parseDockerfile(text), {
    buildArguments: {},
    labels: {},
    buildPlatform: amd64,
    network: 'default',
    extraHosts: [],
    context,
    resolveImage: async (reference, platform) => {
      asked.push(`${reference} ${platform.architecture}`)
      return image(reference, options.images?.[reference])
    },
    ...options,
  })

const refused = async (text: string, reason: RegExp, line: number, options: Partial<PlanOptions> = {}): Promise<void> =>
  await assert.rejects(plan(text, options), (error: Error & { detail: SourceDetail }) => {
    assert.match(error.message, reason)
    assert.equal(error.detail.startLine, line)
    return true
  })

/** The steps of the target's own chain, first to last. */
const chain = (state: StageState): readonly Vertex[] => {
  const steps: Vertex[] = []
  for (let vertex: Vertex | undefined = state.files; vertex !== undefined; vertex = vertex.inputs[0]) steps.unshift(vertex)
  return steps
}
const execOf = (state: StageState): ExecOp => state.files.op as ExecOp
const copyOf = (state: StageState): CopyOp => state.files.op as CopyOp
const folderOf = (state: StageState): FolderOp => state.files.op as FolderOp
const env = (state: StageState): readonly string[] => execOf(state).env.filter((one) => !one.startsWith('PATH='))
const history = (state: StageState): readonly (string | undefined)[] => state.history.map(({ entry }) => entry.created_by)

test('planBuild() expands only where the builder does (81)', async () => {
  const state = await plan(
    `FROM scratch
ARG v=V
ENV e=$v-1
LABEL l=$v
USER $v
WORKDIR /$v/x
EXPOSE $v$v
`.replace('EXPOSE $v$v', 'EXPOSE 8${v:+0}') +
      'VOLUME /$v\nSTOPSIGNAL SIG${v:+INT}\nCOPY $v /d-$v/\nCMD $v\nENTRYPOINT $v\nHEALTHCHECK CMD $v\nSHELL ["$v"]\nRUN ["$v"]',
  )
  const { config } = state
  assert.deepEqual(config.Env?.slice(1), ['e=V-1'])
  assert.deepEqual([config.Labels, config.User, config.WorkingDir], [{ l: 'V' }, 'V', '/V/x'])
  assert.deepEqual([config.ExposedPorts, config.Volumes, config.StopSignal], [{ '80/tcp': {} }, { '/V': {} }, 'SIGINT'])
  assert.deepEqual(
    [config.Cmd, config.Entrypoint],
    [
      ['/bin/sh', '-c', '$v'],
      ['/bin/sh', '-c', '$v'],
    ],
  )
  assert.deepEqual([config.Healthcheck?.Test, config.Shell], [['CMD-SHELL', '$v'], ['$v']])
  assert.deepEqual(execOf(state).args, ['$v'])
  const copy = state.files.inputs[0]?.op as CopyOp
  assert.deepEqual([copy.from, copy.destination], [[{ kind: 'input', index: 1, path: 'V', unpack: false }], '/d-V/'])
})

test('planBuild() lets one instruction see one state of the variables (82)', async () => {
  const state = await plan('FROM scratch\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc')
  assert.deepEqual(state.config.Env?.slice(1), ['abc=bye', 'def=hello', 'ghi=bye'])
})

test('planBuild() scopes ARG and ENV (84)', async () => {
  const steps = async (text: string, buildArguments = {}): Promise<readonly string[]> =>
    env(await plan(`${text}\nRUN x`, { buildArguments }))
  assert.deepEqual(await steps('FROM scratch\nARG a=1\nENV a=2', { a: '3' }), ['a=2'])
  assert.deepEqual(await steps('FROM scratch\nARG a=1\nENV b=$a', { a: '3' }), ['a=3', 'b=3'])
  assert.deepEqual(await steps('FROM scratch\nENV b=${a:-none}\nARG a=1'), ['b=none', 'a=1'], 'used before it is declared')
  assert.deepEqual(await steps('ARG a=1\nFROM scratch\nENV b=$a'), ['b='], 'global, not declared here')
  assert.deepEqual(await steps('ARG a=1\nFROM scratch\nARG a\nENV b=$a'), ['a=1', 'b=1'], 'global, declared here')
  assert.deepEqual(await steps('ARG a=1\nFROM scratch\nARG a=2'), ['a=2'], 'its own default')
  assert.deepEqual(await steps('ARG a=1\nFROM scratch\nARG a=2', { a: '3' }), ['a=3'])
  assert.deepEqual(await steps('FROM scratch\nARG a'), [], 'no value at all')
  assert.deepEqual(
    await steps('FROM scratch AS s\nARG a=1\nENV e=1\nFROM s\nENV b=$a'),
    ['a=1', 'e=1', 'b=1'],
    'of the stage it is built on',
  )
  assert.deepEqual(await steps('FROM scratch AS s\nARG a=1\nFROM scratch\nENV b=$a'), ['b='], 'of another stage')
  assert.deepEqual(await steps('FROM scratch\nARG a=1 b=$a'), ['a=1', 'b=1'])
})

test('planBuild() evaluates the ARGs before FROM (84)', async () => {
  asked.length = 0
  await plan('ARG v=1\nARG w=$v.2\nFROM base:${w} AS s', {})
  await plan('ARG v=1\nARG w=$v.2\nFROM base:${w}', { buildArguments: { v: '9' } })
  await plan('ARG empty\nFROM base${empty:-:x}')
  assert.deepEqual(asked, ['base:1.2 amd64', 'base:9.2 amd64', 'base:x amd64'])
  await refused('ARG v\nFROM $v', /base name \(\$v\) should not be blank/, 2)
  await refused('ARG v=${x\nFROM a', /missing '}'/, 1)
})

test('planBuild() knows proxies without ARG, but does not let them into the history (86)', async () => {
  const buildArguments = { HTTP_PROXY: 'http://p', no_proxy: 'x' }
  const state = await plan('FROM scratch\nRUN x', { buildArguments })
  assert.deepEqual(execOf(state).proxy, ['HTTP_PROXY=http://p', 'http_proxy=http://p', 'NO_PROXY=x', 'no_proxy=x'])
  assert.deepEqual([env(state), history(state)], [[], ['RUN /bin/sh -c x # buildkit']])
  const declared = await plan('FROM scratch\nARG HTTP_PROXY\nRUN x', { buildArguments })
  assert.deepEqual(
    [env(declared), history(declared)[1]],
    [['HTTP_PROXY=http://p'], 'RUN |1 HTTP_PROXY=http://p /bin/sh -c x # buildkit'],
  )
})

test('planBuild() offers platform arguments, which a stage has to declare (87)', async () => {
  const platform = { os: 'linux', architecture: 'arm64' }
  const text =
    'FROM --platform=$BUILDPLATFORM scratch AS t\nARG TARGETPLATFORM BUILDPLATFORM TARGETARCH TARGETVARIANT TARGETSTAGE\nRUN x'
  assert.deepEqual(env(await plan(text, { platform })), [
    'TARGETPLATFORM=linux/arm64',
    'BUILDPLATFORM=linux/amd64',
    'TARGETARCH=arm64',
    'TARGETVARIANT=',
    'TARGETSTAGE=t',
  ])
  assert.deepEqual(env(await plan('FROM scratch\nRUN x', { platform })), [])
  asked.length = 0
  await plan('FROM --platform=$BUILDPLATFORM a AS x\nFROM b\nCOPY --from=x / /', { platform })
  assert.deepEqual(asked.toSorted(), ['a amd64', 'b arm64'])
  await refused('ARG p\nFROM --platform=$p a', /empty platform value from expression \$p/, 2)
  await refused('FROM --platform=nonsense a', /line 1/, 1)
})

test('planBuild() says what platform the image is for', async () => {
  const images = { base: { architecture: 'arm', variant: 'v7', 'os.version': '1' } }
  assert.deepEqual((await plan('FROM base', { images })).base, {
    os: 'linux',
    architecture: 'arm',
    variant: 'v7',
    'os.version': '1',
  })
  assert.equal((await plan('FROM base', { images, platform: { os: 'linux', architecture: 'arm64' } })).base.architecture, 'arm64')
})

test('planBuild() finds stages by name in any case and by number, and images by any other name (92)', async () => {
  const from = async (name: string): Promise<Vertex | undefined> =>
    (await plan(`FROM scratch AS One\nWORKDIR /one\nFROM scratch\nWORKDIR /two\nFROM scratch\nCOPY --from=${name} /a /b`)).files
      .inputs[1]
  assert.deepEqual((await from('one'))?.op, { kind: 'folder', path: '/one', user: '' })
  assert.deepEqual((await from('ONE'))?.op, (await from('0'))?.op)
  assert.deepEqual((await from('1'))?.op, { kind: 'folder', path: '/two', user: '' })
  assert.equal((await from('busybox'))?.op.kind, 'image')
  assert.equal((await from('scratch'))?.op.kind, 'scratch')
  await refused('FROM scratch\nCOPY --from=7 a b', /invalid stage index 7/, 2)
  await refused('FROM scratch AS x\nCOPY --from=x a b', /circular dependency detected on stage: x/, 2)
  await refused(
    'FROM scratch AS x\nCOPY --from=y a b\nFROM scratch AS y',
    /cannot copy from stage "y", it needs to be defined before current stage "x"/,
    2,
    {
      target: 'x',
    },
  )
  await refused('FROM scratch\nARG s\nCOPY --from=$s a b', /variable expansion is not supported for --from/, 3)
})

test('planBuild() lets a stage stand in for an image of the same name', async () => {
  asked.length = 0
  await plan('FROM scratch AS busybox\nFROM busybox')
  assert.deepEqual(asked, [])
  await plan('FROM busybox AS busybox\nFROM Busybox')
  assert.deepEqual(asked, ['busybox amd64'])
})

test('planBuild() looks only at what the target needs', async () => {
  const text = 'FROM a AS one\nRUN 1\nFROM b AS two\nRUN 2\nFROM c AS three\nCOPY --from=one / /\nFROM d AS four'
  const images = async (target?: string): Promise<readonly string[]> => {
    asked.length = 0
    await plan(text, target === undefined ? {} : { target })
    return asked.map((one) => one.charAt(0)).toSorted()
  }
  assert.deepEqual(await images(), ['d'])
  assert.deepEqual(await images('THREE'), ['a', 'c'])
  assert.deepEqual(await images('1'), ['b'])
  await assert.rejects(plan(text, { target: 'thre' }), /target stage "thre" could not be found \(did you mean three\?\)/)
})

test('planBuild() names steps as docker does', async () => {
  const labels = (state: StageState): readonly string[] => chain(state).map((one) => one.label)
  assert.deepEqual(labels(await plan('FROM a\nENV x=1\nrun echo "$x" \'$x\' $y\nCOPY ["a", "$x"]\nWORKDIR /$x')), [
    `[1/4] FROM docker.io/library/a@${digestOf('a')}`,
    '[2/4] RUN echo "1" \'$x\' $y',
    '[3/4] COPY [a, 1]',
    '[4/4] WORKDIR /1',
  ])
  assert.deepEqual(labels(await plan('FROM scratch AS one\nFROM scratch\nRUN x')), ['FROM scratch', '[stage-1 1/1] RUN x'])
  assert.deepEqual(labels(await plan(`FROM a AS b\n${'RUN x\n'.repeat(10)}`)).slice(1, 3), ['[b  2/11] RUN x', '[b  3/11] RUN x'])
  assert.deepEqual(labels(await plan('FROM scratch\nRUN <<EOF\n\nls -l\nx\nEOF')).at(-1), '[1/1] RUN <<EOF (ls -l...)')
})

test('planBuild() runs heredocs (91)', async () => {
  const run = async (text: string): Promise<Pick<ExecOp, 'args' | 'scripts'>> => {
    const { args, scripts } = execOf(await plan(`FROM scratch\n${text}`))
    return { args, scripts }
  }
  assert.deepEqual(await run('RUN <<EOF\necho $x\nEOF'), { args: ['/bin/sh', '-c', 'echo $x\n'], scripts: [] })
  assert.deepEqual(await run('RUN <<-EOF\n\techo\nEOF'), { args: ['/bin/sh', '-c', 'echo\n'], scripts: [] })
  assert.deepEqual(await run('RUN <<EOF\n#!/bin/python\nprint()\nEOF'), {
    args: ['/dev/pipes/EOF'],
    scripts: [{ path: '/dev/pipes/EOF', content: '#!/bin/python\nprint()\n' }],
  })
  assert.deepEqual(await run('RUN python <<A > /x\n1\nA\nRUN cat <<A <<B\n1\nA\n2\nB'), {
    args: ['/bin/sh', '-c', 'cat <<A <<B\n1\nA\n2\nB'],
    scripts: [],
  })
})

test('planBuild() expands heredocs of COPY itself, unless they are quoted (91)', async () => {
  const inline = async (mark: string): Promise<unknown> =>
    copyOf(await plan(`FROM scratch\nENV a=1\nCOPY ${mark} /d\n$a "it's" \\$a\nEOF`)).from
  assert.deepEqual(await inline('<<EOF'), [{ kind: 'inline', name: 'EOF', content: '1 "it\'s" $a\n' }])
  assert.deepEqual(await inline('<<"EOF"'), [{ kind: 'inline', name: 'EOF', content: '$a "it\'s" \\$a\n' }])
})

test('planBuild() takes back what ENTRYPOINT takes back (111)', async () => {
  const images = { base: { config: { Cmd: ['base'], Entrypoint: ['/e'] } } }
  const config = async (text: string): Promise<unknown> => {
    const { Cmd, Entrypoint } = (await plan(`FROM base\n${text}`, { images })).config
    return [Entrypoint, Cmd]
  }
  assert.deepEqual(await config(''), [['/e'], ['base']])
  assert.deepEqual(await config('ENTRYPOINT ["a"]'), [['a'], undefined])
  assert.deepEqual(await config('CMD ["c"]\nENTRYPOINT ["a"]'), [['a'], ['c']])
  assert.deepEqual(await config('ENTRYPOINT ["a"]\nENTRYPOINT ["b"]\nCMD ["1"]\nCMD ["2"]'), [['b'], ['2']])
  assert.deepEqual(await config('ENTRYPOINT []'), [undefined, undefined])
  assert.deepEqual(await config('CMD []'), [['/e'], undefined])
  const stages = await plan('FROM base AS s\nCMD ["s"]\nFROM s\nENTRYPOINT ["a"]', { images })
  assert.deepEqual(stages.config.Cmd, undefined, 'set in another stage')
})

test('planBuild() uses and keeps SHELL (113)', async () => {
  const state = await plan('FROM scratch\nSHELL ["/bin/bash", "-ec"]\nCMD a b\nENTRYPOINT c\nRUN d')
  assert.deepEqual(
    [state.config.Cmd, state.config.Entrypoint, execOf(state).args],
    [
      ['/bin/bash', '-ec', 'a b'],
      ['/bin/bash', '-ec', 'c'],
      ['/bin/bash', '-ec', 'd'],
    ],
  )
  const images = { base: { config: { Shell: ['/bin/ash', '-c'] } } }
  assert.deepEqual(execOf(await plan('FROM base\nRUN x', { images })).args, ['/bin/ash', '-c', 'x'])
})

test('planBuild() runs triggers right after FROM, and does not pass them on (114)', async () => {
  const images = { base: { config: { OnBuild: ['RUN one', 'COPY --from=tool /t /t', 'ENV x=1'] } } }
  const state = await plan('FROM scratch AS tool\nWORKDIR /t\nFROM base\nRUN two $x', { images })
  assert.deepEqual(
    chain(state).map((one) => one.label.replace(/@.*/, '')),
    [
      '[stage-1 1/4] FROM docker.io/library/base',
      '[stage-1 2/4] ONBUILD RUN one',
      '[stage-1 3/4] ONBUILD COPY --from=tool /t /t',
      '[stage-1 4/4] RUN two 1',
    ],
  )
  assert.equal(state.config.OnBuild, undefined)
  const own = await plan('FROM scratch AS s\nONBUILD RUN trigger\nFROM s\nRUN own')
  assert.deepEqual(
    chain(own).map((one) => one.label),
    ['FROM scratch', '[stage-1 1/2] ONBUILD RUN trigger', '[stage-1 2/2] RUN own'],
  )
  assert.deepEqual((await plan('FROM scratch\nONBUILD RUN x\nONBUILD RUN y')).config.OnBuild, ['RUN x', 'RUN y'])
  await refused('FROM bad', /FROM isn't allowed as an ONBUILD trigger/, 1, {
    resolveImage: async () => image('bad', { config: { OnBuild: ['FROM x'] } }),
  })
})

test('planBuild() accumulates WORKDIR (119)', async () => {
  const state = await plan('FROM scratch\nWORKDIR a\nWORKDIR b/../c/\nWORKDIR /d\nUSER u\nWORKDIR e')
  assert.deepEqual(folderOf(state), { kind: 'folder', path: '/d/e', user: 'u' })
  assert.deepEqual(
    chain(state)
      .slice(1)
      .map((one) => (one.op as FolderOp).path),
    ['/a', '/a/c', '/d', '/d/e'],
  )
  const root = await plan('FROM scratch\nWORKDIR /')
  assert.deepEqual([root.files.op.kind, root.history[0]?.entry.empty_layer], ['scratch', true])
})

test('planBuild() takes destinations relative to WORKDIR, with what their ends say', async () => {
  const destination = async (written: string): Promise<string> =>
    copyOf(await plan(`FROM scratch\nWORKDIR /w\nCOPY a ${written}`)).destination
  assert.deepEqual(await Promise.all(['b', 'b/', './b/.', '.', './', '/', '/x/../y', '../z/'].map(destination)), [
    '/w/b',
    '/w/b/',
    '/w/b/',
    '/w/',
    '/w/',
    '/',
    '/y',
    '/z/',
  ])
})

test('planBuild() exposes ports and ranges (120)', async () => {
  const ports = async (text: string): Promise<readonly string[]> =>
    Object.keys((await plan(`FROM scratch\nEXPOSE ${text}`)).config.ExposedPorts ?? {})
  assert.deepEqual(await ports('80'), ['80/tcp'])
  assert.deepEqual(await ports('53/UDP 7000-7002 9/sctp'), ['53/udp', '7000/tcp', '7001/tcp', '7002/tcp', '9/sctp'])
  assert.deepEqual(await ports('8080:80 127.0.0.1:1-2:3-4/udp [::1]:1:5'), ['3/udp', '4/udp', '80/tcp', '5/tcp'])
  for (const [text, reason] of [
    ['0x50', /invalid containerPort: 0x50/],
    ['70000', /invalid containerPort/],
    ['80/icmp', /invalid port: "80\/icmp": invalid proto: icmp/],
    ['/tcp', /no port specified/],
    ['9-8', /invalid containerPort: 9-8/],
    ['1-3:1-2', /invalid ranges specified for container and host Ports/],
    ['x:80', /invalid hostPort: x/],
    ['nohost:1:2', /invalid IP address: nohost/],
  ] as const)
    await refused(`FROM scratch\nEXPOSE ${text}`, reason, 2)
})

test('planBuild() refuses what cannot be, with the line', async () => {
  await refused('FROM scratch\nSTOPSIGNAL nonsense', /invalid signal: nonsense/, 2)
  await refused('FROM scratch\nCOPY http://a/b /', /source can't be a URL for COPY/, 2)
  await refused('FROM scratch\nCOPY https://a/b.git /', /source can't be a git ref for COPY/, 2)
  await refused('FROM scratch\nCOPY --chmod=999 a b', /invalid chmod parameter: '999'. it should be octal string/, 2)
  await refused('FROM scratch\nADD --checksum=sha256:0 a b', /checksum requires HTTP\(S\) or Git sources/, 2)
  await refused('FROM scratch\nENV a=${b', /failed to process "\${b": syntax error: missing '}'/, 2)
  await refused('FROM scratch\nRUN []', /RUN requires a command/, 2)
  await refused('FROM scratch\nVOLUME $none', /VOLUME specified can not be an empty string/, 2)
})

test('planBuild() writes the history that docker writes', async () => {
  const state = await plan(
    `FROM base
ARG a=1 b
ENV c="x y" d=2
LABEL l=1 m="2 3"
RUN make
USER u:g
VOLUME /v /w
EXPOSE 80
STOPSIGNAL 9
SHELL ["/s", "-c"]
HEALTHCHECK --interval=90s --retries=2 CMD x y
CMD ["a\\"b", "c"]
ENTRYPOINT []
MAINTAINER me
COPY --chown=1 --chmod=600 a b /c/
COPY <<F /d
F
ADD x y
WORKDIR sub
ONBUILD RUN z
RUN ["last"]`,
    { images: { base: { history: [{ created: '2020-01-01T00:00:00Z', created_by: 'base' }] } } },
  )
  assert.deepEqual(history(state), [
    'base',
    'ARG a=1 b',
    'ENV c=x y d=2',
    'LABEL l=1 m=2 3',
    'RUN |2 a=1 b= /bin/sh -c make # buildkit',
    'USER u:g',
    'VOLUME [/v /w]',
    'EXPOSE [80/tcp]',
    'STOPSIGNAL 9',
    'SHELL [/s -c]',
    'HEALTHCHECK {Test:[CMD-SHELL x y] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:2}',
    'CMD ["a\\"b" "c"]',
    'ENTRYPOINT []',
    'MAINTAINER me',
    'COPY --chown=1 --chmod=600 a b /c/ # buildkit',
    'COPY <<F /d # buildkit',
    'ADD x y # buildkit',
    'WORKDIR /sub',
    'RUN |2 a=1 b= last # buildkit',
  ])
  assert.equal(state.history.filter(({ entry }) => entry.empty_layer !== true).length, 7)
  assert.equal(state.author, 'me')
})

test('planBuild() makes the same vertices of the same steps', async () => {
  const text = 'FROM a AS x\nRUN one\nFROM a AS y\nRUN one\nRUN two\nFROM scratch\nCOPY --from=x /1 /1\nCOPY --from=y /2 /2'
  const state = await plan(text)
  const [first, second] = [state.files.inputs[0]?.inputs[1], state.files.inputs[1]?.inputs[0]]
  assert.equal(first?.digest, second?.digest)
  const other = await plan(text, { buildArguments: { unused: '1' } })
  assert.equal(other.files.digest, state.files.digest)
})

test('planBuild() adds labels from outside last', async () => {
  const state = await plan('FROM scratch\nLABEL a=1 b=2', { labels: { b: '3' } })
  assert.deepEqual(state.config.Labels, { a: '1', b: '3' })
})

test('planBuild() makes an empty string of a variable that is not set, also in WORKDIR (85)', async () => {
  const state = await plan('FROM scratch\nENV DIRPATH=/path\nWORKDIR $DIRPATH/$DIRNAME\nLABEL a=x${none}y b=$none')
  assert.equal(state.config.WorkingDir, '/path')
  assert.deepEqual(state.config.Labels, { a: 'xy', b: '' })
})

test('planBuild() substitutes with every modifier in an instruction (83)', async () => {
  const text = [
    'FROM scratch',
    'ENV v=foo.tar.gz e=',
    'LABEL a=${n:-w} b=${e:-w} c=${e-w} d=${v:+w} e=${e:+w} f=${e+w} g=${v:?x} h=${v#*.} i=${v##*.} j=${v%.*} k=${v%%.*}',
    'LABEL l=${v/o/0} m=${v//o/0} n=\'$v\' o="$v" p=\\$v',
  ]
  assert.deepEqual((await plan(text.join('\n'))).config.Labels, {
    a: 'w',
    b: 'w',
    c: '',
    d: 'w',
    e: '',
    f: 'w',
    g: 'foo.tar.gz',
    h: 'tar.gz',
    i: 'gz',
    j: 'foo.tar',
    k: 'foo',
    l: 'f0o.tar.gz',
    m: 'f00.tar.gz',
    n: '$v',
    o: 'foo.tar.gz',
    p: '$v',
  })
  const escaped = await plan('# escape=`\nFROM scratch\nENV v=1\nLABEL a=`$v b=\\$v')
  assert.deepEqual(escaped.config.Labels, { a: '$v', b: '\\1' }, 'with the escape character of the file')
  await refused('FROM scratch\nLABEL a=${}', /bad substitution/, 2)
  await refused('FROM scratch\nLABEL a="${v:?must be set}"', /v: must be set/, 2)
})

test('planBuild() keeps what a health check says, and the last one (115)', async () => {
  const health = async (text: string): Promise<unknown> => (await plan(`FROM scratch\n${text}`)).config.Healthcheck
  assert.deepEqual(await health('HEALTHCHECK CMD x'), { Test: ['CMD-SHELL', 'x'] }, 'defaults are left to whoever runs it')
  assert.deepEqual(await health('HEALTHCHECK CMD x\nHEALTHCHECK --start-interval=5s CMD ["y"]'), {
    Test: ['CMD', 'y'],
    StartInterval: 5e9,
  })
  const images = { base: { config: { Healthcheck: { Test: ['CMD', 'a'] } } } }
  assert.deepEqual((await plan('FROM base\nHEALTHCHECK NONE', { images })).config.Healthcheck, { Test: ['NONE'] })
  assert.deepEqual((await plan('FROM base', { images })).config.Healthcheck, { Test: ['CMD', 'a'] })
})

test('planBuild() takes signals by name and by number (116)', async () => {
  for (const signal of ['SIGTERM', 'term', '9', 'SIGRTMIN+3', 'RTMAX-1'])
    assert.equal((await plan(`FROM scratch\nSTOPSIGNAL ${signal}`)).config.StopSignal, signal)
  await refused('FROM scratch\nSTOPSIGNAL 0', /invalid signal: 0/, 2)
  await refused('FROM scratch\nSTOPSIGNAL 65', /invalid signal: 65/, 2)
})

test('planBuild() keeps volumes of the base, and USER as it is written (117, 118)', async () => {
  const images = { base: { config: { Volumes: { '/data': {} }, User: '1:2' } } }
  const state = await plan('FROM base\nVOLUME /more\nUSER app:staff\nRUN x', { images })
  assert.deepEqual(state.config.Volumes, { '/data': {}, '/more': {} })
  assert.deepEqual([state.config.User, execOf(state).user], ['app:staff', 'app:staff'])
  assert.equal(execOf(await plan('FROM base\nRUN x', { images })).user, '1:2')
})

test('planBuild() leaves LABEL and ENV of other stages out of the image (120)', async () => {
  const text = 'FROM scratch AS a\nLABEL a=1\nENV A=1\nEXPOSE 1\nFROM scratch\nCOPY --from=a /x /y\nLABEL b=2'
  const { config } = await plan(text)
  assert.deepEqual([config.Labels, config.Env?.slice(1), config.ExposedPorts], [{ b: '2' }, [], undefined])
})

test('planBuild() shows versions of operating systems in TARGETPLATFORM, but not in BUILDPLATFORM (87)', async () => {
  const windows = { os: 'windows', architecture: 'amd64', 'os.version': '10.0.1' }
  const state = await plan(
    'FROM scratch\nARG TARGETPLATFORM BUILDPLATFORM BUILDOSVERSION\nLABEL a=$TARGETPLATFORM b=$BUILDPLATFORM c=$BUILDOSVERSION',
    {
      platform: windows,
      buildPlatform: windows,
    },
  )
  assert.deepEqual(state.config.Labels, { a: 'windows(10.0.1)/amd64', b: 'windows/amd64', c: '10.0.1' })
})

test('planBuild() does not look at the default of an ARG that is given, nor shows attestation options to steps', async () => {
  assert.deepEqual(env(await plan('FROM scratch\nARG a=${b:?no}\nRUN x', { buildArguments: { a: '1' } })), ['a=1'])
  await refused('FROM scratch\nARG a=${b:?no}\nRUN x', /b: no/, 2)
  const scanned = await plan('FROM scratch\nARG BUILDKIT_SBOM_SCAN_STAGE=true\nRUN x')
  assert.deepEqual(env(scanned), [])
  assert.equal(history(scanned)[1], 'RUN |1 BUILDKIT_SBOM_SCAN_STAGE=true /bin/sh -c x # buildkit')
})

test('planBuild() takes empty flags for none', async () => {
  const state = await plan('FROM --platform= scratch\nCOPY --from= --chown= a /b')
  assert.deepEqual(
    state.files.inputs.map(({ op }) => op.kind),
    ['scratch', 'context'],
  )
})

test('planBuild() takes a relative working directory of the base from the root', async () => {
  const images = { base: { config: { WorkingDir: 'app/' } } }
  const state = await plan('FROM base\nWORKDIR sub\nCOPY a b', { images })
  assert.deepEqual([state.config.WorkingDir, copyOf(state).destination], ['/app/sub', '/app/sub/b'])
  assert.equal((await plan('FROM base', { images })).config.WorkingDir, '/app')
})

test('planBuild() drops the variant of a base that is for another platform, and writes platforms in one way', async () => {
  const images = { base: { architecture: 'arm', variant: 'v6', 'os.version': '1' } }
  const of = async (platform: PlanOptions['platform']): Promise<unknown> =>
    (await plan('FROM base', { images, ...(platform === undefined ? {} : { platform }) })).base
  assert.deepEqual(await of({ os: 'linux', architecture: 'arm64' }), { os: 'linux', architecture: 'arm64' })
  assert.deepEqual(await of({ os: 'linux', architecture: 'arm', variant: 'v7' }), {
    os: 'linux',
    architecture: 'arm',
    variant: 'v7',
    'os.version': '1',
  })
  const named = await plan('FROM base', { images: { base: { architecture: 'arm64', variant: 'v8' } } })
  assert.deepEqual(named.base, { os: 'linux', architecture: 'arm64' })
})

test('planBuild() refuses what is wrong in stages that are not needed too', async () => {
  const unused = (text: string): string => `FROM scratch AS other\n${text}\nFROM scratch`
  await refused(unused('COPY --from=9 a b'), /invalid stage index 9/, 2)
  await refused(unused('COPY --from=other a b'), /circular dependency detected on stage: other/, 2)
  await refused(unused('COPY --from=$x a b'), /variable expansion is not supported for --from/, 2)
  await refused('FROM $none\nFROM scratch', /base name \(\$none\) should not be blank/, 1)
  await refused(
    'FROM --platform=linux/a/b/c x\nFROM scratch',
    /failed to parse platform linux\/a\/b\/c: .*too many components/,
    1,
  )
  await refused(
    'FROM scratch AS a\nCOPY --from=b x y\nFROM scratch AS b\nRUN --mount=from=a,target=/m x\nFROM scratch',
    /circular dependency detected on stage: a/,
    2,
  )
  await plan('FROM scratch AS a\nCOPY --from=b x y\nFROM scratch AS b\nFROM scratch')
})

test('planBuild() says which stage, image or variable was meant', async () => {
  const missing = {
    resolveImage: async (reference: string) => {
      throw new GantryError('not_found', 'NO_IMAGE', `no ${reference}`, { hint: 'h' })
    },
  }
  await refused('FROM scratch AS build\nFROM bulid', /no bulid \(did you mean build\?\)/, 2, missing)
  await refused('FROM scratch AS build\nFROM scratch\nCOPY --from=buidl a b', /no buidl \(did you mean build\?\)/, 3, missing)
  await refused('FROM debain:latest', /no debain:latest \(did you mean debian:latest\?\)/, 1, missing)
  await refused('FROM something/else', /no something\/else$/, 1, missing)
  await refused('FROM --platform=$BULIDPLATFORM a', /empty platform value .* \(did you mean BUILDPLATFORM\?\)/, 1)
  await refused('ARG MY_ARCH=x\nFROM --platform=linux/${MYARCH} a', /\(did you mean MY_ARCH\?\)/, 2)
})

test('planBuild() plans thousands of stages that are built on each other', async () => {
  const stages = Array.from({ length: 3000 }, (_, index) => `FROM s${index} AS s${index + 1}\nCOPY --from=s${index} a b`)
  assert.equal((await plan(`FROM scratch AS s0\n${stages.join('\n')}`)).history.length, 3000)
})
