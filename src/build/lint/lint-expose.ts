import type { Instruction } from '../dockerfile/instruction.ts'
import { write } from './fixes.ts'
import type { Linter } from './linter.ts'

/** The rules about the words of EXPOSE. */
export const lintExpose = (
  linter: Linter,
  instruction: Extract<Instruction, { kind: 'expose' }>,
  words: (text: string) => readonly string[],
): void => {
  const { name, text, ports } = instruction
  for (const word of ports.flatMap(words)) {
    const colon = word.lastIndexOf(':')
    const [published, container] = [word.slice(0, Math.max(0, colon)), word.slice(colon + 1)]
    const [port = '', protocol = ''] = container.split('/')
    const lower = protocol.toLowerCase()
    // anything else is refused
    if (port === '' || !['', 'tcp', 'udp', 'sctp'].includes(lower)) continue
    const rewritten = (by: string): string => write(text.includes(word) ? text.replace(word, by) : `${name} ${by}`)
    if (protocol !== lower)
      linter.report(
        'ExposeProtoCasing',
        instruction,
        `Defined protocol '${word}' in EXPOSE instruction should be lowercase`,
        rewritten(word.slice(0, word.length - protocol.length) + lower),
      )
    if (/[^:]/.test(published))
      linter.report(
        'ExposeInvalidFormat',
        instruction,
        `EXPOSE instruction should not define an IP address or host-port mapping, found '${word}'`,
        `${rewritten(container)}, and publish with run --publish ${word}`,
      )
  }
}
