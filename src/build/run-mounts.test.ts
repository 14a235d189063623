import assert from 'node:assert/strict'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { listCacheMounts, removeCacheMount } from './cache-mounts.ts'
import type { GantryError } from '../lib/errors.ts'
import { runSkip, TestBuilds } from './test-builds.ts'

let builds: TestBuilds
before(async () => {
  if (runSkip !== false) return
  builds = await TestBuilds.open()
  await builds.busybox()
})
after(async () => await builds?.[Symbol.asyncDispose]())

const options = { skip: runSkip }
const last = (steps: readonly string[]): string => steps.at(-1)!.split(' ').at(-1)!

test('a bind mount shows files of the context or a stage, and nothing of it stays', options, async () => {
  const { output, config } = await builds.dockerfile(
    `FROM busybox AS made
RUN mkdir -p /out/d && echo staged > /out/d/f && ln -s d /out/link
FROM busybox
WORKDIR /work
RUN --mount=target=/ctx --mount=src=sub/one,target=file --mount=from=made,source=/out/link,target=/deep/er \\
  ls -A /ctx; cat file /deep/er/f; touch /ctx/x 2>/dev/null || echo refused`,
    { 'sub/one': 'ONE\n', secret: 'no', '.dockerignore': 'secret' },
  )
  assert.match(output, /^\.dockerignore\nDockerfile\nsub\nONE\nstaged\n/)
  assert.match(output, /refused\n$/)
  assert.deepEqual(
    (await builds.listing({ config })).filter((line) => /ctx|deep|work/.test(line)),
    ['755 0:0 work/'],
  )
})

test('what is written to a bind mount is discarded', options, async () => {
  const { output } = await builds.dockerfile(
    `FROM busybox AS made
RUN mkdir /out && echo one > /out/f
FROM busybox
RUN --mount=from=made,source=/out,target=/m,rw echo two > /m/f; touch /m/g; cat /m/f
RUN --mount=from=made,source=/out,target=/m,rw ls /m; cat /m/f
RUN --mount=target=/m,readwrite touch /m/made-here`,
    {},
  )
  assert.equal(output, 'two\nf\none\n')
})

test('a bind mount counts by what is mounted of the files', options, async () => {
  const text = `FROM busybox AS made
COPY . /all
FROM busybox
RUN --mount=from=made,source=/all/in,target=/m cat /m/f
RUN --mount=source=in,target=/m cat /m/f`
  const context = await builds.context({ Dockerfile: text, 'in/f': '1', out: '1' })
  const ends = async (): Promise<string> => {
    const { steps } = await builds.build({ context })
    return steps
      .filter((step) => step.includes('RUN'))
      .map((step) => step.split(' ').at(-1))
      .join(' ')
  }
  assert.equal(await ends(), 'done done')
  assert.equal(await ends(), 'cached cached')
  await writeFile(join(context, 'out'), '2')
  assert.equal(await ends(), 'cached cached', 'what is not mounted')
  await writeFile(join(context, 'in/f'), '2')
  const { events } = await builds.build({ context })
  const reasons = events.flatMap((event) => (event.kind === 'explained' ? event.reasons : []))
  assert.ok(reasons.includes('files mounted at /m changed'), reasons.join())
  assert.equal(await ends(), 'cached cached')
})

test('a bind mount of what is not there says so', options, async () => {
  await assert.rejects(builds.dockerfile('FROM busybox\nRUN --mount=source=none,target=/m true'), /line 2: .*"\/none": not found/)
  await assert.rejects(
    builds.dockerfile('FROM busybox AS a\nFROM busybox\nRUN --mount=from=a,source=/none,target=/m true'),
    /line 3: .*"\/none": not found/,
  )
  await assert.rejects(
    builds.dockerfile('FROM busybox\nRUN --mount=from=late,target=/m true\nFROM busybox AS late', {}, { target: '0' }),
    /cannot mount from stage "late" to "\/m", stage needs to be defined before current command/,
  )
  await assert.rejects(builds.dockerfile('FROM busybox\nRUN --mount=target=/ true'), /invalid mount target "\/"/)
})

