import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { collect } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { CliContext } from './command.ts'

const needTerminal = (context: CliContext): void => {
  if (!context.stdin.isTTY)
    throw new GantryError('failed_precondition', 'NO_TERMINAL', 'Cannot ask for credentials: standard input is not a terminal', {
      hint: 'give --username and --password-stdin',
    })
}

/** Asks on stderr for a line; needs a terminal. */
export const askLine = async (context: CliContext, question: string): Promise<string> => {
  needTerminal(context)
  const lines = createInterface({ input: context.stdin, output: context.stderr })
  try {
    return (await lines.question(question, { signal: context.signal })).trim()
  } finally {
    lines.close()
  }
}

/** Asks for a line that is not shown while it is typed. */
export const askSecret = async (context: CliContext, question: string): Promise<string> => {
  needTerminal(context)
  context.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: context.stdin, output: silent, terminal: true })
  try {
    return await lines.question('', { signal: context.signal })
  } finally {
    lines.close()
    context.stderr.write('\n')
  }
}

/** All of a stream as text, 64 KiB at most. */
export const readAll = async (stream: AsyncIterable<Uint8Array>): Promise<string> =>
  (await collect(stream, 65_536, 'standard input')).toString('utf8')
