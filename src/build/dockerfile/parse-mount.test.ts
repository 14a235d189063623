import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isGantryError } from '../../lib/errors.ts'
import { checkMount, parseMount, type MountOptions } from './parse-mount.ts'

const parse = (text: string): MountOptions => parseMount(text, (word) => word.replaceAll('$V', 'value'))

test('parseMount() reads every key and its other names', () => {
  const plain = { type: 'bind', from: '', source: '', target: '', readOnly: true, size: 0, id: '', required: false }
  assert.deepEqual(parse('target=/t'), { ...plain, target: '/t' })
  assert.deepEqual(parse('TYPE=BIND,from=s,src=/a,dst=/t,rw'), {
    ...plain,
    from: 's',
    source: '/a',
    target: '/t',
    readOnly: false,
  })
  assert.deepEqual(parse('type=cache,destination=/$V,id=i,sharing=LOCKED,mode=0755,uid=1,gid=2'), {
    ...plain,
    type: 'cache',
    target: '/value',
    id: 'i',
    sharing: 'locked',
    mode: 0o755,
    uid: 1,
    gid: 2,
    readOnly: false,
  })
  assert.equal(parse('type=cache,target=/c,ro').readOnly, true)
  assert.equal(parse('type=bind,target=/c,readwrite=0').readOnly, true)
  assert.equal(parse('type=bind,target=/c,readonly=f').readOnly, false)
  assert.deepEqual(parse('type=tmpfs,target=/t,size=64m'), {
    ...plain,
    type: 'tmpfs',
    target: '/t',
    size: 67_108_864,
    readOnly: false,
  })
  assert.deepEqual(parse('type=secret,id=s,required,env=E,mode=0440'), {
    ...plain,
    type: 'secret',
    id: 's',
    required: true,
    env: 'E',
    mode: 0o440,
  })
  assert.equal(parse('type=ssh,required=true').required, true)
  assert.equal(parse('"target=/a,b"').target, '/a,b')
})

test("parseMount() refuses in BuildKit's words", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['type=volume,target=/t', 'unsupported mount type "volume"'],
    ['type=cach,target=/t', 'unsupported mount type "cach" (did you mean cache?)'],
    ['target', "invalid field 'target' must be a key=value pair"],
    ['tgt=/t', "unexpected key 'tgt' in 'tgt=/t' (did you mean dst?)"],
    ['targt=/t', "unexpected key 'targt' in 'targt=/t' (did you mean target?)"],
    ['required,type=secret,id=s', "unexpected key 'required' for mount type 'bind'"],
    ['type=cache,target=/t,required=true', "unexpected key 'required' for mount type 'cache'"],
    ['type=secret,id=s,required=maybe', 'invalid value for required: maybe'],
    ['ro=x', 'invalid value for ro: x'],
    ['size=1m', "unexpected key 'size' for mount type 'bind'"],
    ['type=tmpfs,size=big', 'invalid value for size: big'],
    ['type=cache,sharing=none', 'unsupported sharing value "none"'],
    ['type=tmpfs,target=/t,sharing=shared', 'invalid cache sharing set for tmpfs mount'],
    ['type=cache,mode=9', 'invalid value 9 for mode'],
    ['type=cache,uid=-1', 'invalid value -1 for uid'],
    ['type=cache,gid=4294967296', 'invalid value 4294967296 for gid'],
    ['target=/t,mode=0755', 'mode not allowed for "bind" type mounts'],
    ['type=tmpfs,target=/t,uid=1', 'uid not allowed for "tmpfs" type mounts'],
    ['type=secret', 'invalid secret mount. one of source, target required'],
    ['type=secret,from=x,id=s', 'secret mount should not have a from'],
    ['type=secret,sharing=shared,id=s', 'secret mount should not define sharing'],
    ['type=secret,id=s,source=t', "both source and id can't be set"],
    ['type=ssh,source=x', 'ssh does not support source'],
    ['a"b', 'failed to parse csv mounts: parse error on line 1, column 2: bare " in non-quoted-field'],
  ]
  for (const [text, message] of cases) assert.throws(() => parse(text), { message }, text)
})

test('checkMount() refuses variables in from, and leaves the rest for later', () => {
  assert.throws(() => checkMount('from=$x,target=/t'), {
    message: "'from' doesn't support variable expansion, define alias stage instead",
  })
  assert.throws(() => checkMount('"'), { kind: 'invalid_argument' })
  for (const text of ['type=$T', 'from=a$', 'nonsense', 'target=$x']) checkMount(text)
})

test('parseMount() fails in no other way, whatever it is given', () => {
  const word = fc.constantFrom(
    'type',
    'from',
    'target',
    'mode',
    'uid',
    'size',
    'env',
    '=',
    ',',
    '"',
    'cache',
    'secret',
    '7',
    '/',
    '\0',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word).map((words) => words.join('')),
      ),
      (text) => {
        try {
          checkMount(text)
          parse(text)
        } catch (error) {
          assert.ok(isGantryError(error, 'invalid_argument'))
        }
      },
    ),
    { numRuns: 3000, seed: 3 },
  )
})
