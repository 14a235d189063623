import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { copy } from '../../src/content/copy.ts'
import { openDiskStore } from '../../src/content/disk-store/disk-store.ts'
import type { ContentSink } from '../../src/content/interfaces.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { createRegistryClient } from '../../src/remote/index.ts'
import { randomImage, randomIndex } from '../../src/testing/random-image.ts'
import { TestGantry } from '../support.ts'

const small = { layers: 1, files: 1 }

/** Puts what `make` writes into a registry under the tags. */
const publish = async (
  domain: string,
  path: string,
  tags: readonly string[],
  make: (sink: ContentSink) => Promise<Descriptor>,
): Promise<Descriptor> => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-publish-'))
  try {
    const store = await openDiskStore({ folder })
    using client = createRegistryClient()
    return await copy(store, client.repository({ domain, path }, { mountFrom: [] }), { from: await make(store), to: tags })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const withHub = async (work: (gantry: TestGantry, host: string) => Promise<void>): Promise<void> => {
  // images need no root
  await using gantry = new TestGantry({ GANTRY_STORAGE_DRIVER: 'folder' })
  await work(gantry, await gantry.hub())
}

test('pull --platform fills one index, and images --tree shows what is here', async () => {
  await withHub(async (gantry, host) => {
    const index = await publish(host, 'multi', ['1'], async (sink) => await randomIndex(sink, { ...small, attestation: true }))
    const name = `${host}/multi:1`
    assert.equal(
      gantry.run('pull', '--platform', 'linux/amd64,linux/arm64', name),
      `1: Pulling from multi\nDigest: ${index.digest}\nStatus: Downloaded newer image for ${name}\n${name}\n`,
    )
    const tree = (): readonly string[] =>
      gantry
        .run('images', '--tree')
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/ +/g, ' ').trimEnd())
    const [heading, image, amd64, arm64, arm] = tree()
    assert.equal(heading, 'IMAGE ID DISK USAGE CONTENT SIZE EXTRA')
    assert.match(image ?? '', new RegExp(`^${name} ${index.digest.slice(7, 19)} [\\d.]+kB [\\d.]+kB$`))
    assert.match(amd64 ?? '', /^├─ linux\/amd64 [0-9a-f]{12} [\d.]+k?B [\d.]+k?B$/)
    assert.match(arm64 ?? '', /^├─ linux\/arm64\/v8 [0-9a-f]{12} [\d.]+k?B [\d.]+k?B$/)
    assert.match(arm ?? '', /^└─ linux\/arm\/v7 [0-9a-f]{12} 0B 0B not here$/)
    gantry.run('pull', '-q', '--platform', 'linux/arm/v7', name)
    assert.equal(tree().length, 5)
    assert.ok(!tree().some((line) => line.endsWith('not here')))
    assert.equal(gantry.run('images').split('\n').length, 3, 'one row for all platforms')
    const architecture = (...flags: readonly string[]): string =>
      gantry.run('image', 'inspect', '-f', '{{.Architecture}}', ...flags, name).trim()
    assert.deepEqual([architecture('--platform', 'linux/arm64'), architecture('--platform', 'linux/arm/v7')], ['arm64', 'arm'])
    const missing = gantry.try(['image', 'inspect', '--platform', 'linux/s390x', name])
    assert.deepEqual([missing.status, missing.stdout], [1, '[]\n'])
    assert.match(
      missing.stderr,
      /was found but does not provide the specified platform \(linux\/s390x\)\nhint: here it has linux\/amd64/,
    )
    assert.match(gantry.try(['pull', '--platform', 'all,linux/arm64', name]).stderr, /--platform all cannot be combined/)
  })
})

test('pull --all-tags and push --all-tags go on after a failure', async () => {
  await withHub(async (gantry, host) => {
    for (const tag of ['1', '2']) await publish(host, 'app', [tag], async (sink) => await randomImage(sink, small))
    const name = `${host}/app`
    const pulled = gantry.run('pull', '-a', name)
    assert.match(
      pulled,
      /^1: Pulling from app\nDigest: sha256:\w+\n2: Pulling from app\nDigest: sha256:\w+\nStatus: Downloaded newer/,
    )
    assert.ok(pulled.endsWith(`Status: Downloaded newer image for ${name}\n${name}\n`))
    assert.equal(gantry.run('pull', '--all-tags', '-q', name), `${name}\n`)
    const foreign = [{ os: 'linux', architecture: 's390x' }]
    await publish(host, 'app', ['0'], async (sink) => await randomIndex(sink, { ...small, platforms: foreign }))
    const partly = gantry.try(['pull', '-a', name])
    assert.equal(partly.status, 1)
    assert.match(partly.stderr, new RegExp(`gantry pull ${name}:0: .*no matching manifest for linux/amd64`))
    assert.match(partly.stdout, /2: Pulling from app/)
    for (const verb of ['pull', 'push']) {
      const tagged = gantry.try([verb, '-a', `${name}:1`])
      assert.deepEqual([tagged.status, tagged.stderr], [1, `gantry ${verb}: tag can't be used with --all-tags/-a\n`])
    }
    for (const tag of ['1', '2']) gantry.run('tag', `${name}:1`, `${host}/other:${tag}`)
    assert.match(
      gantry.run('push', '-a', `${host}/other`),
      /^The push refers to repository \[127\.0\.0\.1:\d+\/other\]\n1: digest: sha256:\w+ size: \d+\n2: digest: sha256:\w+ size: \d+\n$/,
    )
    assert.equal(gantry.run('push', '-aq', `${host}/other`), `${host}/other\n`)
  })
})

