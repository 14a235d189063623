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
  const encrypted = gantry.try(['login', '-u', 'ann', '--password-stdin', registry.host], { input: 'pass:word\n' })
  assert.equal(encrypted.stdout, 'Login Succeeded\n')
  assert.match(encrypted.stderr, /stored in '.*gantry-credentials\.json', encrypted with a key of this user on this machine\./)
  assert.match(encrypted.stderr, /docker and podman cannot read them there; --plain-text shares/)
  gantry.run('push', name)
  assert.equal(gantry.run('login', '--get-login', registry.host), 'ann\n')
  assert.equal(gantry.run('login', registry.host), 'Login Succeeded\n')
  gantry.run('logout', registry.host)
  const nobody = gantry.try(['login', '--get-login', registry.host])
  assert.deepEqual([nobody.status, nobody.stderr.split('\n')[0]], [1, `gantry login: not logged into ${registry.host}`])

  const plain = ['login', '--plain-text', '-u', 'ann', '--password-stdin', registry.host]
  const right = gantry.try(plain, { input: 'pass:word\n' })
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
