import { parseFlags } from './flags.ts'
import type { FromInstruction, Instruction, KeyValue } from './instruction.ts'
import {
  arrayOrText,
  atLeastOne,
  commandLine,
  exactlyOne,
  invalid,
  listArguments,
  type InstructionRequest,
  type Parsed,
} from './instruction-request.ts'
import type { LogicalLine } from './lines.ts'
import { parseAdd, parseCopy } from './parse-copy.ts'
import { parseHealthcheck } from './parse-healthcheck.ts'
import { parseRun } from './parse-run.ts'
import { didYouMean } from './suggest.ts'
import { cutBlanks, splitBlanks, trimSpace } from './text.ts'
import { splitInstruction, splitWords } from './words.ts'

const only = (request: InstructionRequest): string => {
  parseFlags(request.flags, {})
  if (request.rest === '') throw exactlyOne(request.command)
  return request.rest
}

const parsers: Readonly<Record<string, (request: InstructionRequest) => Parsed>> = {
  ADD: parseAdd,
  ARG: (request) => {
    const words = splitWords(request.rest, request.escape)
    if (words.length === 0) throw atLeastOne('ARG')
    return { kind: 'arg', args: words.map(parseArg) }
  },
  CMD: (request) => {
    parseFlags(request.flags, {})
    return { kind: 'cmd', command: commandLine(request.rest) }
  },
  COPY: parseCopy,
  ENTRYPOINT: (request) => {
    parseFlags(request.flags, {})
    return { kind: 'entrypoint', command: commandLine(request.rest) }
  },
  ENV: (request) => ({ kind: 'env', ...parsePairs(request) }),
  EXPOSE: (request) => {
    if (request.rest === '') throw atLeastOne('EXPOSE')
    parseFlags(request.flags, {})
    return { kind: 'expose', ports: splitBlanks(request.rest).sort() }
  },
  FROM: (request) => parseFrom(request),
  HEALTHCHECK: parseHealthcheck,
  LABEL: (request) => ({ kind: 'label', ...parsePairs(request) }),
  MAINTAINER: (request) => ({ kind: 'maintainer', maintainer: only(request) }),
  ONBUILD: (request) => parseOnbuild(request),
  RUN: parseRun,
  SHELL: (request) => {
    parseFlags(request.flags, {})
    const shell = arrayOrText(request.rest)
    if (shell.length === 0) throw atLeastOne('SHELL')
    if (typeof shell === 'string')
      throw invalid(`SHELL requires the arguments to be in JSON form: ${trimSpace(request.line.text)}`)
    return { kind: 'shell', shell }
  },
  STOPSIGNAL: (request) => {
    if (request.rest === '') throw exactlyOne('STOPSIGNAL')
    return { kind: 'stopsignal', signal: request.rest }
  },
  USER: (request) => ({ kind: 'user', user: only(request) }),
  VOLUME: (request) => {
    const volumes = listArguments(request.rest).map(trimSpace)
    if (volumes.length === 0) throw atLeastOne('VOLUME')
    parseFlags(request.flags, {})
    if (volumes.includes('')) throw invalid('VOLUME specified can not be an empty string')
    return { kind: 'volume', volumes }
  },
  WORKDIR: (request) => ({ kind: 'workdir', path: only(request) }),
}

const parseArg = (word: string): { readonly key: string; readonly value?: string } => {
  const equals = word.indexOf('=')
  if (equals < 0) return { key: word }
  if (equals === 0) throw invalid('ARG names can not be blank')
  return { key: word.slice(0, equals), value: word.slice(equals + 1) }
}

/** `KEY=VALUE …`, or the old form `KEY the rest of the line`: the first word decides. */
const parsePairs = (request: InstructionRequest): { readonly pairs: readonly KeyValue[]; readonly legacy: boolean } => {
  const { command, rest } = request
  parseFlags(request.flags, {})
  const words = splitWords(rest, request.escape)
  if (words[0] === undefined) throw atLeastOne(command)
  if (!words[0].includes('=')) {
    const [key, value] = cutBlanks(rest)
    if (value === undefined) throw invalid(`${command} must have two arguments`)
    return { pairs: [{ key, value }], legacy: true }
  }
  const pairs = words.map((word) => {
    const equals = word.indexOf('=')
    if (equals < 0) throw invalid(`Syntax error - can't find = in "${word}". Must be of the form: name=value`)
    if (equals === 0) throw invalid(`${command} names can not be blank`)
    return { key: word.slice(0, equals), value: word.slice(equals + 1) }
  })
  return { pairs, legacy: false }
}

const parseFrom = (request: InstructionRequest): Parsed<'from'> => {
  const words = request.rest === '' ? [] : splitBlanks(request.rest)
  const [image = '', as, name] = words
  const named = words.length === 3 && as?.toLowerCase() === 'as'
  if (!named && words.length !== 1) throw invalid('FROM requires either one or three arguments')
  const alias = named ? name?.toLowerCase() : undefined
  if (alias !== undefined && !/^[a-z][a-z0-9-_.]*$/.test(alias))
    throw invalid(`invalid name for build stage: "${name}", name can't start with a number or contain symbols`)
  const { platform } = parseFlags(request.flags, { platform: 'text' })
  return {
    kind: 'from',
    image,
    ...(platform === undefined || platform === '' ? {} : { platform }),
    ...(alias === undefined ? {} : { alias, as: { keyword: as ?? '', name: name ?? '' } }),
  }
}

const parseOnbuild = (request: InstructionRequest): Parsed<'onbuild'> => {
  if (request.rest === '') throw atLeastOne('ONBUILD')
  parseFlags(request.flags, {})
  const trigger = splitInstruction(request.rest, request.escape)
  const command = trigger.name.toUpperCase()
  if (command === 'ONBUILD') throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  if (command === 'MAINTAINER' || command === 'FROM') throw invalid(`${command} isn't allowed as an ONBUILD trigger`)
  arrayOrText(trigger.rest)
  const bodies = request.line.heredocs.map(({ name, content }) => `\n${content}${name}`)
  return { kind: 'onbuild', expression: request.rest + bodies.join('') }
}

/** Parses one instruction. `invalid_argument` in BuildKit's words, to which the caller adds the place. */
export const parseInstruction = (line: LogicalLine, escape: string): Instruction | FromInstruction => {
  const { name, flags, rest } = splitInstruction(line.text, escape)
  const command = name.toUpperCase()
  const parser = Object.hasOwn(parsers, command) ? parsers[command] : undefined
  if (parser === undefined) throw invalid(`unknown instruction: ${name}${didYouMean(name, Object.keys(parsers), false)}`)
  const parsed = parser({ command, flags, rest, escape, line })
  return { ...parsed, name, text: trimSpace(line.text), range: line.range, comments: line.comments }
}
