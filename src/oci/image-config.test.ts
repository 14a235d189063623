import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { GantryError } from '../lib/errors.ts'
import { digestOf } from './digest.ts'
import { configLimit, historySteps, layerHistory, parseImageConfig, platformOf } from './image-config.ts'
import { encodeJson } from './manifest.ts'
import { formatPlatform } from './platform.ts'

const [a, b, c] = [digestOf('a'), digestOf('b'), digestOf('c')]
const rootfs = { type: 'layers', diff_ids: [a, b] } as const
const minimal = { architecture: 'amd64', os: 'linux', rootfs } as const
const parse = (value: unknown) => parseImageConfig(Buffer.from(JSON.stringify(value)))

const full = {
  created: '2024-02-29T12:00:00.123456789Z',
  author: 'x',
  architecture: 'arm64',
  os: 'linux',
  variant: 'v8',
  'os.version': '1',
  'os.features': ['f'],
  config: {
    User: '1000:1000',
    ExposedPorts: { '80/tcp': {} },
    Env: ['PATH=/bin', 'A=1', 'A=2'],
    Entrypoint: ['/e'],
    Cmd: [],
    Volumes: { '/data': {} },
    WorkingDir: '/w',
    Labels: { a: 'b' },
    StopSignal: 'SIGINT',
    ArgsEscaped: true,
    Shell: ['/bin/bash', '-c'],
    OnBuild: ['RUN x'],
    Healthcheck: { Test: ['CMD', 'x'], Interval: 30_000_000_000, Retries: 3 },
    Hostname: 'unknown field',
  },
  container: 'c0ffee',
  container_config: { Image: 'x' },
  docker_version: '20.10',
  'moby.buildkit.cache.v0': 'AAAA',
  history: [
    { created: '0001-01-01T00:00:00Z', created_by: 'x # buildkit', comment: 'y', author: 'z', empty_layer: true, other: 1 },
  ],
  rootfs,
}

