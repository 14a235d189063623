import assert from 'node:assert/strict'
import { test } from 'node:test'
import { networkFiles } from './network-files.ts'

const host = { hosts: '127.0.0.1 localhost\n10.0.0.1 me', resolvConf: '# kept\nnameserver 10.0.0.2\n' }

test('networkFiles() gives standard names, or those of the host', () => {
  const none = networkFiles({ network: 'none' }, 'box', host)
  assert.match(none.hosts, /^127\.0\.0\.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n/)
  assert.deepEqual([none.hostname, none.resolvConf], ['box\n', host.resolvConf])
  const shared = networkFiles({ network: 'host', extraHosts: ['db:10.0.0.9', 'six:fe80::1', 'seven=[::7]'] }, 'box', host)
  assert.equal(shared.hosts, '127.0.0.1 localhost\n10.0.0.1 me\n10.0.0.9\tdb\nfe80::1\tsix\n::7\tseven\n')
  assert.match(networkFiles({ network: 'host' }, 'box', { hosts: '', resolvConf: '' }).hosts, /localhost/)
})

test('networkFiles() refuses what would write other lines', () => {
  for (const text of [
    '',
    'db',
    'db:',
    ':1.2.3.4',
    'db:host',
    'a b:1.2.3.4',
    'db:1.2.3.4\n6.6.6.6 bank',
    'db\n:1.2.3.4',
    'db:1.2.3.4 x',
  ])
    assert.throws(() => networkFiles({ network: 'none', extraHosts: [text] }, 'box', host), { code: 'BAD_HOST' }, text)
})
