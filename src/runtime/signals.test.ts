import assert from 'node:assert/strict'
import { test } from 'node:test'
import { signalNumber } from './signals.ts'

test('signalNumber() takes what docker takes', () => {
  const cases: Readonly<Record<string, number>> = {
    '9': 9,
    '64': 64,
    KILL: 9,
    SIGKILL: 9,
    sigterm: 15,
    hup: 1,
    WINCH: 28,
    RTMIN: 34,
    'SIGRTMIN+3': 37,
    'rtmax-1': 63,
    RTMAX: 64,
  }
  for (const [text, number] of Object.entries(cases)) assert.equal(signalNumber(text), number, text)
  for (const text of ['', '0', '65', '-9', '9x', 'SIG', 'NOPE', 'RTMIN-1', 'RTMAX+1', 'RTMIN+31', 'RTMIN3', '1e1', 'SIGSIGKILL'])
    assert.throws(
      () => signalNumber(text),
      { kind: 'invalid_argument', code: 'INVALID_SIGNAL', message: `Cannot send signal "${text}": invalid signal: ${text}` },
      text,
    )
})