describe('parseImageConfig()', () => {
  test('keeps every field, known and unknown, and its order', () => {
    assert.deepEqual(parse(full), full)
    assert.equal(encodeJson(parse(full)).toString(), JSON.stringify(full))
  })

  test('takes null for absent and tells [] from it', () => {
    const { config } = parse({ ...minimal, config: { Cmd: null, Entrypoint: [], Env: null, Labels: null, Healthcheck: null } })
    assert.deepEqual(config, { Entrypoint: [] })
    assert.deepEqual(parse({ ...minimal, config: null, history: null, author: null }), minimal)
  })

  test('keeps the order and the duplicates of Env', () => {
    assert.deepEqual(parse({ ...minimal, config: { Env: ['A=2', 'B', 'A=1'] } }).config?.Env, ['A=2', 'B', 'A=1'])
  })

  test('reads a command of one string', () => {
    assert.deepEqual(parse({ ...minimal, config: { Cmd: 'sh', Entrypoint: 'e' } }).config, { Cmd: ['sh'], Entrypoint: ['e'] })
  })

  test('reads an image of no layers', () => {
    for (const rootfs of [{ type: 'layers' }, { type: 'layers', diff_ids: null }, { type: 'layers', diff_ids: [] }])
      assert.deepEqual(parse({ ...minimal, rootfs }).rootfs.diff_ids, [])
  })

  test('takes linux/amd64 where an old builder named nothing', () => {
    assert.equal(formatPlatform(platformOf(parse({ rootfs }))), 'linux/amd64')
  })

  test('accepts dates of any age and a history of any length', () => {
    for (const created of ['0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', '1980-01-01T00:00:00Z'])
      assert.equal(parse({ ...minimal, created }).created, created)
    assert.equal(parse({ ...minimal, history: [{}, {}, {}] }).history?.length, 3)
  })

  const wrong: readonly (readonly [name: string, value: unknown, message: RegExp])[] = [
    ['null', null, /Cannot read image config is not an object/],
    ['no rootfs', { os: 'linux' }, /"rootfs.type" is not "layers"/],
    ['another rootfs', { rootfs: { type: 'files' } }, /"rootfs.type" is not "layers"/],
    ['a wrong diff ID', { rootfs: { type: 'layers', diff_ids: ['sha256:abc'] } }, /invalid checksum digest length/],
    ['diff IDs that are no list', { rootfs: { type: 'layers', diff_ids: a } }, /"rootfs.diff_ids" is not an array/],
    ['too many layers', { rootfs: { type: 'layers', diff_ids: Array.from({ length: 10_001 }, () => a) } }, /more than 10000/],
    ['Env as an object', { ...minimal, config: { Env: { A: '1' } } }, /"config.Env" is not an array/],
    ['Env of numbers', { ...minimal, config: { Env: [1] } }, /"config.Env\[0\]" is not a string/],
    ['User as a number', { ...minimal, config: { User: 1000 } }, /"config.User" is not a string/],
    ['Labels of numbers', { ...minimal, config: { Labels: { a: 1 } } }, /"config.Labels.a" is not a string/],
    ['ports as a list', { ...minimal, config: { ExposedPorts: ['80'] } }, /"config.ExposedPorts" is not an object/],
    ['a fractional interval', { ...minimal, config: { Healthcheck: { Interval: 1.5 } } }, /whole number/],
    ['a history of texts', { ...minimal, history: ['x'] }, /"history\[0\]" is not an object/],
    [
      'empty_layer as text',
      { ...minimal, history: [{ empty_layer: 'true' }] },
      /"history\[0\].empty_layer" is not true or false/,
    ],
  ]
  for (const [name, value, message] of wrong)
    test(`refuses ${name}`, () => assert.throws(() => parse(value), { name: 'GantryError', message }))

  test('refuses more bytes than the limit', () => {
    assert.throws(() => parseImageConfig(Buffer.alloc(configLimit + 1, ' ')), { kind: 'resource_exhausted' })
  })

  test('refuses random bytes with an invalid_argument error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (noise) => assert.throws(() => parseImageConfig(noise), { kind: 'invalid_argument' })),
      { seed: 10 },
    )
  })

  test('throws nothing but a GantryError, whatever the JSON', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...Object.keys(full), '__proto__'), fc.jsonValue()), (value) => {
        try {
          parse({ ...value, rootfs })
        } catch (error) {
          assert.ok(error instanceof GantryError, String(error))
        }
      }),
      { seed: 11, numRuns: 1000 },
    )
  })

  test('leaves the prototype alone', () => {
    const config = parseImageConfig(Buffer.from(`{"__proto__":{"polluted":1},"rootfs":${JSON.stringify(rootfs)}}`))
    assert.equal((config as unknown as { polluted?: number }).polluted, undefined)
  })
})

const step = (name: string, empty = false) => ({ created_by: name, ...(empty ? { empty_layer: true } : {}) })

describe('historySteps()', () => {
  test('gives each step that is not empty its layer', () => {
    const history = [step('1'), step('2', true), step('3')]
    assert.deepEqual(historySteps(parse({ ...minimal, history })), [
      { entry: history[0], diffId: a },
      { entry: history[1] },
      { entry: history[2], diffId: b },
    ])
  })

  test('puts layers without a history last and leaves further entries without a layer', () => {
    assert.deepEqual(historySteps(parse(minimal)), [{ diffId: a }, { diffId: b }])
    assert.deepEqual(historySteps(parse({ ...minimal, history: [step('1')] })), [{ entry: step('1'), diffId: a }, { diffId: b }])
    const longer = historySteps(parse({ ...minimal, history: [step('1'), step('2'), step('3')] }))
    assert.deepEqual(longer[2], { entry: step('3') })
  })
})

describe('layerHistory()', () => {
  test('has each layer once, in order, whatever the history', () => {
    const entry = fc.record({ empty_layer: fc.boolean(), created_by: fc.string() })
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 6 }),
        fc.array(fc.constantFrom(a, b, c), { maxLength: 5 }),
        (history, diff_ids) => {
          const layers = layerHistory({ ...minimal, history, rootfs: { type: 'layers', diff_ids } })
          assert.deepEqual(
            layers.map(({ diffId }) => diffId),
            diff_ids,
          )
        },
      ),
      { seed: 12 },
    )
  })
})

test('platformOf() normalises', () => {
  assert.deepEqual(platformOf(parse(full)), { os: 'linux', architecture: 'arm64', 'os.version': '1', 'os.features': ['f'] })
})
