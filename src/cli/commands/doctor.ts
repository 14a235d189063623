import { styleText } from 'node:util'
import { examine, type Finding } from '../../engine/doctor/doctor.ts'
import { defineCommand } from '../command.ts'

const marks: Readonly<Record<Finding['status'], { readonly mark: string; readonly style: 'green' | 'yellow' | 'red' }>> = {
  ok: { mark: '✔', style: 'green' },
  warning: { mark: '!', style: 'yellow' },
  missing: { mark: '✘', style: 'red' },
}

export const command = defineCommand({
  usage: 'doctor [OPTIONS]',
  summary: 'Say what this machine offers, what each lack costs, and how to get it; exits with 1 if something needed is missing',
  flags: { format: { type: 'string', help: "'json', or a Go template for each finding" } },
  arity: [0, 0],
  examples: ['gantry doctor', 'gantry doctor --format json'],
  async run(context, _args, flags) {
    const findings = await examine(context.engine)
    const status = findings.some((finding) => finding.status === 'missing') ? 1 : 0
    if (flags.format !== undefined) {
      const { formatRows } = await import('../render/format.ts')
      context.write(formatRows(flags.format, findings as readonly (Finding & Record<string, unknown>)[], {}))
      return status
    }
    const width = Math.max(...findings.map((finding) => finding.name.length)) + 2
    for (const finding of findings) {
      const { mark, style } = marks[finding.status]
      context.print(`${styleText(style, mark, { stream: context.stdout })} ${finding.name.padEnd(width)}${finding.found}`)
      const indent = ' '.repeat(width + 2)
      if (finding.cost !== undefined) context.print(`${indent}${finding.cost}`)
      if (finding.remedy !== undefined) context.print(`${indent}try: ${finding.remedy}`)
    }
    return status
  },
})
