import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProcess } from '../lib/process.ts'

/** Why tests with certificates cannot run here, or false. */
export const noOpenssl: string | false = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed'

/** Made by openssl in a temporary folder: `ca.crt`; by it `server` (this machine), `other` (another host), `client`. Disposing removes them. */
export interface TestCertificates extends AsyncDisposable {
  readonly path: (name: string) => string
  readonly pem: (name: string) => Promise<string>
  /** For the server of a test. */
  readonly tls: (name?: 'server' | 'other') => Promise<{ readonly cert: string; readonly key: string }>
  /** A folder like certs.d with files for a host, by their names there. */
  readonly certsFor: (host: string, files: Readonly<Record<string, string>>) => Promise<string>
}

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

export const makeCertificates = async (): Promise<TestCertificates> => {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-tls-'))
  const path = (name: string): string => join(folder, name)
  const pem = async (name: string): Promise<string> => await readFile(path(name), 'utf8')
  const openssl = async (...args: readonly string[]): Promise<void> => {
    const { status, stderr } = await runProcess('openssl', args, { cwd: folder })
    assert.equal(status, 0, stderr.toString())
  }
  const sign = async (name: string, extension: string): Promise<void> => {
    await writeFile(path(`${name}.ext`), extension)
    await openssl('req', ...curve, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`)
    const by = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-days', '2']
    await openssl('x509', '-req', '-in', `${name}.csr`, ...by, '-out', `${name}.cert`, '-extfile', `${name}.ext`)
  }
  await openssl('req', '-x509', ...curve, '-keyout', 'ca.key', '-out', 'ca.crt', '-subj', '/CN=test', '-days', '2')
  await sign('server', 'subjectAltName=IP:127.0.0.1,IP:::1')
  await sign('other', 'subjectAltName=DNS:other.example')
  await sign('client', 'extendedKeyUsage=clientAuth')
  return {
    path,
    pem,
    tls: async (name = 'server') => ({ cert: await pem(`${name}.cert`), key: await pem(`${name}.key`) }),
    certsFor: async (host, files) => {
      const certs = await mkdtemp(path('certs-'))
      await mkdir(join(certs, host))
      for (const [name, from] of Object.entries(files)) await copyFile(path(from), join(certs, host, name))
      return certs
    },
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true }),
  }
}
