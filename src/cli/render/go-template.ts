import { GantryError } from '../../lib/errors.ts'
import { Execution } from './template/execute.ts'
import { functions, headingFunctions } from './template/functions.ts'
import { parse } from './template/parser.ts'
import { TemplateError } from './template/template-error.ts'
import { toValue } from './template/value.ts'

/** A parsed template of Go's text/template with the functions that docker adds. */
export interface Template {
  /** The text for a value of JSON; its object's fields are what `.Field` names, functions in it are methods. */
  execute(data: unknown): string
  /** As execute(), for the heading of a table: functions that change text leave it as it is, and a field may lack a heading. */
  executeHeading(data: unknown): string
}

/** `1:4`: line and column of an offset, as Go counts them: lines from 1, columns in bytes from 0. */
const place = (text: string, at: number): string => {
  const before = text.slice(0, at)
  const line = before.split('\n').length
  return `${line}:${Buffer.byteLength(before.slice(before.lastIndexOf('\n') + 1))}`
}

const failure = (text: string, error: unknown, hint?: string): unknown => {
  if (!(error instanceof TemplateError)) return error
  const { at = 0, context, message } = error
  const where = context === undefined ? `${place(text, at).split(':')[0]}:` : `${place(text, at)}: executing "" at <${context}>:`
  return new GantryError(
    'invalid_argument',
    'TEMPLATE_INVALID',
    `template parsing error: template: :${where} ${message}`,
    hint === undefined ? {} : { hint },
  )
}

const fieldHint = (data: unknown): string | undefined => {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return undefined
  const names = Object.keys(data).slice(0, 40)
  return names.length === 0 ? undefined : `the fields are ${names.map((name) => `.${name}`).join(' ')}`
}

/** Parses a template; a mistake in it is an `invalid_argument` error in docker's words, and so is what fails when it is executed. */
export const parseTemplate = (text: string): Template => {
  const nodes = (() => {
    try {
      return parse(text, (name) => name === 'and' || name === 'or' || functions.has(name))
    } catch (error) {
      throw failure(text, error)
    }
  })()
  const run = (data: unknown, heading: boolean): string => {
    try {
      const value = toValue(data)
      return new Execution(heading ? headingFunctions : functions, value, !heading).run(nodes, value)
    } catch (error) {
      throw failure(text, error, fieldHint(data))
    }
  }
  return { execute: (data) => run(data, false), executeHeading: (data) => run(data, true) }
}