test('a cache mount survives, by its id, and is in no layer and no key', options, async () => {
  const step = (more: string, n: number): string =>
    `FROM busybox\nRUN --mount=type=cache,target=/c${more} echo ${n} >> /c/f; cat /c/f`
  const run = async (more: string, n: number): Promise<string> => (await builds.dockerfile(step(more, n))).output
  assert.equal(await run('', 1), '1\n')
  assert.equal(await run('', 2), '1\n2\n')
  assert.equal(await run(',id=other', 3), '3\n')
  assert.equal(await run(',id=/c', 4), '1\n2\n4\n', 'the target is the id')
  assert.equal(await run(',uid=5,gid=6,mode=0700', 5), '5\n', 'another owner, another cache')
  const { config, steps } = await builds.dockerfile(step(',sharing=locked,id=whatever', 1))
  assert.equal(last(steps), 'cached', 'neither the id nor the sharing counts')
  assert.ok(!(await builds.listing({ config })).some((line) => / c\//.test(line)))
  const { output } = await builds.dockerfile(`FROM busybox
ARG where=/x/y
RUN --mount=type=cache,id=owned,target=\${where},uid=5,gid=6,mode=0700 stat -c '%u %g %a' $where`)
  assert.equal(output, '5 6 700\n')
  const ids = (await listCacheMounts(builds.services.cacheFolder)).map(({ facts }) => facts.id)
  assert.deepEqual(ids.toSorted(), ['/c', '/c', 'other', 'owned'])
})

test('a cache mount begins with what from= has', options, async () => {
  const text = (n: number): string => `FROM busybox AS seed
RUN mkdir -p /s/d && echo seed > /s/d/f && chown 7:8 /s/d/f && ln /s/d/f /s/hard && ln -s d /s/soft
FROM busybox
RUN --mount=type=cache,from=seed,source=/s,target=/c,id=seeded echo ${n} >> /c/n; cat /c/soft/f /c/n; stat -c '%u %g %h' /c/hard`
  assert.equal((await builds.dockerfile(text(1))).output, 'seed\n1\n7 8 2\n')
  assert.equal((await builds.dockerfile(text(2))).output, 'seed\n1\n2\n7 8 2\n')
})

test('cache mounts that are shared, private and locked', options, async () => {
  const both = (sharing: string): string =>
    ['one', 'two']
      .map(
        (name) => `FROM busybox AS ${name}
RUN --mount=type=cache,target=/c,id=${sharing},sharing=${sharing} echo ${name}-${sharing} >> /c/f; sleep 1; cat /c/f > /seen`,
      )
      .join('\n') + '\nFROM scratch\nCOPY --from=one /seen /1\nCOPY --from=two /seen /2'
  const seen = async (sharing: string): Promise<readonly number[]> => {
    const image = await builds.dockerfile(both(sharing))
    const lines = (await builds.listing(image)).map((line) => line.split('"')[1]!.split('\\n').length - 1)
    return lines.toSorted((a, b) => a - b)
  }
  assert.deepEqual(await seen('shared'), [2, 2])
  assert.deepEqual(await seen('private'), [1, 1])
  assert.deepEqual(await seen('locked'), [1, 2], 'one after the other')
  const folders = (await listCacheMounts(builds.services.cacheFolder)).filter(({ facts }) => facts.id === 'private')
  assert.equal(folders.length, 2)
})

test('a cache mount that a step has is not removed', options, async () => {
  let removed: boolean | undefined
  const root = builds.services.cacheFolder
  await builds.dockerfile(
    'FROM busybox\nRUN --mount=type=cache,target=/held echo up; sleep 1; touch /held/f',
    {},
    {
      onEvent: (event) => {
        if (event.kind !== 'log') return
        void (async () => {
          const held = (await listCacheMounts(root)).find(({ facts }) => facts.id === '/held')
          removed = await removeCacheMount(root, held!.key)
        })()
      },
    },
  )
  assert.equal(removed, false)
  const held = (await listCacheMounts(root)).find(({ facts }) => facts.id === '/held')!
  assert.deepEqual(await readdir(held.folder), ['f'])
  assert.equal(await removeCacheMount(root, held.key), true)
  assert.equal(await removeCacheMount(root, held.key), false)
  assert.equal(await removeCacheMount(root, '../x-0'), false)
})

test('a tmpfs mount is empty, of its size, and gone', options, async () => {
  const { output, config } = await builds.dockerfile(`FROM busybox
RUN mkdir /t && touch /t/hidden
RUN --mount=type=tmpfs,target=/t,size=1m ls /t; busybox df -k /t; touch /t/lost`)
  assert.match(output, /tmpfs\s+1024/)
  assert.deepEqual(
    (await builds.listing({ config }, 't')).map((line) => line.split(' ')[2]),
    ['t/hidden', 't/lost'].slice(0, 1),
  )
})

test('secrets are given as files and variables, and reach nothing that is written', options, async () => {
  const value = 'hunter2-0123456789'
  const file = join(builds.root, '..', `${builds.root.split('/').at(-1)}.secret`)
  await writeFile(file, `${value}-file`)
  try {
    const build = async (secret: string): Promise<Awaited<ReturnType<TestBuilds['dockerfile']>>> =>
      await builds.dockerfile(
        `FROM busybox
USER app
RUN --mount=type=secret,id=a,uid=500,mode=0440 --mount=type=secret,id=b,env=TOKEN --mount=type=secret,id=c,target=/etc/c,required \\
  test "$TOKEN" = $(cat /run/secrets/a) || echo differs; stat -c '%u %g %a' /run/secrets/a /etc/c
RUN --mount=type=secret,id=absent ls /run/secrets 2>&1 || true; env | grep -c TOKEN || true`,
        {},
        {
          run: {
            secrets: [
              { id: 'a', value: Buffer.from(secret) },
              { id: 'b', value: Buffer.from(`${secret}-other`) },
              { id: 'c', file },
            ],
          },
        },
      )
    const { output, steps } = await build(value)
    assert.match(output, /differs\n500 0 440\n0 0 400\n.*No such file/)
    assert.ok(steps.every((step) => !step.includes(value)))
    assert.equal(last((await build('another')).steps), 'cached', 'what the secret is does not count')
    for (const name of (await readdir(builds.root, { recursive: true, withFileTypes: true })).filter((one) => one.isFile())) {
      const bytes = await readFile(join(name.parentPath, name.name)).catch(() => Buffer.alloc(0))
      assert.ok(!bytes.includes(value), join(name.parentPath, name.name))
    }
  } finally {
    await rm(file, { force: true })
  }
})

test('secrets lie nowhere on the disk while the step runs', options, async () => {
  const value = 'hunter3-0123456789'
  const found: string[] = []
  let files = 0
  let looked = Promise.resolve()
  // what goes meanwhile is not there
  const look = async (folder = join(builds.root, 'tmp')): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) await look(path)
      if (!entry.isFile()) continue
      files++
      if ((await readFile(path).catch(() => Buffer.alloc(0))).includes(value)) found.push(path)
    }
  }
  const { output } = await builds.dockerfile(
    'FROM busybox\nRUN --mount=type=secret,id=a --mount=type=secret,id=a,env=A echo up; sleep 1; test "$A" = "$(cat /run/secrets/a)" && echo same',
    {},
    {
      run: { secrets: [{ id: 'a', value: Buffer.from(value) }] },
      onEvent: (event) => {
        if (event.kind === 'log') looked = looked.then(() => look())
      },
    },
  )
  await looked
  assert.equal(output, 'up\nsame\n')
  assert.ok(files > 0)
  assert.deepEqual(found, [])
})

