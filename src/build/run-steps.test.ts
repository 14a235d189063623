import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { isGantryError, type GantryError } from '../lib/errors.ts'
import { buildImage, type BuildEvent } from './build-image.ts'
import type { SourceDetail } from './dockerfile/source.ts'
import { runSkip, TestBuilds } from './test-builds.ts'

let builds: TestBuilds
before(async () => {
  if (runSkip !== false) return
  builds = await TestBuilds.open()
  await builds.busybox()
})
after(async () => await builds?.[Symbol.asyncDispose]())

const options = { skip: runSkip }

test('RUN makes a layer of what it changes, deletions included', options, async () => {
  const { config, steps } = await builds.dockerfile(`FROM busybox
RUN mkdir -p /d/e && echo one > /d/e/f && chown 5:6 /d/e/f && chmod 4711 /d/e/f && ln -s e /d/l && ln /d/e/f /d/h
RUN rm /d/l && rm -r /root && mkdir /root && echo two >> /d/e/f
RUN true`)
  assert.equal(config.rootfs.diff_ids.length, 4)
  assert.ok(steps.slice(1).every((step) => step.endsWith('done')))
  const lines = (await builds.listing({ config })).filter((line) => / (?:d|root)\//.test(line))
  assert.deepEqual(lines, [
    '755 0:0 d/',
    '755 0:0 d/e/',
    '4711 5:6 d/e/f "one\\ntwo\\n"',
    // the link breaks where a file of a lower layer is written to
    '4711 5:6 d/h "one\\n"',
    '755 0:0 root/',
  ])
  assert.ok(!(await builds.listing({ config })).some((line) => /resolv|hosts|dev|proc|sys/.test(line)), 'no mount points stay')
})

test('RUN sees the environment, the user and the folder of its stage', options, async () => {
  const { output, config } = await builds.dockerfile(
    `FROM busybox
ENV a=1 b="two words"
ARG c=3
ARG d
RUN env && id -u && id -g
USER app
WORKDIR /home/app/x
RUN id && pwd && echo $HOME && echo done > here
USER 12
RUN ["/bin/sh", "-c", "id -u; echo $a"]`,
    {},
    { buildArgs: { d: 'given', HTTP_PROXY: 'http://proxy' } },
  )
  for (const line of ['a=1', 'b=two words', 'c=3', 'd=given', 'HTTP_PROXY=http://proxy', 'http_proxy=http://proxy', 'HOME=/root'])
    assert.ok(output.split('\n').includes(line), line)
  assert.match(output, /uid=500\(app\) gid=501/)
  assert.match(output, /\/home\/app\/x\n\/home\/app\n12\n1\n$/)
  assert.ok((await builds.listing({ config }, 'home')).includes('644 500:501 home/app/x/here "done\\n"'))
  assert.ok(config.history?.every((entry) => entry.created_by?.includes('proxy') !== true))
})

test('RUN on nothing at all works with a program that needs nothing', options, async () => {
  const text = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "mkdir", "/made"]'
  const context = await builds.context({ Dockerfile: text })
  await writeFile(join(context, 'busybox'), await readFile('/bin/busybox'), { mode: 0o755 })
  const { config } = await builds.build({ context })
  assert.deepEqual(
    (await builds.listing({ config })).map((line) => line.split(' ')[2]),
    ['bin/', 'bin/busybox', 'made/'],
  )
  await assert.rejects(
    builds.dockerfile('FROM scratch\nRUN ["/none"]'),
    (error) => isGantryError(error) && (error.detail as SourceDetail).startLine === 2,
  )
})

test('RUN is cached by what it depends on (108)', options, async () => {
  const run = async (text: string, buildArgs = {}): Promise<string> =>
    (await builds.dockerfile(`FROM busybox\n${text}\nRUN echo cached`, {}, { buildArgs })).steps.at(-1)!.split(' ').at(-1)!
  assert.equal(await run(''), 'done')
  assert.equal(await run(''), 'cached')
  assert.equal(await run('LABEL a=b\nEXPOSE 80\nCMD x\nENTRYPOINT y'), 'cached', 'what it does not see')
  assert.equal(await run('', { HTTP_PROXY: 'x' }), 'cached', 'a proxy (86)')
  assert.equal(await run('ENV a=b'), 'done')
  assert.equal(await run('ARG a=b'), 'cached', 'the same environment')
  assert.equal(await run('ARG a', { a: 'c' }), 'done', 'declared, used or not')
  assert.equal(await run('ARG HTTP_PROXY', { HTTP_PROXY: 'x' }), 'done', 'a proxy that is declared')
  assert.equal(await run('USER 5'), 'done')
  assert.equal(await run('SHELL ["/bin/sh", "-e", "-c"]'), 'done')
})

