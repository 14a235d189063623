import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { version } from '../src/cli/version.ts'
import { checkout, freePort, lacking, TestGantry } from './support.ts'

const readme = readFileSync(join(checkout, 'README.md'), 'utf8')

/** The indented command blocks of a section. */
const commands = (section: string): string => {
  const body = readme.split(/^## /m).find((part) => part.startsWith(section))
  assert.ok(body, `the README has a section "${section}"`)
  return body
    .split('\n')
    .filter((line) => line.startsWith('    '))
    .map((line) => line.slice(4))
    .join('\n')
}

test('the README has the two commands, word for word', () => {
  assert.match(commands('The two commands'), /^npm ci && npm start\b/m)
  assert.match(commands('The two commands'), /^npm ci && npm test\b/m)
})

test(
  'the sixty seconds of the README work',
  { skip: lacking(['crun', 'conmon', 'busybox', 'curl'], { root: true }) },
  async () => {
    await using gantry = new TestGantry()
    const [hub, web] = [await freePort(), await freePort()]
    const script = commands('Sixty seconds')
      .replaceAll(
        'hub serve &',
        `hub serve --listen 127.0.0.1:${hub} &\nhub=$!\ntrap 'kill $hub' EXIT\nfor i in $(seq 100); do curl -sf http://127.0.0.1:${hub}/v2/ && break; sleep 0.1; done`,
      )
      .replaceAll('127.0.0.1:5000', `127.0.0.1:${hub}`)
      .replaceAll('8081', String(web))
      .replace('curl http', 'curl -sS --retry 20 --retry-connrefused --retry-delay 1 http')
    try {
      const result = spawnSync('bash', ['-euc', script], {
        cwd: checkout,
        env: gantry.environment,
        encoding: 'utf8',
        timeout: 300_000,
      })
      assert.equal(result.status, 0, result.stderr + result.stdout)
      assert.match(result.stdout, /<h1>Hello from a container<\/h1>/)
    } finally {
      rmSync(join(checkout, 'examples', 'hello', 'busybox'), { force: true })
    }
  },
)

test('links between documents lead somewhere', () => {
  for (const file of ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: checkout })]) {
    const text = readFileSync(join(checkout, file), 'utf8')
    for (const [, link = ''] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (!/^https?:/.test(link)) assert.ok(existsSync(join(checkout, dirname(file), link)), `${file} links to ${link}`)
    }
  }
})

test('package.json, the changelog and the program agree on the version', () => {
  const { version: packaged } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { readonly version: string }
  assert.equal(packaged, version)
  assert.match(readFileSync(join(checkout, 'CHANGELOG.md'), 'utf8'), new RegExp(`^## ${version.replaceAll('.', '\\.')}\\b`, 'm'))
})
