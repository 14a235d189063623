import type { Instruction } from '../dockerfile/instruction.ts'

/** A part of an instruction in which the builder substitutes variables. */
export interface ExpandedWord {
  readonly text: string
  /** The text of a heredoc: quotes mean nothing, and `\` escapes. */
  readonly heredoc?: true
}

/**
 * What the builder substitutes variables in, for the instructions that take variables as they stand; those of EXPOSE are not looked
 * at by BuildKit's rule, those of ARG depend on each other, and RUN, CMD and ENTRYPOINT leave theirs to the shell.
 */
export const expandedWords = (instruction: Instruction): readonly ExpandedWord[] => {
  switch (instruction.kind) {
    case 'add':
    case 'copy': {
      const { chown = '', chmod = '', sources, destination, inline } = instruction
      const checksum = instruction.kind === 'add' ? (instruction.checksum ?? '') : ''
      const words = [chown, chmod, checksum, ...sources, destination].map((text) => ({ text }))
      return [...words, ...inline.filter((one) => one.expand).map(({ content }) => ({ text: content, heredoc: true as const }))]
    }
    case 'env':
    case 'label':
      return instruction.pairs.flatMap(({ key, value }) => [{ text: key }, { text: value }])
    case 'run':
      return instruction.mounts.map((text) => ({ text }))
    case 'workdir':
      return [{ text: instruction.path }]
    case 'user':
      return [{ text: instruction.user }]
    case 'stopsignal':
      return [{ text: instruction.signal }]
    case 'volume':
      return instruction.volumes.map((text) => ({ text }))
    case 'arg':
    case 'cmd':
    case 'entrypoint':
    case 'expose':
    case 'healthcheck':
    case 'maintainer':
    case 'onbuild':
    case 'shell':
      return []
  }
}
