import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { startDockerRegistry } from '../../src/testing/docker-registry.ts'
import { lacking, sh, TestGantry } from '../support.ts'

const skip = lacking(['crun', 'conmon', 'busybox', 'docker-registry', 'htpasswd', 'openssl', 'podman', 'skopeo'], { root: true })

/** Runs a peer with input; answers its status. */
const run = (command: readonly [string, ...string[]], input: string, environment: NodeJS.ProcessEnv): number | null =>
  spawnSync(command[0], command.slice(1), { input, env: { ...process.env, ...environment } }).status

test('gantry, podman and skopeo share credentials of a registry with TLS and passwords', { skip }, async () => {
  await using gantry = new TestGantry()
  const [certificate, key] = [gantry.path('cert.pem'), gantry.path('key.pem')]
  const subject = ['-subj', '/CN=registry', '-addext', 'subjectAltName=IP:127.0.0.1']
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
  sh(['openssl', ...request, '-keyout', key, '-out', certificate, ...subject])
  const htpasswd = sh(['htpasswd', '-Bbn', 'ann', 'pass:word']).trim()
  await using registry = await startDockerRegistry({ htpasswd, tls: { certificate, key } })
  const name = `${registry.host}/team/app:1`
  const config = gantry.path('docker', 'config.json')
  gantry.busybox(name)

  // its certificate is asked for, and found where podman and docker have theirs
  const login = ['login', '--tls-verify', '--plain-text', '-u', 'ann', '--password-stdin', registry.host]
  const untrusted = gantry.try(login, { input: 'pass:word' })
  assert.match(untrusted.stderr, /its certificate cannot be trusted: it is signed by an unknown authority/)
  const certs = gantry.path('config', 'containers', 'certs.d', registry.host)
  mkdirSync(certs, { recursive: true })
  writeFileSync(`${certs}/ca.crt`, sh(['cat', certificate]))
  assert.equal(gantry.try(login, { input: 'pass:word' }).stdout, 'Login Succeeded\n')
  gantry.run('push', '--tls-verify', name)

  // what gantry wrote
  assert.equal(sh(['podman', 'login', '--authfile', config, '--get-login', registry.host]).trim(), 'ann')
  const inspect = ['skopeo', 'inspect', '--cert-dir', certs, '--authfile', config, '--format', '{{.Name}}', `docker://${name}`]
  assert.equal(sh(inspect).trim(), `${registry.host}/team/app`)
  gantry.run('logout', registry.host)
  assert.throws(() => sh(inspect))

  // what podman writes, for the registry and for a part of it
  const authFile = gantry.path('config', 'containers', 'auth.json')
  for (const target of [registry.host, `${registry.host}/team`]) {
    const podman = ['podman', 'login', '--cert-dir', certs, '--authfile', authFile, '-u', 'ann', '--password-stdin'] as const
    assert.equal(run([...podman, target], 'pass:word', {}), 0)
    assert.equal(gantry.run('login', '--get-login', target), 'ann\n')
    gantry.run('rmi', name)
    gantry.run('pull', '--tls-verify', name)
    assert.match(gantry.run('logout', target), /^Removing login credentials for /)
    assert.equal(run(['podman', 'login', '--authfile', authFile, '--get-login', target], '', {}), 125)
  }

  // what is encrypted, skopeo cannot read
  const encrypted = gantry.try(['login', '-u', 'ann', '--password-stdin', `${registry.host}/team`], { input: 'pass:word' })
  assert.equal(encrypted.status, 0, encrypted.stderr)
  gantry.run('push', name)
  assert.throws(() => sh(inspect))
})
