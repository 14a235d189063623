import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatChallenge, parseChallenges } from './challenge.ts'

const read = (header: string): readonly unknown[] =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

test('parseChallenges() reads schemes and parameters when they take any form seen in the wild', () => {
  const cases: readonly (readonly [string, readonly unknown[]])[] = [
    [
      'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
      [['bearer', { realm: 'https://auth.example/token', service: 'reg', scope: 'repository:a/b:pull,push' }]],
    ],
    [
      'BEARER Realm = "a\\"b, c=\\\\" , error=insufficient_scope',
      [['bearer', { realm: 'a"b, c=\\', error: 'insufficient_scope' }]],
    ],
    [
      'Basic realm="x", Bearer realm="y",service="z"',
      [
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'y', service: 'z' }],
      ],
    ],
    [
      'Negotiate, Basic',
      [
        ['negotiate', {}],
        ['basic', {}],
      ],
    ],
    [
      'Negotiate YWJj==, Basic realm=x',
      [
        ['negotiate', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    ['Bearer realm="x" service="y"', [['bearer', { realm: 'x', service: 'y' }]]],
    ['Bearer realm=https://auth/token', [['bearer', { realm: 'https://auth/token' }]]],
    ['Bearer realm="one",realm="two",__proto__="x"', [['bearer', { realm: 'one', ['__proto__']: 'x' }]]],
    ['', []],
    ['   ,,, ', []],
    ['"quoted"', []],
    ['Bearer realm="open', [['bearer', {}]]],
  ]
  for (const [header, expected] of cases) assert.deepEqual(read(header), expected, header)
})

test('parseChallenges() reads back what formatChallenge() wrote', () => {
  const name = fc.stringMatching(/^[a-z_]{1,10}$/)
  fc.assert(
    fc.property(fc.dictionary(name, fc.string(), { noNullPrototype: true }), (parameters) => {
      const header = `${formatChallenge('Bearer', parameters)}, ${formatChallenge('Basic', { realm: 'r' })}`
      assert.deepEqual(read(header), [
        ['bearer', parameters],
        ['basic', { realm: 'r' }],
      ])
    }),
  )
})

test('parseChallenges() ends when the header is random or huge', () => {
  const unit = fc.constantFrom('Bearer', ' ', ',', '=', '"', '\\', 'realm', '/', '==', 'é', '\n')
  fc.assert(fc.property(fc.string({ unit, maxLength: 80 }), (text) => void parseChallenges(text)))
  for (const part of ['a ', 'a=', 'a="', ',', 'a=b,', '\\"', 'Bearer realm="x",', '=']) parseChallenges(part.repeat(20_000))
})