test('RUN is done again when a file before it changed, and COPY after it when RUN did', options, async () => {
  const text = 'FROM busybox\nCOPY one /one\nRUN cat /one > /copy\nCOPY two /two\n'
  const context = await builds.context({ Dockerfile: text, one: '1', two: '2' })
  const ends = async (): Promise<readonly string[]> =>
    (await builds.build({ context })).steps.slice(1).map((step) => step.split(' ').at(-1)!)
  assert.deepEqual(await ends(), ['done', 'done', 'done'])
  await writeFile(join(context, 'two'), 'other')
  assert.deepEqual(await ends(), ['cached', 'cached', 'done'])
  await writeFile(join(context, 'one'), 'other')
  assert.deepEqual(await ends(), ['done', 'done', 'cached'], 'the last layer holds the same as before')
})

test('RUN that fails shows its output, the lines and the status', options, async () => {
  await assert.rejects(
    builds.dockerfile('FROM busybox\n\nRUN echo out; echo err >&2; \\\n  false\n'),
    (error: GantryError & { readonly output: string; readonly steps: readonly string[] }) => {
      assert.equal(
        error.message,
        'Cannot build "Dockerfile" line 3: process "/bin/sh -c echo out; echo err >&2;   false" did not complete successfully: exit code: 1',
      )
      assert.deepEqual(error.output.split('\n').toSorted(), ['', 'err', 'out'])
      assert.match((error.detail as SourceDetail).excerpt, /3 \| >>> RUN echo out; echo err >&2; \\\n\s+4 \| >>>   false/)
      assert.equal(error.steps.at(-1), '[2/2] RUN echo out; echo err >&2;   false → failed')
      return true
    },
  )
  await assert.rejects(builds.dockerfile('FROM busybox\nRUN exit 42'), /exit code: 42$/)
  assert.deepEqual(await builds.leftovers(), [])
})

test('RUN of a program that is not there says so', options, async () => {
  await assert.rejects(
    builds.dockerfile('FROM busybox\nRUN ["/missing"]'),
    (error) => isGantryError(error) && error.message.includes('/missing'),
  )
  await assert.rejects(builds.dockerfile('FROM busybox\nUSER ghost\nRUN true'), /unable to find user ghost/)
})

test('RUN runs scripts out of heredocs (91)', options, async () => {
  const { output, config } = await builds.dockerfile(`FROM busybox
ENV x=X
RUN <<EOF
echo plain $x
EOF
RUN <<-"SCRIPT"
	#!/bin/sh -e
	echo script $0 $x
SCRIPT
RUN cat <<A > /both && cat <<B >> /both
a $x
A
b
B`)
  assert.match(output, /plain X\nscript \/dev\/pipes\/SCRIPT X/)
  assert.ok((await builds.listing({ config })).includes('644 0:0 both "a X\\nb\\n"'))
  assert.ok(!(await builds.listing({ config })).some((line) => line.includes('pipes')))
})

test('RUN has the network that it asks for', options, async () => {
  const { output } = await builds.dockerfile(
    'FROM busybox\nRUN --network=none cat /proc/net/dev\nRUN --network=host cat /etc/hosts',
    {},
    { extraHosts: ['added:10.1.2.3'], run: { allow: ['network.host'] } },
  )
  assert.ok(!/eth0|ens/.test(output.slice(0, output.indexOf('localhost'))))
  assert.match(output, /10\.1\.2\.3\s+added/)
})

test('COPY --from keeps the hard links of a stage', options, async () => {
  const { config } = await builds.dockerfile(
    'FROM busybox AS s\nRUN mkdir /l && echo same > /l/a && ln /l/a /l/b && ln /l/a /l/c\nFROM scratch\nCOPY --from=s /l /l',
  )
  await using layer = await builds.layers.open(config.rootfs.diff_ids[0]!)
  const entries = await Array.fromAsync(layer.entries())
  assert.deepEqual(entries.map(({ path, hardLink, size }) => [path, hardLink, size]).slice(1), [
    ['l', undefined, 0],
    ['l/a', undefined, 5],
    ['l/b', 'l/a', 5],
    ['l/c', 'l/a', 5],
  ])
})

