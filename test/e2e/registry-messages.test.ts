import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { emptyDescriptor } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-type.ts'
import { refuse, startFaultyRegistry } from '../../src/testing/faulty-registry.ts'
import { TestGantry } from '../support.ts'

test('what a registry warns of and why it refuses is told on stderr', async () => {
  await using registry = await startFaultyRegistry()
  await using gantry = new TestGantry()
  // not try(): the registry is in this process
  const run = async (...args: readonly string[]) => {
    const child = gantry.start(...args)
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)])
    return { status: await ended, stdout, stderr }
  }
  const manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: emptyDescriptor, layers: [] }
  registry.addManifest('a/b', 'v1', manifest)
  registry.fault((_request, response) => void response.setHeader('warning', '299 - "this registry closes in May"'))
  assert.deepEqual(await run('tags', '-q', `${registry.host}/a/b`), {
    status: 0,
    stdout: 'v1\n',
    stderr: 'warning: this registry closes in May\n',
  })
  const headers = { 'retry-after': '7200', warning: '299 - "busy until May"' }
  registry.fault(({ path }, response) => path !== '/v2/' && refuse(response, 429, 'TOOMANYREQUESTS', 'slow down', headers))
  const { status, stdout, stderr } = await run('pull', `${registry.host}/a/b:v1`)
  assert.deepEqual([status, stdout], [1, ''])
  assert.equal(
    stderr.replaceAll(registry.host, 'HOST'),
    `warning: busy until May
gantry pull: Cannot pull "HOST/a/b:v1": toomanyrequests: too many requests
hint: wait 2 hours, or log in for a higher limit: gantry login HOST
`,
  )
})