test('a secret that is required, too large or unfit says so', options, async () => {
  const run = async (mount: string, value: string): Promise<unknown> =>
    await builds.dockerfile(
      `FROM busybox\nRUN --mount=type=secret,${mount} true`,
      {},
      { run: { secrets: [{ id: 'a', value: Buffer.from(value) }] } },
    )
  await assert.rejects(run('id=z,required', ''), /line 2: secret z: not found$/)
  await assert.rejects(run('id=a', 'x'.repeat(512_001)), /secret a too big\. max size 500KB/)
  await assert.rejects(
    run('id=a,env=A', 'a\0b'),
    (error: Error) => /NUL byte/.test(error.message) && !error.message.includes('a\0b'),
  )
  await builds.dockerfile('FROM busybox\nRUN --mount=type=secret,id=z true')
})

test('what the sandbox keeps from steps has to be allowed', options, async () => {
  const run = async (flag: string, allow: ('network.host' | 'security.insecure')[]): Promise<string> =>
    (await builds.dockerfile(`FROM busybox\nRUN --${flag} busybox grep CapEff /proc/self/status`, {}, { run: { allow } })).output
  await assert.rejects(run('network=host', []), /line 2: network\.host is not allowed$/)
  await assert.rejects(run('security=insecure', ['network.host']), /security\.insecure is not allowed$/)
  const sandboxed = await run('network=host', ['network.host'])
  assert.notEqual(await run('security=insecure', ['security.insecure']), sandboxed)
})

