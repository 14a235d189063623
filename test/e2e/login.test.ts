import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startDockerRegistry } from '../../src/testing/docker-registry.ts'
import { lacking, sh, TestGantry } from '../support.ts'

const skip = lacking(['crun', 'conmon', 'busybox', 'docker-registry', 'htpasswd'], { root: true })

test('login keeps what a private registry accepts, logout forgets it', { skip }, async () => {
  await using gantry = new TestGantry()
  const users = sh(['htpasswd', '-Bbn', 'ann', 'pass:word']).trim()
  await using registry = await startDockerRegistry({ htpasswd: users })
  const name = `${registry.host}/private/app:1`
  gantry.busybox(name)
  const denied = gantry.try(['push', name])
  assert.equal(denied.status, 1)
  assert.match(denied.stderr, /denied|unauthorized|authentication required/)

  const wrong = gantry.try(['login', '-u', 'ann', '--password-stdin', registry.host], { input: 'wrong\n' })
  assert.equal(wrong.status, 1)
  assert.doesNotMatch(wrong.stderr + wrong.stdout, /wrong/)
  const right = gantry.try(['login', '-u', 'ann', '--password-stdin', registry.host], { input: 'pass:word\n' })
  assert.equal(right.stdout, 'Login Succeeded\n')
  assert.match(right.stderr, /stored unencrypted in '.*config\.json'/)
  const config = JSON.parse(readFileSync(gantry.path('docker', 'config.json'), 'utf8')) as {
    auths: Record<string, { auth: string }>
  }
  assert.equal(Buffer.from(config.auths[registry.host]?.auth ?? '', 'base64').toString(), 'ann:pass:word')

  gantry.run('push', name)
  gantry.run('rmi', name)
  gantry.run('pull', name)
  assert.equal(gantry.run('logout', registry.host), `Removing login credentials for ${registry.host}\n`)
  assert.equal(gantry.run('logout', registry.host), `Not logged in to ${registry.host}\n`)
  gantry.run('rmi', name)
  assert.equal(gantry.try(['pull', name]).status, 1)
})
