import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { streamOf } from '../../lib/bytes.ts'
import { GantryError } from '../../lib/errors.ts'
import { listTargets, outlineDockerfile, type CheckOptions } from '../check-dockerfile.ts'
import { describedAs } from '../dockerfile/description.ts'

let folder: string
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'gantry-outline-'))))
after(async () => await rm(folder, { recursive: true, force: true }))

const services = {
  get scratchFolder() {
    return folder
  },
  platform: { os: 'linux', architecture: 'amd64' },
  sources: { folder: '/nowhere', environment: {} },
  resolveImage: async (reference: string) => {
    throw new GantryError('unavailable', 'DOWN', `${reference} is not asked for`)
  },
}

const outline = async (text: string, options: Partial<CheckOptions> = {}): ReturnType<typeof outlineDockerfile> =>
  await outlineDockerfile({ dockerfile: streamOf(Buffer.from(text)), ...options }, services)

const text = `# PREFIX of names
ARG PREFIX=x
# TAG of tools
ARG TAG=\${PREFIX}1
ARG UNUSED=1

# base is for all
FROM scratch AS base
# mode is debug or release
ARG mode=release
ARG TARGETARCH
FROM scratch AS tools
ARG TAG
RUN --mount=type=secret,id=npm,required --mount=type=ssh echo
FROM nowhere AS other
ARG OTHER=1
# app the app
FROM base AS app
COPY --from=tools / /
ARG level=$mode empty
RUN --mount=from=1,target=/m --mount=type=secret,target=/x/db --mount=type=ssh,id=git,required x
FROM base
`

test('outlineDockerfile() names what a target takes, from all the stages that it needs', async () => {
  const { name, description, args, secrets, ssh } = await outline(text, { target: 'app' })
  assert.deepEqual([name, description], ['app', 'the app'])
  assert.deepEqual(
    args.map((one) => `${one.range.start} ${one.name}=${one.value} ${one.description}`),
    ['2 PREFIX=x of names', '4 TAG=x1 of tools', '10 mode=release is debug or release', '20 level=release ', '20 empty= '],
  )
  assert.deepEqual(
    [...secrets, ...ssh].map((one) => `${one.range.start} ${one.name} ${one.required}`),
    ['14 npm true', '21 db false', '14 default false', '21 git true'],
  )
})

test('outlineDockerfile() shows the values that build arguments give', async () => {
  const { args } = await outline(text, { target: 'app', buildArgs: { PREFIX: 'y', level: '9', TARGETARCH: 'z' } })
  assert.deepEqual(
    args.map((one) => `${one.name}=${one.value}`),
    ['PREFIX=y', 'TAG=y1', 'mode=release', 'TARGETARCH=z', 'level=9', 'empty='],
  )
  assert.deepEqual(
    (await outline('ARG A=1\nARG A=${A}2\nFROM scratch AS x$\nLABEL a=b', {}).catch((error: unknown) => error)) instanceof
      GantryError,
    true,
  )
  assert.deepEqual(
    (await outline('ARG B=0\nARG A=$B\nARG A=${A}2\nFROM scratch\nARG A')).args.map((one) => `${one.name}=${one.value}`),
    ['B=0', 'A=02'],
  )
})

test('outlineDockerfile() takes the last stage where none is named', async () => {
  const { name, args } = await outline(text)
  assert.deepEqual([name, args.map((one) => one.name)], ['', ['mode']])
})

test('listTargets() lists the stages as they are written', async () => {
  const { stages } = await listTargets({ dockerfile: streamOf(Buffer.from(text)) }, services)
  assert.deepEqual(
    stages.map(({ from }) => [from.alias, from.image, describedAs(from.alias, from.comments)]),
    [
      ['base', 'scratch', 'is for all'],
      ['tools', 'scratch', ''],
      ['other', 'nowhere', ''],
      ['app', 'base', 'the app'],
      [undefined, 'base', ''],
    ],
  )
})

test('outlineDockerfile() shows build arguments of a larger file, also where base images cannot be reached', async () => {
  const text = `
ARG inherited=box
ARG inherited2=box2
ARG unused=abc\${inherited2}
# sfx is a suffix
ARG sfx="usy\${inherited}"
FROM b\${sfx} AS first
# this is of nothing
ARG FOO=123
ARG BAR=456
RUN --security=insecure true
FROM alpine\${unused} AS second
ARG BAZ
FROM scratch AS third
# check=skip=all
ARG password
# other is described
# check=skip=all
ARG other
# target is built
FROM third AS target
COPY --from=first /a /
FROM second
`
  const { args, description, unknown } = await outline(text, { target: 'target', buildArgs: { BAR: '678' } })
  assert.deepEqual(
    args.map((one) => `${one.range.start} ${one.name}=${one.value} ${one.description}`),
    ['2 inherited=box ', '6 sfx=usybox is a suffix', '9 FOO=123 ', '10 BAR=678 ', '16 password= ', '19 other= is described'],
  )
  assert.equal(description, 'is built')
  assert.deepEqual(unknown, [{ reference: 'busybox', reason: 'docker.io/library/busybox:latest is not asked for' }])
})