test('RUN keeps what was in a VOLUME (117)', options, async () => {
  const { config } = await builds.dockerfile('FROM busybox\nVOLUME /v\nRUN mkdir -p /v && echo kept > /v/f')
  assert.ok((await builds.listing({ config })).includes('644 0:0 v/f "kept\\n"'))
})

test('RUN steps that do not depend on each other run at once', options, async () => {
  const { events } = await builds.dockerfile(`FROM busybox AS one
RUN echo one; sleep 1
FROM busybox AS two
RUN echo two; sleep 1
FROM scratch
COPY --from=one /etc/group /1
COPY --from=two /etc/group /2`)
  const running = new Set<string>()
  let most = 0
  for (const event of events) {
    if (event.kind === 'log') running.add(event.id)
    if (event.kind === 'done') running.delete(event.id)
    most = Math.max(most, running.size)
  }
  assert.equal(most, 2)
})

test('A step that fails stops the others', options, async () => {
  const start = performance.now()
  await assert.rejects(
    builds.dockerfile(`FROM busybox AS slow
RUN sleep 30
FROM busybox AS broken
RUN sleep 1; exit 7
FROM scratch
COPY --from=slow / /
COPY --from=broken / /`),
    (error: GantryError & { readonly steps: readonly string[] }) => {
      assert.match(error.message, /line 4: .*exit code: 7$/)
      assert.ok(error.steps.includes('[slow 2/2] RUN sleep 30 → canceled'), error.steps.join('\n'))
      return true
    },
  )
  assert.ok(performance.now() - start < 15_000)
  assert.deepEqual(await builds.leftovers(), [])
})

test('A build that is aborted in the middle of RUN leaves nothing behind', options, async () => {
  const stop = new AbortController()
  const onEvent = (event: BuildEvent): void => {
    if (event.kind === 'log') stop.abort()
  }
  const start = performance.now()
  await assert.rejects(builds.dockerfile('FROM busybox\nRUN echo started; sleep 60', {}, { signal: stop.signal, onEvent }), {
    kind: 'canceled',
  })
  assert.ok(performance.now() - start < 15_000)
  assert.deepEqual(await builds.leftovers(), [])
  await sleep(50)
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  assert.ok(!mounts.includes(builds.root))
})

test('Two builds at once of the same run a step once', options, async () => {
  const text = 'FROM busybox\nRUN sleep 1; cat /proc/sys/kernel/random/uuid > /once'
  const [one, two] = await Promise.all([builds.dockerfile(text), builds.dockerfile(text)])
  assert.equal(one?.descriptor.digest, two?.descriptor.digest)
  assert.deepEqual(new Set([one, two].map((each) => each?.steps.at(-1)?.split(' ').at(-1))), new Set(['cached', 'done']))
})

test('RUN times are clamped to SOURCE_DATE_EPOCH', options, async () => {
  const image = await builds.dockerfile('FROM busybox\nRUN touch /now', {}, { buildArgs: { SOURCE_DATE_EPOCH: '5000' } })
  await builds.files(image, async (tree) => assert.equal((await tree.stat('now'))?.mtime.seconds, 5000))
})

test('RUN works on layers that are unpacked into folders', options, async () => {
  await using own = await TestBuilds.open('folder')
  await own.busybox()
  const { config } = await own.dockerfile('FROM busybox\nRUN rm -r /root && mkdir -p /d && echo made > /d/f')
  const lines = await own.listing({ config })
  assert.ok(lines.includes('644 0:0 d/f "made\\n"') && !lines.some((line) => line.includes('root/')))
})

test('RUN says what is missing where containers cannot run', async () => {
  await using own = await TestBuilds.open()
  const { run: _run, ...services } = own.services
  const context = await own.context({ Dockerfile: 'FROM scratch\nCOPY f /f\nRUN x', f: 'F' })
  await assert.rejects(buildImage({ context }, services), { code: 'NO_RUNTIME' })
  assert.ok(
    (await buildImage({ context: await own.context({ Dockerfile: 'FROM scratch\nCOPY f /f', f: 'F' }) }, services)).imageId,
  )
})
