import {
  buildTargets,
  checkBuild,
  describedAs,
  excerpt,
  lintRules,
  outlineBuild,
  ruleUrl,
  type BuildTargets,
  type CheckOptions,
  type DockerfileCheck,
  type Outline,
  type SourceFile,
  type SourceRange,
} from '../engine/check-build.ts'
import { GantryError } from '../lib/errors.ts'
import { csvFields } from '../lib/csv-fields.ts'
import type { CliContext } from './command.ts'
import { alignColumns, goJson } from './go-json.ts'
import { printable } from './render/display-width.ts'

/** `METHOD[,format=json][,ignorestatus]` of `build --call`. */
interface Call {
  readonly method: 'check' | 'outline' | 'targets'
  readonly json: boolean
  readonly ignoreStatus: boolean
}

const invalid = (reason: string): GantryError =>
  new GantryError('invalid_argument', 'USAGE', `invalid argument: ${reason}`, {
    hint: '--call takes build, check, outline or targets, and with a comma ,format=json or ,ignorestatus=true',
  })

/** Reads the value of --call; undefined for `build`. */
export const parseCall = (text: string): Call | undefined => {
  let method: string | undefined
  let json = false
  let ignoreStatus = false
  for (const field of csvFields(text)) {
    const equals = field.indexOf('=')
    const [key, value] = equals < 0 ? [field, undefined] : [field.slice(0, equals), field.slice(equals + 1)]
    if (value === undefined) {
      if (method !== undefined) throw invalid(`invalid print value: ${text}`)
      method = key
    } else if (key === 'format' && (value === 'json' || value === 'text')) json = value === 'json'
    else if (key === 'ignorestatus' && (value === 'true' || value === 'false')) ignoreStatus = value === 'true'
    else throw invalid(`invalid print field: ${field}`)
  }
  if (method === undefined || method === 'build') return undefined
  if (method === 'lint') method = 'check'
  if (method !== 'check' && method !== 'outline' && method !== 'targets') throw invalid(`unknown method "${method}" of --call`)
  return { method, json, ignoreStatus }
}

/** Looks at a Dockerfile without building it, and prints what there is to say; answers the exit status. */
export const runCall = async (
  context: CliContext,
  { method, json, ignoreStatus }: Call,
  options: CheckOptions,
): Promise<number> => {
  switch (method) {
    case 'check': {
      const check = await checkBuild(context.engine, options)
      if (json) context.print(goJson(checkJson(check)))
      else printWarnings(context, check)
      warnOfUnknown(context, check, 'was not checked')
      if (check.error !== undefined) throw check.error
      return check.warnings.length === 0 || ignoreStatus ? 0 : 1
    }
    case 'outline': {
      const outline = await outlineBuild(context.engine, options)
      warnOfUnknown(context, outline, 'is not known')
      if (json) context.print(goJson(outlineJson(outline)))
      else context.write(outlineText(outline))
      return 0
    }
    case 'targets': {
      const targets = await buildTargets(context.engine, options)
      context.print(json ? goJson(targetsJson(targets)) : targetsText(targets))
      return 0
    }
  }
}

const warnOfUnknown = (context: CliContext, { unknown }: Pick<DockerfileCheck, 'unknown'>, what: string): void => {
  for (const { reference, reason } of unknown)
    context.warn(`warning: what depends on the base image "${printable(reference)}" ${what}: ${printable(reason)}`)
}

/** Text whose line breaks stay. */
const lines = (text: string): string => text.split('\n').map(printable).join('\n')

/** As buildx prints them, and how to mend each, and why. */
const printWarnings = (context: CliContext, { warnings, error }: DockerfileCheck): void => {
  if (warnings.length > 0)
    context.print(`Check complete, ${warnings.length === 1 ? '1 warning has' : `${warnings.length} warnings have`} been found!`)
  for (const { rule, detail, range, fix } of warnings) {
    context.print(`\nWARNING: ${rule}\n${printable(detail)}\n${lines(excerpt(range))}`)
    context.print(`fix: ${printable(fix)}\nwhy: ${lintRules[rule].why}`)
  }
  if (error === undefined && warnings.length === 0) context.print('Check complete, no warnings found.')
}

