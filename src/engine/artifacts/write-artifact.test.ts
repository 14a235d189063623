import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { archiveReferrers } from '../../content/archive-referrers.ts'
import { openLayout } from '../../content/layout.ts'
import { streamOf } from '../../lib/bytes.ts'
import { describe, emptyDescriptor, parseManifest } from '../../oci/manifest.ts'
import { titleOf, type PackedFile } from './pack-file.ts'
import { writeArtifact } from './write-artifact.ts'

const file = (title: string, content: string): PackedFile => ({
  descriptor: { ...describe(Buffer.from(content), 'text/plain'), annotations: { 'org.opencontainers.image.title': title } },
  open: () => streamOf(Buffer.from(content)),
})

test('writeArtifact() writes what the specification asks of artifacts, the same bytes each time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-artifact-'))
  try {
    const layout = await openLayout(join(folder, 'layout'), { create: true })
    const plain = await writeArtifact(layout, { files: [file('a', 'a')] }, { to: 'plain' })
    const manifest = parseManifest(layout.read(plain))
    assert.equal(manifest.artifactType, 'application/vnd.unknown.artifact.v1', 'required with an empty config')
    assert.deepEqual(manifest.config, emptyDescriptor)
    assert.equal(layout.read(emptyDescriptor).toString(), '{}')

    const about = {
      subject: { ...plain, annotations: { not: 'kept' } },
      files: [],
      artifactType: 'a/b',
      annotations: { z: '1', a: '2' },
    }
    const attached = await writeArtifact(layout, about)
    assert.deepEqual(await writeArtifact(layout, about), attached)
    const { layers, subject } = parseManifest(layout.read(attached))
    assert.deepEqual([layers, subject], [[emptyDescriptor], plain])
    assert.match(layout.read(attached).toString(), /"annotations":\{"a":"2","z":"1"\}/)
    assert.deepEqual(await archiveReferrers(layout, plain.digest), [
      { ...attached, artifactType: 'a/b', annotations: { a: '2', z: '1' } },
    ])
    assert.equal((await layout.resolve('')).digest, plain.digest, 'what refers to an image does not hide that it is the only one')

    const config = { ...file('c', '{"a":1}'), descriptor: describe(Buffer.from('{"a":1}'), 'application/x.config+json') }
    const typed = parseManifest(layout.read(await writeArtifact(layout, { files: [file('a', 'a')], config })))
    assert.deepEqual([typed.artifactType, typed.config], [undefined, config.descriptor])
    await assert.rejects(writeArtifact(layout, { files: [file('a', 'a'), file('a', 'b')] }), { code: 'TITLE_TWICE' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('titleOf() keeps a path below a folder, and only the name of another', () => {
  const titles = ['a', './a/b/', 'a/../b', '/x/y', '../../z', 'a/b/c.txt'].map(titleOf)
  assert.deepEqual(titles, ['a', 'a/b', 'b', 'y', 'z', 'a/b/c.txt'])
})
