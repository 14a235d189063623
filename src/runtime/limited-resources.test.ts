import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitedResources } from './limited-resources.ts'
import type { ResourceLimits } from './interfaces.ts'
import { parseUlimit, resourceLimits } from './ulimits.ts'

const mega = 1024 * 1024
const able = { cgroupsWritable: true, limitsSwap: true }
const limit = (limits: ResourceLimits, host = able): unknown => limitedResources({ id: 'x', limits }, host)

test('limitedResources() limits what docker limits', () => {
  assert.equal(limit({}), undefined)
  assert.deepEqual(limit({ memory: 64 * mega }), { memory: { limit: 64 * mega, swap: 128 * mega } })
  assert.deepEqual(limit({ memory: 64 * mega, memorySwap: -1 }), { memory: { limit: 64 * mega, swap: -1 } })
  assert.deepEqual(limit({ memory: 64 * mega }, { ...able, limitsSwap: false }), { memory: { limit: 64 * mega } })
  assert.deepEqual(limit({ cpuShares: 2, cpuPeriod: 3, cpuQuota: 4, cpusetCpus: '0-1,3', cpusetMems: '0' }), {
    cpu: { shares: 2, period: 3, quota: 4, cpus: '0-1,3', mems: '0' },
  })
  assert.throws(() => limit({ memory: mega }), /Minimum memory limit allowed is 6MB$/)
  assert.throws(() => limit({ memorySwap: 64 * mega }), /should always set the Memory limit/)
  assert.throws(() => limit({ memory: 64 * mega, memorySwap: 32 * mega }), /memoryswap limit should be larger than memory limit$/)
  assert.throws(() => limit({ cpusetCpus: '0;1' }), /Invalid value 0;1 for cpuset$/)
  assert.throws(() => limit({ memory: 64 * mega }, { ...able, cgroupsWritable: false }), { code: 'NO_CGROUPS' })
})

test("parseUlimit() reads docker's ulimits", () => {
  assert.deepEqual(parseUlimit('nofile=512:1024'), { type: 'RLIMIT_NOFILE', soft: 512, hard: 1024 })
  assert.deepEqual(parseUlimit('core=0'), { type: 'RLIMIT_CORE', soft: 0, hard: 0 })
  assert.equal(parseUlimit('memlock=-1').hard, Number.MAX_SAFE_INTEGER)
  for (const [text, message] of [
    ['nofile', 'invalid ulimit argument: nofile'],
    ['nofile=x', 'invalid ulimit argument: nofile=x'],
    ['nofile=1:2:3', 'invalid ulimit argument: nofile=1:2:3'],
    ['toString=1', 'invalid ulimit type: toString'],
    ['nofile=2:1', 'ulimit soft limit must be less than or equal to hard limit: 2 > 1'],
    ['nofile=-1:1', 'ulimit soft limit must be less than or equal to hard limit: -1 > 1'],
  ] as const)
    assert.throws(() => parseUlimit(text), { message })
  assert.deepEqual(resourceLimits(['nofile=5'], { openFiles: 100 }), [{ type: 'RLIMIT_NOFILE', soft: 5, hard: 5 }])
  assert.deepEqual(resourceLimits([], { openFiles: 100 }), [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 100 }])
})
