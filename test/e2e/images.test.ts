import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { lacking, TestGantry } from '../support.ts'

const skip = lacking(['crun', 'conmon', 'busybox'], { root: true })

test('build, push, rmi, pull, run: an image goes to a hub and comes back', { skip }, async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  const name = `${host}/team/hello`
  gantry.busybox(name)
  const id = gantry.run('images', '-q', '--no-trunc').trim()
  assert.match(id, /^sha256:[0-9a-f]{64}$/)

  const push = gantry.run('push', name)
  assert.match(push, /^Using default tag: latest\nThe push refers to repository \[127\.0\.0\.1:\d+\/team\/hello\]\n/)
  const digest = /latest: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(push)?.[1]
  assert.ok(digest)
  assert.equal(gantry.run('images', '-q', '--no-trunc').trim(), id, 'pushing does not change the image ID')

  assert.match(gantry.run('rmi', name), new RegExp(`^Untagged: ${name}:latest\nDeleted: ${id}\n$`))
  assert.equal(gantry.run('images', '-q'), '')

  const pull = gantry.run('pull', name)
  assert.equal(
    pull,
    `Using default tag: latest\nlatest: Pulling from team/hello\nDigest: ${digest}\nStatus: Downloaded newer image for ${name}:latest\n${name}:latest\n`,
  )
  assert.equal(gantry.run('images', '-q', '--no-trunc').trim(), id)
  assert.match(gantry.run('pull', name), /Status: Image is up to date for/)
  assert.equal(gantry.run('pull', '-q', name), `${name}:latest\n`)
  assert.equal(gantry.run('run', '--rm', name, 'echo', 'hello'), 'hello\n')
})

test('pull of a tag that is not published names the tags that are', { skip }, async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  gantry.busybox(`${host}/app:1.0`)
  gantry.run('tag', `${host}/app:1.0`, `${host}/app:1.10`)
  gantry.run('push', `${host}/app:1.0`)
  gantry.run('push', `${host}/app:1.10`)
  const result = gantry.try(['pull', `${host}/app`])
  assert.equal(result.status, 1)
  assert.match(result.stdout, /^Using default tag: latest\n/)
  assert.match(result.stderr, /manifest for 127\.0\.0\.1:\d+\/app:latest not found: manifest unknown/)
  assert.match(result.stderr, /hint: these tags exist: 1\.10, 1\.0; try 'gantry pull 127\.0\.0\.1:\d+\/app:1\.10'/)
})

test('rmi gives the space back', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('one')
  gantry.run('rmi', 'one')
  gantry.run('build', '-q', '-t', 'other', gantry.context({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: 'a' }))
  gantry.run('rmi', 'other')
  const blobs = readdirSync(gantry.path('root', 'content', 'blobs', 'sha256'))
  assert.deepEqual(blobs, [])
})

test('tag, history, inspect and images speak of the same image', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('base')
  const context = gantry.context({
    Dockerfile:
      'FROM base\nENV A=1 B="two words"\nCOPY a.txt /w/\nWORKDIR /w\nLABEL x=y\nEXPOSE 80\nUSER 1000\nCMD ["cat", "a.txt"]\n',
    'a.txt': 'text\n',
  })
  gantry.run('build', '-q', '-t', 'app:1', context)
  gantry.run('tag', 'app:1', 'app:2')
  const [image] = JSON.parse(gantry.run('inspect', 'app:2')) as [Record<string, unknown>]
  assert.deepEqual(image.RepoTags, ['app:1', 'app:2'])
  const config = image.Config as Record<string, unknown>
  assert.deepEqual(config.Env, ['PATH=/bin', 'A=1', 'B=two words'])
  assert.deepEqual(config.Cmd, ['cat', 'a.txt'])
  assert.deepEqual(
    [config.User, config.WorkingDir, config.Labels, config.ExposedPorts],
    ['1000', '/w', { x: 'y' }, { '80/tcp': {} }],
  )
  const history = gantry.run('history', '--no-trunc', 'app:1')
  assert.match(history, /CMD \["cat" "a\.txt"\]/)
  assert.match(history, /COPY a\.txt \/w\/ # buildkit/)
  assert.match(gantry.run('images'), /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n/)
  assert.equal(
    gantry.run('images', '--format', '{{.Repository}}:{{.Tag}}', 'app').split('\n').toSorted().join(' ').trim(),
    'app:1 app:2',
  )
  assert.equal(gantry.run('run', '--rm', 'app:1'), 'text\n')
  assert.match(gantry.try(['rmi', String(image.Id)]).stdout, /Untagged: app:1\nUntagged: app:2\nDeleted: sha256:/)
})

