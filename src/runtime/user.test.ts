import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../lib/errors.ts'
import { resolveUser, type ContainerUser, type ReadRootFile } from './user.ts'

const reader =
  (files: Readonly<Record<string, string | Uint8Array>>): ReadRootFile =>
  async (path) => {
    const file = files[path]
    return file === undefined ? undefined : Buffer.from(file)
  }

const passwd = `root:x:0:0:root:/root:/bin/sh
  app:x:1000:1001::/home/app:/bin/sh

nohome:x:5:6
twice:x:7:7::/first:
twice:x:8:8::/second:
bad:x:many:1::/:
huge:x:4294967296:0::/:
12:x:13:13::/thirteen:
`
const group = `root:x:0:
wheel:x:10:root,app
app:x:1001:
video:x:44:other,app
again:x:44:app
nomembers:x:50
bad:x:x:app
`
const etc = reader({ '/etc/passwd': passwd, '/etc/group': group })

test('resolveUser() follows docker (118)', async () => {
  const user = (uid: number, gid: number, additionalGids: readonly number[], home = '/'): ContainerUser => ({
    uid,
    gid,
    additionalGids,
    home,
  })
  const cases: readonly (readonly [string, ContainerUser])[] = [
    ['', user(0, 0, [0, 10], '/root')],
    ['root', user(0, 0, [0, 10], '/root')],
    ['0', user(0, 0, [0, 10], '/root')],
    ['app', user(1000, 1001, [1001, 10, 44], '/home/app')],
    ['1000', user(1000, 1001, [1001, 10, 44], '/home/app')],
    // a group given is the only one
    ['app:video', user(1000, 44, [44], '/home/app')],
    ['app:50', user(1000, 50, [50], '/home/app')],
    ['app:4242', user(1000, 4242, [4242], '/home/app')],
    [':video', user(0, 44, [44], '/root')],
    // numbers need no entry; the group then is 0
    ['4242', user(4242, 0, [0])],
    ['4242:7', user(4242, 7, [7])],
    ['4242:video', user(4242, 44, [44])],
    // a number always is an id
    ['12', user(12, 0, [0])],
    ['13', user(13, 13, [13], '/thirteen')],
    ['nohome', user(5, 6, [6])],
    ['twice', user(7, 7, [7], '/first')],
  ]
  for (const [text, expected] of cases) assert.deepEqual(await resolveUser(text, etc), expected, text)
})

test('resolveUser() fails for names that are not there, and ids that cannot be', async () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['nobody', 'USER_NOT_FOUND', /unable to find user nobody: no matching entries in passwd file$/],
    ['bad', 'USER_NOT_FOUND', /no matching entries in passwd file$/],
    ['huge', 'USER_NOT_FOUND', /no matching entries in passwd file$/],
    ['app:nogroup', 'USER_NOT_FOUND', /unable to find group nogroup: no matching entries in group file$/],
    ['app:bad', 'USER_NOT_FOUND', /no matching entries in group file$/],
    ['-1', 'ID_RANGE', /must be in range 0-2147483647$/],
    ['2147483648', 'ID_RANGE', /must be in range/],
    ['0:99999999999', 'ID_RANGE', /must be in range/],
  ]
  for (const [text, code, message] of cases) await assert.rejects(resolveUser(text, etc), { code, message }, text)
  await assert.rejects(resolveUser('app', reader({})), { code: 'USER_NOT_FOUND' })
})

test('resolveUser() does without the files for numbers', async () => {
  assert.deepEqual(await resolveUser('', reader({})), { uid: 0, gid: 0, additionalGids: [0], home: '/' })
  assert.deepEqual(await resolveUser('5:6', reader({})), { uid: 5, gid: 6, additionalGids: [6], home: '/' })
})

test('resolveUser() refuses files without end', async () => {
  await assert.rejects(resolveUser('app', reader({ '/etc/passwd': new Uint8Array(8 * 1024 * 1024 + 1) })), { code: 'TOO_LARGE' })
})

test('resolveUser() answers or refuses whatever the files hold', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string(),
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: fc.constantFrom(':', '\n', '0', '7', 'a', ',', '-') }),
      async (text, first, second) => {
        try {
          const { uid, gid, additionalGids } = await resolveUser(text, reader({ '/etc/passwd': first, '/etc/group': second }))
          for (const id of [uid, gid, ...additionalGids]) assert.ok(Number.isInteger(id) && id >= 0 && id <= 0x7fff_ffff)
          assert.equal(additionalGids[0], gid)
        } catch (error) {
          assert.ok(isGantryError(error))
        }
      },
    ),
  )
})
