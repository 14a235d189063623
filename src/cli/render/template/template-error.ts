/** What is wrong with a template, in the words of Go's text/template; never leaves this folder but inside a GantryError. */
export class TemplateError extends Error {
  /** Offset in the template's text, where it is known. */
  readonly at: number | undefined
  /** The part of the template that failed, where it was executed. */
  readonly context: string | undefined

  constructor(message: string, at?: number, context?: string) {
    super(message)
    this.name = 'TemplateError'
    this.at = at
    this.context = context
  }
}