test('limits of processes and of /dev/shm are those that were asked for', options, async () => {
  const { output } = await builds.dockerfile(
    'FROM busybox\nRUN ulimit -n; ulimit -Hn; ulimit -c; busybox df -k /dev/shm',
    {},
    { run: { ulimits: ['nofile=100:200', 'core=0'], shmSize: 1024 * 1024 } },
  )
  assert.match(output, /^100\n200\n0\n[^]*shm\s+1024 /)
  await assert.rejects(
    builds.dockerfile('FROM busybox\nRUN true', {}, { run: { ulimits: ['nofile=2:1'] } }),
    /soft limit must be less/,
  )
  await assert.rejects(
    builds.dockerfile('FROM busybox\nRUN true', {}, { run: { ulimits: ['files=2'] } }),
    /invalid ulimit type: files/,
  )
})

test('an SSH agent is forwarded into a step', options, async () => {
  const { generateKeyPairSync } = await import('node:crypto')
  const key = join(builds.root, 'key.pem')
  await writeFile(key, generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }))
  const { output, config } = await builds.dockerfile(
    `FROM busybox
RUN --mount=type=ssh,required --mount=type=ssh,id=other,uid=500,mode=0600,target=/agent \\
  echo $SSH_AUTH_SOCK; stat -c '%F %u %a' $SSH_AUTH_SOCK /agent
RUN --mount=type=ssh,id=absent test -e $SSH_AUTH_SOCK || echo none`,
    {},
    {
      run: {
        ssh: [
          { id: 'default', paths: [key] },
          { id: 'other', paths: [key] },
        ],
      },
    },
  )
  assert.equal(output, '/run/buildkit/ssh_agent.0\nsocket 0 600\nsocket 500 600\nnone\n')
  assert.ok(!(await builds.listing({ config })).some((line) => /agent|buildkit/.test(line)))
  const required = 'FROM busybox\nRUN --mount=type=ssh,required true'
  await assert.rejects(builds.dockerfile(required), /line 2: no SSH key "default" forwarded from the client$/)
  await assert.rejects(
    builds.dockerfile(required, {}, { run: { ssh: [{ id: 'x', paths: [] }] } }),
    /unset ssh forward key default$/,
  )
  await assert.rejects(builds.dockerfile('FROM busybox\nRUN --mount=type=ssh,source=/x true'), /ssh does not support source$/)
})

test('a step that takes too long, or too much memory, is killed and says so', options, async () => {
  await assert.rejects(
    builds.dockerfile('FROM busybox\nRUN echo begun; sleep 60', {}, { run: { stepTimeout: 500 } }),
    /line 2: process "\/bin\/sh -c echo begun; sleep 60" did not complete within 0\.5s and was killed$/,
  )
  assert.deepEqual(await builds.leftovers(), [])
  const hungry = 'FROM busybox\nRUN busybox tail -c 100m /dev/zero'
  await assert.rejects(
    builds.dockerfile(hungry, {}, { run: { limits: { memory: 16 * 1024 * 1024 } } }),
    /exit code: 137: it may have used more memory than --memory allows$/,
  )
  await assert.rejects(
    builds.dockerfile(hungry, {}, { run: { limits: { memory: 1024 } } }),
    /Minimum memory limit allowed is 6MB/,
  )
  const { output } = await builds.dockerfile('FROM busybox\nRUN busybox nproc', {}, { run: { limits: { cpusetCpus: '0' } } })
  assert.equal(output, '1\n')
})

