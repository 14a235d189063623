import assert from 'node:assert/strict'
import { lstatSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { missingMountPoints, removeMountPoints } from './mount-points.ts'

describe('missingMountPoints()', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'gantry-points-'))
    await mkdir(join(root, 'etc'))
    await mkdir(join(root, 'real/inside'), { recursive: true })
    await writeFile(join(root, 'etc/hosts'), '')
    await symlink('/real/inside', join(root, 'absolute'))
    await symlink('../../../real/./inside', join(root, 'relative'))
    await symlink('/nowhere/there', join(root, 'dangling'))
    await symlink('loop', join(root, 'loop'))
    await symlink('/etc', join(root, 'real/etc'))
  })
  after(async () => {
    await rm(root, { recursive: true })
  })

  test('finds what the runtime will make, following links inside the root', () => {
    const cases: readonly (readonly [readonly string[], readonly string[], readonly string[]])[] = [
      [['/etc/hosts'], [], []],
      [['/etc/resolv.conf'], ['/etc/resolv.conf'], ['/etc']],
      [['/proc', '/proc/sys', '/process'], ['/proc', '/process'], ['']],
      [['/a/b/c', '/a/b/d'], ['/a', '/a/b', '/a/b/c', '/a/b/d'], ['']],
      [['/absolute/x'], ['/real/inside/x'], ['/real/inside']],
      [['/relative/x'], ['/real/inside/x'], ['/real/inside']],
      [['/real/etc/x'], ['/etc/x'], ['/etc']],
      [['/dangling/x'], ['/nowhere', '/nowhere/there', '/nowhere/there/x'], ['']],
      [['/loop/x'], [], []],
    ]
    for (const [destinations, missing, parents] of cases) {
      const points = missingMountPoints(root, destinations)
      assert.deepEqual(points.missing, missing, destinations.join(' '))
      assert.deepEqual(
        points.parents.map((one) => one.path),
        parents,
        destinations.join(' '),
      )
    }
  })

  test('is undone by removeMountPoints(), but for what was used or is a link now', async () => {
    const points = missingMountPoints(root, ['/a/b', '/used/x', '/file', '/full', '/turned/x'])
    await mkdir(join(root, 'a/b'), { recursive: true })
    await mkdir(join(root, 'used/x'), { recursive: true })
    await writeFile(join(root, 'used/other'), '')
    await writeFile(join(root, 'file'), '')
    await writeFile(join(root, 'full'), 'text')
    await mkdir(join(root, 'elsewhere/x'), { recursive: true })
    await symlink('elsewhere', join(root, 'turned'))
    removeMountPoints({ path: root, mounts: [] }, points)
    const left = readdirSync(root)
    assert.ok(!left.includes('a') && !left.includes('file') && left.includes('full') && left.includes('turned'))
    assert.deepEqual([readdirSync(join(root, 'used')), readdirSync(join(root, 'elsewhere'))], [['other'], ['x']])
    assert.ok(lstatSync(join(root, 'turned')).isSymbolicLink())
  })

  test('is not undone in a root that is only read', async () => {
    const points = missingMountPoints(root, ['/kept'])
    await mkdir(join(root, 'kept'))
    removeMountPoints({ path: root, mounts: [{ kind: 'bind', source: root, target: root, readOnly: true }] }, points)
    removeMountPoints({ path: root, mounts: [{ kind: 'overlay', target: root, lower: [root] }] }, points)
    assert.ok(readdirSync(root).includes('kept'))
    removeMountPoints(
      { path: '/elsewhere', mounts: [{ kind: 'bind', source: root, target: '/elsewhere', readOnly: false }] },
      points,
    )
    assert.ok(!readdirSync(root).includes('kept'))
  })
})
