import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { openLayout } from '../../src/content/layout.ts'
import { randomIndex } from '../../src/testing/random-image.ts'
import { TestGantry } from '../support.ts'

test('image mirror copies what differs, and goes on after a failure', async () => {
  await using gantry = new TestGantry()
  const host = await gantry.hub()
  const layout = await openLayout(gantry.path('layout'), { create: true })
  await layout.tag('one', await randomIndex(layout, { seed: 1 }))
  await layout.tag('two', await randomIndex(layout, { seed: 2 }))
  for (const [image, name] of [
    ['one', 'app:1.9'],
    ['one', 'app:1.10'],
    ['two', 'app:2.0-rc1'],
    ['one', 'team/tool:1'],
  ])
    gantry.run('image', 'copy', '-q', `oci:layout:${image}`, `${host}/from/${name}`)
  writeFileSync(
    gantry.path('mirror.toml'),
    `[[mirror]]
source = "${host}/from/missing"
target = "${host}/to/missing"
[[mirror]]
source = "${host}/from/app"
target = "${host}/to/app"
referrers = true
tags = { deny = ["*-rc*"] }
[[mirror]]
source = "${host}/from/team/tool"
target = "oci:tools"
platforms = ["linux/amd64", "linux/arm64"]
[[mirror]]
registry = "${host}"
repositories.allow = ["from/team/*"]
target = "${host}/all"
`,
  )
  const mirror = (...args: readonly string[]): readonly string[] => {
    const { status, stdout, stderr } = gantry.try(['image', 'mirror', ...args, 'mirror.toml'])
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`^gantry image mirror: ${host}/from/missing -> ${host}/to/missing: .*does not exist`, 'm'))
    return stdout.trim().split('\n')
  }
  assert.equal(mirror('--dry-run').at(-1), '4 would be copied, 0 up to date, 1 failed')
  const first = mirror()
  assert.deepEqual(
    first.toSorted(),
    [
      `${host}/from/app:1.10 -> ${host}/to/app:1.10: copied`,
      `${host}/from/app:1.9 -> ${host}/to/app:1.9: copied`,
      `${host}/from/team/tool:1 -> ${host}/all/from/team/tool:1: copied`,
      `${host}/from/team/tool:1 -> oci:${gantry.path('tools')}:1: copied`,
      '4 copied, 0 up to date, 1 failed',
    ].toSorted(),
  )
  assert.deepEqual(mirror('-q'), ['0 copied, 4 up to date, 1 failed'])
  gantry.run('artifact', 'attach', '-q', '--artifact-type', 'a/b', '-a', 'x=y', `${host}/from/app:1.9`)
  // both tags are the same image, and are looked at side by side
  assert.match(mirror('-q').at(-1) ?? '', /^(?:1 copied, 3|2 copied, 2) up to date, 1 failed$/)
  assert.match(gantry.run('referrers', `${host}/to/app:1.10`), /a\/b/)
  const newest = ['image', 'mirror', '--newest', '1', '--tag', '1.*', `${host}/from/app`, `${host}/newest/app`]
  assert.match(gantry.run(...newest), /^\S+\/from\/app:1\.10 -> \S+: copied\n1 copied, 0 up to date, 0 failed\n$/)
  assert.match(
    gantry.try(['image', 'mirror', 'nothing.toml']).stderr,
    /Cannot read "nothing\.toml": ENOENT.*\nhint: name a mirror file/,
  )
  assert.equal(gantry.try(['image', 'mirror', '--newest', '1', 'mirror.toml']).status, 2)
})
