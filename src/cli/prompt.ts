import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { collect } from '../lib/bytes.ts'
import { GantryError } from '../lib/errors.ts'
import type { CliContext } from './command.ts'

type Terminal = Pick<CliContext, 'stdin' | 'stderr' | 'signal'>

const needTerminal = (context: Terminal): void => {
  if (!context.stdin.isTTY)
    throw new GantryError('failed_precondition', 'NO_TERMINAL', 'Cannot ask for credentials: standard input is not a terminal', {
      hint: 'give --username and --password-stdin',
    })
}

/** Asks on stderr for a line; needs a terminal. */
export const askLine = async (context: Terminal, question: string): Promise<string> => {
  needTerminal(context)
  const lines = createInterface({ input: context.stdin, output: context.stderr })
  try {
    return (await lines.question(question, { signal: context.signal })).trim()
  } finally {
    lines.close()
  }
}

/** Asks for a line that is not shown while it is typed. */
export const askSecret = async (context: Terminal, question: string): Promise<string> => {
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

/** Asks for the passphrase of encrypted credentials, twice if it is a new one. */
export const askPassphrase = async (context: Terminal, isNew: boolean): Promise<string> => {
  const first = await askSecret(context, isNew ? 'New passphrase for stored credentials: ' : 'Passphrase of stored credentials: ')
  if (!isNew || first === (await askSecret(context, 'The same again: '))) return first
  throw new GantryError('invalid_argument', 'PASSPHRASES_DIFFER', 'Cannot use the passphrase: it was typed in two ways')
}

/** All of a stream as text, 64 KiB at most. */
export const readAll = async (stream: AsyncIterable<Uint8Array>): Promise<string> =>
  (await collect(stream, 65_536, 'standard input')).toString('utf8')