const location = ({ start, end }: Pick<SourceRange, 'start' | 'end'>): object => ({
  ranges: [{ start: { line: start }, end: { line: end } }],
})
const dataOf = ({ lines }: SourceFile): string => Buffer.from(lines.join('\n')).toString('base64')

const checkJson = ({ file, warnings, error }: DockerfileCheck): object => {
  const detail = error?.detail
  const place = typeof detail === 'object' && detail !== null && 'startLine' in detail && 'endLine' in detail ? detail : undefined
  return {
    warnings:
      warnings.length === 0
        ? null
        : warnings.map(({ rule, detail: text, range, fix }) => ({
            ruleName: rule,
            description: lintRules[rule].description,
            url: ruleUrl(rule),
            detail: text,
            location: location(range),
            fix,
          })),
    sources: [{ filename: file.name, data: dataOf(file), language: 'Dockerfile' }],
    ...(error === undefined
      ? {}
      : {
          buildError: {
            message: error.message,
            location: place === undefined ? {} : location({ start: Number(place.startLine), end: Number(place.endLine) }),
          },
        }),
  }
}

/** Nothing for what is empty, as in Go's JSON with omitempty. */
const some = <T extends string | boolean | readonly unknown[]>(value: T): T | undefined =>
  value === false || value === '' || (Array.isArray(value) && value.length === 0) ? undefined : value

const outlineJson = ({ file, name, description, args, secrets, ssh }: Outline): object => ({
  name: some(name),
  description: some(description),
  args: some(
    args.map((one) => ({
      name: one.name,
      description: some(one.description),
      value: some(one.value),
      location: location(one.range),
    })),
  ),
  secrets: some(secrets.map((one) => ({ name: one.name, required: some(one.required), location: location(one.range) }))),
  ssh: some(ssh.map((one) => ({ name: one.name, required: some(one.required), location: location(one.range) }))),
  sources: [dataOf(file)],
})

const outlineText = ({ name, description, args, secrets, ssh }: Outline): string => {
  const parts: string[] = []
  if (name !== '' || description !== '') {
    const rows = [['TARGET:', name === '' ? '(default)' : name]]
    if (description !== '') rows.push(['DESCRIPTION:', description])
    parts.push(alignColumns(rows, 1))
  }
  if (args.length > 0)
    parts.push(
      alignColumns([['BUILD ARG', 'VALUE', 'DESCRIPTION'], ...args.map((one) => [one.name, one.value, one.description])], 3),
    )
  for (const [head, list] of [
    ['SECRET', secrets],
    ['SSH', ssh],
  ] as const)
    if (list.length > 0)
      parts.push(alignColumns([[head, 'REQUIRED'], ...list.map((one) => [one.name, one.required ? 'true' : ''])], 3))
  return parts.map((part) => `${lines(part)}\n\n`).join('')
}

const targetsJson = ({ file, stages }: BuildTargets): object => ({
  targets: stages.map(({ from, index }) => ({
    name: from.alias,
    default: some(index === stages.length - 1),
    description: some(describedAs(from.alias, from.comments)),
    base: from.image,
    platform: from.platform,
    location: location(from.range),
  })),
  sources: [dataOf(file)],
})

const targetsText = ({ stages }: BuildTargets): string => {
  const rows = stages.map(({ from, index }) => {
    const { alias = '' } = from
    const name = index < stages.length - 1 ? alias : alias === '' ? '(default)' : `${alias} (default)`
    return [name, describedAs(from.alias, from.comments)]
  })
  return lines(alignColumns([['TARGET', 'DESCRIPTION'], ...rows], 1))
}