test('pull of a name with tag and digest prints what docker prints', async () => {
  await withHub(async (gantry, host) => {
    const { digest } = await publish(host, 'app', ['1'], async (sink) => await randomImage(sink, small))
    const short = `${host}/app@${digest}`
    const full = `${host}/app:1@${digest}`
    assert.equal(
      gantry.run('pull', full),
      `${short}: Pulling from app\nDigest: ${digest}\nStatus: Downloaded newer image for ${short}\n${full}\n`,
    )
    assert.equal(gantry.run('images', '--format', '{{.Repository}} {{.Tag}}'), `${host}/app <none>\n`)
    assert.equal(gantry.run('images', '-q', '--filter', 'dangling=true').length, 13)
    gantry.run('pull', '-q', `${host}/app:1`)
    assert.equal(
      gantry.run('images', '--format', '{{.Repository}} {{.Tag}}'),
      `${host}/app 1\n`,
      'the digest has no row beside the tag',
    )
    assert.equal(
      gantry.run('inspect', '-f', '{{json .RepoTags}} {{json .RepoDigests}}', full),
      `["${host}/app:1"] ["${short}"]\n`,
    )
  })
})

test('an image for another machine is pulled with a warning', async () => {
  await withHub(async (gantry, host) => {
    const arm = { os: 'linux', architecture: process.arch === 'arm64' ? 's390x' : 'arm64' }
    await publish(host, 'foreign', ['latest'], async (sink) => await randomImage(sink, { ...small, platform: arm }))
    const { status, stderr } = gantry.try(['pull', `${host}/foreign`])
    assert.equal(status, 0)
    assert.match(
      stderr,
      /^WARNING: The requested image's platform \(linux\/\S+\) does not match the detected host platform \(linux\/\S+\)/m,
    )
    const denied = gantry.try(['run', '--platform', 'linux/riscv64', '--pull', 'never', `${host}/foreign`])
    assert.equal(denied.status, 125)
    assert.match(denied.stderr, /was found but does not provide the specified platform \(linux\/riscv64\)/)
  })
})

test('tags, catalog and search list what a registry has', async () => {
  await withHub(async (gantry, host) => {
    const tags = ['latest', '1.10', '1.9', '1.10-slim']
    const { digest } = await publish(
      host,
      'team/app',
      tags,
      async (sink) => await randomIndex(sink, { ...small, attestation: true }),
    )
    await publish(host, 'web', ['1'], async (sink) => await randomImage(sink, small))
    assert.equal(gantry.run('tags', `${host}/team/app`), 'TAG\nlatest\n1.10\n1.9\n1.10-slim\n')
    assert.equal(gantry.run('tags', '-q', '--limit', '1', '--filter', '1.*', `${host}/team/app`), '1.10\n')
    const [heading, first] = gantry.run('tags', '-v', '--sort', 'pushed', `${host}/team/app`).split('\n')
    assert.match(heading ?? '', /^TAG +DIGEST +CREATED +SIZE +PLATFORMS$/)
    assert.match(
      first ?? '',
      new RegExp(`^\\S+ +${digest.slice(0, 19)} +\\d+ \\w+ ago +[\\d.]+kB +linux/amd64, linux/arm64/v8, linux/arm/v7$`),
    )
    assert.equal(gantry.run('tags', '--format', '{{.Digest}}', '--limit', '1', `${host}/team/app`), `${digest}\n`)
    assert.match(gantry.try(['tags', `${host}/team/ap`]).stderr, /hint: did you mean "127\.0\.0\.1:\d+\/team\/app"\?/)
    assert.equal(gantry.run('catalog', host), 'team/app\nweb\n')
    assert.equal(gantry.run('catalog', '--filter', 'team/*', '--format', '{{.Repository}}', host), `${host}/team/app\n`)
    assert.match(gantry.run('search', `${host}/app`), /^NAME +DESCRIPTION +STARS +OFFICIAL\n127\.0\.0\.1:\d+\/team\/app +0 +\n$/)
    const json = gantry.run('search', '--format', 'json', `${host}/app`)
    assert.equal(json, `{"Description":"","IsOfficial":"false","Name":"${host}/team/app","StarCount":"0"}\n`)
    assert.match(gantry.try(['search', '--limit', '101', 'x']).stderr, /Limit 101 is outside the range of \[1, 100\]/)
  })
})

test('save --platform and load --platform', async () => {
  await withHub(async (gantry, host) => {
    await publish(host, 'multi', ['1'], async (sink) => await randomIndex(sink, small))
    const name = `${host}/multi:1`
    gantry.run('pull', '-q', '--platform', 'all', name)
    gantry.run('save', '--platform', 'linux/arm64', '-o', 'arm64.tar', name)
    gantry.run('save', '-o', 'all.tar', name)
    gantry.run('rmi', name)
    assert.equal(gantry.run('load', '-i', 'arm64.tar'), `Loaded image: ${name}\n`)
    assert.equal(gantry.run('inspect', '-f', '{{.Architecture}}', name), 'arm64\n')
    gantry.run('rmi', name)
    gantry.run('load', '-q', '--platform', 'linux/arm/v7', '-i', 'all.tar')
    assert.equal(gantry.run('images', '--tree').match(/not here/g)?.length, 2)
    assert.equal(gantry.run('untag', name), `Untagged: ${name}\n`)
    assert.match(gantry.run('images'), /<none> +<none>/)
  })
})
