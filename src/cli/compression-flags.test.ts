import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressionFlags, readCompression } from './compression-flags.ts'
import { parseFlags } from './flags.ts'

const read = (...args: readonly string[]) => readCompression(parseFlags(compressionFlags, args).values)

test('readCompression() forces a compression that is named, unless it is told not to', () => {
  assert.deepEqual(read(), { forceCompression: false })
  assert.deepEqual(read('--compression', 'zstd'), { compression: 'zstd', forceCompression: true })
  assert.deepEqual(read('--compression=gzip', '--force-compression=false'), { compression: 'gzip', forceCompression: false })
  assert.deepEqual(read('--force-compression', '--compression-level=9'), { compressionLevel: 9, forceCompression: true })
})

test('readCompression() refuses compressions and levels that there are not', () => {
  const refused = [
    ['--compression', 'lz4'],
    ['--compression-level', '0'],
    ['--compression-level', '10'],
    ['--compression-level', '1.5'],
    ['--compression-level', ''],
    ['--compression', 'zstd', '--compression-level', '20'],
    ['--compression', 'none', '--compression-level', '1'],
  ]
  for (const args of refused) assert.throws(() => read(...args), { kind: 'invalid_argument', code: 'USAGE' }, args.join(' '))
})
