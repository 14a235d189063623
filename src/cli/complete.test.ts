import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { complete } from './complete.ts'
import { command as completion } from './commands/completion.ts'
import { commandForms, findCommand } from './commands.ts'

/** The candidates that begin like the last word, and the kinds, as one text. */
const shown = async (line: string): Promise<string> => {
  const words = line.split(' ')
  const { candidates, kinds } = await complete(words)
  const texts = candidates.map(({ text }) => text).filter((text) => text.startsWith(words.at(-1) ?? ''))
  return [...texts, ...kinds.map((kind) => `<${kind}>`)].join(' ')
}

test('complete() knows what may come next', async () => {
  const cases: readonly (readonly [line: string, shown: string])[] = [
    ['pul', 'pull'],
    ['--roo', '--root'],
    ['--root ', '<files>'],
    ['--root /x pul', 'pull'],
    ['--storage-driver ', 'erofs folder'],
    ['image ins', 'inspect'],
    ['image inspect ', '<images>'],
    ['hub ', 'serve'],
    ['pull --pla', '--platform --plain-http'],
    ['pull --platform linux/ar', 'linux/arm64 linux/arm/v7'],
    ['pull --platform=linux/arm/', '--platform=linux/arm/v7'],
    ['pull -q ', '<images>'],
    ['tag a ', '<images>'],
    ['tag a b ', ''],
    ['rmi a b ', '<images>'],
    ['inspect ', '<containers> <images>'],
    ['rm ', '<containers>'],
    ['stop -t ', ''],
    ['stop -t 5 ', '<containers>'],
    ['load -i ', '<files>'],
    ['build -f ', '<files>'],
    ['build ', '<files>'],
    ['import ', '<files>'],
    ['import file ', '<images>'],
    ['run --rm -it ', '<images>'],
    ['run --name x --pull ', 'always missing never'],
    ['run --name x --pull n', 'never'],
    ['run image --r', ''],
    ['completion ', 'bash zsh fish'],
    ['nonsense ', ''],
    ['help pul', 'pull'],
  ]
  for (const [line, expected] of cases) assert.equal(await shown(line), expected, line)
  assert.ok(!(await shown('')).includes('__complete'))
})

test('complete() answers something for any words', async () => {
  const word = fc.oneof(fc.string({ maxLength: 8 }), fc.constantFrom('pull', 'image', 'run', '--platform', '-it', '--', '-', '='))
  await fc.assert(fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => void (await complete(words))))
})

test('every form of a command finds one', () => {
  for (const [form, summary] of commandForms()) {
    assert.ok(findCommand(form.split(' ')), form)
    assert.ok(summary, form)
  }
})

const hasBash = spawnSync('bash', ['--version']).status === 0

test('the script for bash gives words as bash cuts them', { skip: hasBash ? false : 'needs bash' }, async () => {
  let script = ''
  const context = { write: (text: string) => (script = text) } as unknown as Parameters<typeof completion.run>[0]
  await completion.run(context, ['bash'], {})
  // a gantry that knows one image
  const program = `gantry() { printf '%s\\n' 'localhost:5000/app:1' 'local'$'\\tsummary'; }
    ${script}
    for line in 'gantry pull ' 'gantry pull localhost:50' 'gantry rmi localhost:5000/app:'; do
      COMP_LINE=$line COMP_POINT=\${#line}
      _gantry
      printf '%s|' "\${COMPREPLY[@]}"
      echo
    done`
  const { stdout, stderr } = spawnSync('bash', ['-c', program], { encoding: 'utf8' })
  assert.equal(stderr, '')
  assert.deepEqual(stdout.split('\n').slice(0, 3), ['localhost:5000/app:1|local|', '5000/app:1|local|', '1|local|'])
})