test('a step that fails says what it had, and no values', options, async () => {
  const text = `FROM busybox
ENV PASSWORD=hidden1
USER app
WORKDIR /w
RUN --network=none --mount=target=/m --mount=type=cache,target=/c --mount=type=secret,id=s --mount=type=secret,id=s,env=T exit 3`
  await assert.rejects(
    builds.dockerfile(
      text,
      {},
      { buildArgs: { HTTP_PROXY: 'http://u:hidden2@p' }, run: { secrets: [{ id: 's', value: Buffer.from('hidden3') }] } },
    ),
    (error: GantryError) => {
      assert.match(error.message, /line 5: .*exit code: 3$/)
      assert.equal(
        error.hint,
        'it ran as user "app" in "/w" with no network; variables PATH, PASSWORD, HTTP_PROXY, http_proxy, T (secret); mounts /m (bind, read-only), /c (cache), /run/secrets/s (secret s)',
      )
      assert.ok(!JSON.stringify([error.message, error.hint, error.detail]).match(/hidden[23]/))
      return true
    },
  )
})

test('a step that copies files only to change their owner or mode is noticed', options, async () => {
  const big = 'x'.repeat(1_200_000)
  const warnings = async (text: string): Promise<readonly string[]> => {
    const { events } = await builds.dockerfile(text, { 'app/big': big, 'app/small': 's', 'app/other': big })
    return events.flatMap((event) => (event.kind === 'warning' ? event.message : []))
  }
  const copies = 'RUN in line 3 copies'
  assert.deepEqual(await warnings('FROM busybox\nCOPY app /app\nRUN chown -R 500:501 /app'), [
    `${copies} 3 files (2.4MB) of the layers below, to change nothing but their owner: --chown=500:501 of the COPY that brings them takes no room`,
  ])
  assert.deepEqual(
    await warnings('FROM busybox\nCOPY app /app\nRUN chmod 750 /app/big && chmod 700 /app/other && chown 7 /app/big'),
    [
      `${copies} 2 files (2.4MB) of the layers below, to change nothing but their owner and mode: --chown=7:0 --chmod of the COPY that brings them takes no room`,
    ],
  )
  assert.deepEqual(await warnings('FROM busybox\nCOPY app /app\nRUN chown -R 5 /app/small; echo more >> /app/big'), [])
  assert.deepEqual(await warnings('FROM busybox\nCOPY --chown=5 app /app\nRUN chown -R 5 /app; busybox cp -a /app /copy'), [])
})

test('a step whose programs are for another machine says what is missing', options, async () => {
  // an ELF header of a machine that nobody emulates (EM_AVR32)
  const header = Buffer.alloc(64)
  header.set([0x7f, 0x45, 0x4c, 0x46, 1, 2, 1])
  header.writeUInt16BE(2, 16)
  header.writeUInt16BE(6317, 18)
  const context = await builds.context({ Dockerfile: 'FROM scratch\nCOPY program /program\nRUN ["/program", "x"]' })
  await writeFile(join(context, 'program'), header, { mode: 0o755 })
  await assert.rejects(builds.build({ context, platforms: [{ os: 'linux', architecture: 'loong64' }] }), (error: GantryError) => {
    assert.match(
      error.message,
      /line 3: process "\/program x" cannot run: its programs are for linux\/loong64, and nothing is registered here that runs those$/,
    )
    assert.match(error.hint ?? '', /^install qemu-user-static/)
    return true
  })
  await assert.rejects(builds.build({ context }), /its programs are not for linux\/amd64, as the image says$/)
})

test('a step may write the /etc/hostname of the image, but not what it finds in /etc/hosts', options, async () => {
  const { config } = await builds.dockerfile('FROM busybox\nRUN echo mine > /etc/hostname; echo lost >> /etc/hosts')
  assert.deepEqual(
    (await builds.listing({ config }, 'etc')).filter((line) => line.includes('host')),
    ['644 0:0 etc/hostname "mine\\n"'],
  )
})