test('save and load keep the image', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('keep:me')
  const id = gantry.run('images', '-q', '--no-trunc')
  gantry.run('save', '-o', 'image.tar', 'keep:me')
  gantry.run('rmi', 'keep:me')
  assert.equal(gantry.run('load', '-i', 'image.tar'), 'Loaded image: keep:me\n')
  assert.equal(gantry.run('images', '-q', '--no-trunc'), id)
  assert.equal(gantry.run('run', '--rm', 'keep:me', 'echo', 'loaded'), 'loaded\n')
  gantry.run('rmi', 'keep:me')
  assert.equal(gantry.try(['load'], { input: readFileSync(gantry.path('image.tar')) }).stdout, 'Loaded image: keep:me\n')
  assert.ok(statSync(gantry.path('image.tar')).size > 0)
  const broken = gantry.path('broken.tar')
  const bytes = readFileSync(gantry.path('image.tar'))
  await import('node:fs/promises').then(async ({ writeFile }) => await writeFile(broken, bytes.subarray(0, bytes.length / 2)))
  rmSync(gantry.path('root'), { recursive: true })
  const result = gantry.try(['load', '-i', broken])
  assert.equal(result.status, 1)
  assert.equal(gantry.run('images', '-q'), '')
})

test('import makes an image of a root file system', { skip }, async () => {
  await using gantry = new TestGantry()
  gantry.busybox('base')
  gantry.run('save', '-o', 'base.tar', 'base')
  const folder = gantry.context({ 'etc/motd': 'imported\n', 'bin/keep': '' })
  const { sh, busyboxPath } = await import('../support.ts')
  sh(['cp', busyboxPath(), `${folder}/bin/busybox`])
  sh(['tar', '-C', folder, '-czf', gantry.path('rootfs.tar.gz'), '.'])
  const id = gantry
    .run('import', '-c', 'CMD ["/bin/busybox", "cat", "/etc/motd"]', '-m', 'by hand', 'rootfs.tar.gz', 'imported:1')
    .trim()
  assert.match(id, /^sha256:[0-9a-f]{64}$/)
  assert.equal(gantry.run('run', '--rm', 'imported:1'), 'imported\n')
  assert.match(gantry.run('history', 'imported:1'), /by hand/)
})

test('a moved tag leaves the older image as a dangling one', { skip }, async () => {
  await using gantry = new TestGantry()
  for (const text of ['1', '2'])
    gantry.run('build', '-q', '-t', 'moving', gantry.context({ Dockerfile: 'FROM scratch\nCOPY a /a\n', a: text }))
  assert.match(gantry.run('images'), /<none> +<none>/)
  assert.equal(gantry.run('images', '-q').trim().split('\n').length, 2)
})

test('errors say what cannot be done and what to try', { skip }, async () => {
  await using gantry = new TestGantry()
  const unknown = gantry.try(['pul'])
  assert.equal(unknown.status, 2)
  assert.match(unknown.stderr, /unknown command: gantry pul\nhint: did you mean 'gantry pull'/)
  assert.equal(gantry.try(['pull']).status, 2)
  assert.equal(gantry.try(['pull', '--nope', 'x']).status, 2)
  assert.equal(gantry.try(['run', '--nope', 'x']).status, 125)
  assert.match(gantry.try(['pull', 'Upper/Case:1:2']).stderr, /invalid reference format/)
  const refused = gantry.try(['pull', '127.0.0.1:1/nothing'])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /refused[\s\S]*hint: /)
  assert.match(gantry.try(['rmi', 'nothing']).stderr, /No such image: nothing:latest/)
  assert.match(gantry.try(['push', 'nothing']).stderr, /An image does not exist locally with the tag: nothing/)
  assert.equal(existsSync(gantry.path('root', 'containers')), false)
})
