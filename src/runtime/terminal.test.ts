import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { containersSkip, TestSandbox } from './test-sandbox.ts'

test('attachContainer() connects a real terminal', { skip: containersSkip('crun', 'tmux') }, async () => {
  await using sandbox = await TestSandbox.create()
  const spec = sandbox.spec(['sh'], { terminal: true, interactive: true, env: ['PS1=box# '] })
  const place = sandbox.place(spec)
  const from = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href)
  const program = join(sandbox.base, 'terminal.mjs')
  await writeFile(
    program,
    `import { attachContainer, resizeTerminal } from ${from('attach.ts')}
     import { createContainer, startContainer } from ${from('container.ts')}
     import { waitContainer } from ${from('wait.ts')}
     const { tools, options } = ${JSON.stringify({ tools: sandbox.tools, options: { spec, folder: place.folder, root: await sandbox.root() } })}
     const place = { id: options.spec.id, folder: options.folder }
     const { stdin, stdout } = process
     const again = process.argv[2] === 'again'
     if (!again) await createContainer(tools, { ...options, readRootFile: async () => undefined })
     const { result } = attachContainer(place.folder, { stdin, stdout }, { terminal: true })
     const resize = () => resizeTerminal(place.folder, { rows: stdout.rows, columns: stdout.columns })
     resize()
     stdout.on('resize', resize)
     stdin.setRawMode(true)
     if (!again) await startContainer(tools, place)
     const how = await result
     stdin.setRawMode(false)
     console.log(how === 'ended' ? 'status ' + (await waitContainer(tools, place)) : how)
     process.exit()`,
  )
  const socket = join(sandbox.base, 'tmux')
  const tmux = (...words: readonly string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...words], { encoding: 'utf8' })
  const screen = async (pattern: RegExp): Promise<void> => {
    for (let tries = 0; tries < 500; tries++) {
      if (pattern.test(tmux('capture-pane', '-p', '-t', 'box'))) return
      await sleep(10)
    }
    assert.fail(`no ${pattern} on the screen:\n${tmux('capture-pane', '-p', '-t', 'box')}`)
  }
  const type = (...keys: readonly string[]): string => tmux('send-keys', '-t', 'box', ...keys)
  tmux('new-session', '-d', '-s', 'box', '-x', '80', '-y', '24', 'sh')
  try {
    type(`'${process.execPath}' '${program}'`, 'Enter')
    await screen(/^box#$/m)
    type('stty size; tty', 'Enter')
    await screen(/^24 80\n\/dev\/pts\/0$/m)
    tmux('resize-window', '-t', 'box', '-x', '101', '-y', '30')
    await sleep(200)
    type('stty size', 'Enter')
    await screen(/^30 101$/m)
    type('sleep 100', 'Enter')
    await sleep(50)
    type('C-c')
    type('echo "after $?"', 'Enter')
    await screen(/^after 130$/m)
    type('C-p', 'C-q')
    await screen(/^box# detached$/m)
    type(`'${process.execPath}' '${program}' again`, 'Enter')
    await sleep(300)
    type('Enter')
    type('echo back; exit 4', 'Enter')
    await screen(/^back\s+status 4$/m)
  } finally {
    tmux('kill-server')
  }
})
