import { posix } from 'node:path'
import type { AddInstruction, CopyInstruction } from '../dockerfile/instruction.ts'
import { PatternMatcher, type IgnoreFile } from '../ignore.ts'
import type { Linter } from './linter.ts'

const everything = new Set(['*', '**', '**/*'])
const remote = /^(?:https?|git|ssh):\/\/|^git@[^/:]+:/

/** Files of the context that a COPY or ADD names and that an ignore file keeps out. Files with exceptions cannot be judged by names alone. */
export const lintIgnored = (
  linter: Linter,
  instruction: AddInstruction | CopyInstruction,
  { file, lines }: IgnoreFile,
  expanded: (word: string) => string,
): void => {
  if (lines.length === 0 || lines.some(({ pattern }) => pattern.startsWith('!'))) return
  if (instruction.kind === 'copy' && instruction.from !== undefined) return
  const matcher = new PatternMatcher(lines.map(({ pattern }) => pattern))
  for (const word of instruction.sources) {
    const source = expanded(word)
    if (remote.test(source)) continue
    const path = posix.normalize(source).replace(/(?<=.)\/$/, '')
    if ((path === '.' || path === '/') && !lines.some(({ pattern }) => everything.has(pattern))) continue
    const { matched, rule } = matcher.matchPath(path)
    const by = rule === undefined ? undefined : lines[rule]
    if (!matched || by === undefined) continue
    const verb = instruction.kind === 'add' ? 'Add' : 'Copy'
    linter.report(
      'CopyIgnoredFile',
      instruction,
      `Attempting to ${verb} file "${path}" that is excluded by .dockerignore`,
      path === '.' || path === '/'
        ? `take "${by.pattern}" in line ${by.line} of ${file} back with exceptions such as !src, or name what is copied`
        : `put !${path} below line ${by.line} ("${by.pattern}") of ${file}, or take the line out`,
    )
  }
}
