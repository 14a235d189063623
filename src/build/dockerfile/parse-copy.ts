import { heredocText, parseHeredocMark, type HeredocMark } from './heredoc.ts'
import { parseFlags } from './flags.ts'
import type { CopySources, InlineFile } from './instruction.ts'
import { invalid, listArguments, type InstructionRequest, type Parsed } from './instruction-request.ts'

/** Flags that ADD and COPY share. */
const shared = { chown: 'text', chmod: 'text', link: 'boolean', exclude: 'list' } as const

const argumentsOf = (request: InstructionRequest): readonly string[] => {
  const words = listArguments(request.rest)
  if (words.length >= 2) return words
  const reason = `requires at least two arguments, but only one was provided. Destination could not be determined`
  throw invalid(`${request.command} ${reason}`)
}

const markOf = (word: string): HeredocMark | undefined => (word.includes('<<') ? parseHeredocMark(word) : undefined)

const sourcesOf = (
  request: InstructionRequest,
  words: readonly string[],
  flags: { readonly chown: string | undefined; readonly chmod: string | undefined; readonly link: boolean | undefined } & {
    readonly exclude: readonly string[]
  },
): CopySources => {
  const destination = words.at(-1) ?? ''
  if (markOf(destination) !== undefined) throw invalid(`${request.command} cannot accept a heredoc as a destination`)
  const sources: string[] = []
  const inline: InlineFile[] = []
  for (const word of words.slice(0, -1)) {
    const mark = markOf(word)
    if (mark === undefined) {
      sources.push(word)
      continue
    }
    const heredoc = request.line.heredocs.findLast((one) => one.name === mark.name)
    const content = heredoc === undefined ? '' : heredocText({ ...heredoc, stripTabs: mark.stripTabs })
    inline.push({ name: mark.name, content, expand: mark.expand })
  }
  return {
    sources,
    inline,
    destination,
    link: flags.link ?? false,
    exclude: flags.exclude,
    ...(flags.chown === undefined ? {} : { chown: flags.chown }),
    ...(flags.chmod === undefined ? {} : { chmod: flags.chmod }),
  }
}

export const parseCopy = (request: InstructionRequest): Parsed<'copy'> => {
  const words = argumentsOf(request)
  const flags = parseFlags(request.flags, { ...shared, from: 'text', parents: 'boolean' })
  return {
    kind: 'copy',
    ...sourcesOf(request, words, flags),
    parents: flags.parents ?? false,
    ...(flags.from === undefined || flags.from === '' ? {} : { from: flags.from }),
  }
}

export const parseAdd = (request: InstructionRequest): Parsed<'add'> => {
  const words = argumentsOf(request)
  const flags = parseFlags(request.flags, { ...shared, checksum: 'text', 'keep-git-dir': 'boolean', unpack: 'boolean' })
  const keep = flags['keep-git-dir']
  return {
    kind: 'add',
    ...sourcesOf(request, words, flags),
    ...(flags.checksum === undefined ? {} : { checksum: flags.checksum }),
    ...(keep === undefined ? {} : { keepGitFolder: keep }),
    ...(flags.unpack === undefined ? {} : { unpack: flags.unpack }),
  }
}
