import { imageHistory } from '../../engine/images/history.ts'
import { creationTime } from '../../oci/creation-time.ts'
import { defineCommand } from '../command.ts'
import { onePlatform } from '../platforms.ts'
import { printRows } from '../rows.ts'

export const command = defineCommand({
  usage: 'history [OPTIONS] IMAGE',
  summary: 'Show the layers of an image, newest first, with what made them and their sizes',
  flags: {
    format: { type: 'string', help: "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    human: { type: 'boolean', short: 'H', help: 'Print sizes and dates to be read by people (default true)' },
    'no-trunc': { type: 'boolean', help: 'Do not shorten the output' },
    platform: { type: 'string', help: 'Show the history of this platform of a multi-platform image' },
    quiet: { type: 'boolean', short: 'q', help: 'Show only image IDs' },
  },
  arity: [1, 1],
  examples: ['gantry history hello:1', 'gantry history --no-trunc hello:1'],
  async run(context, [name = ''], flags) {
    const entries = await imageHistory(context.engine, name, onePlatform(context, flags.platform))
    const full = flags['no-trunc'] === true
    const human = flags.human !== false
    if (flags.quiet === true) {
      for (const entry of entries) context.print(entry.id === undefined ? '<missing>' : full ? entry.id : entry.id.slice(7, 19))
      return
    }
    const { humanSize, humanDuration, ellipsis } = await import('../render/units.ts')
    const { rfc3339 } = await import('../render/go-time.ts')
    const now = context.now().getTime()
    const rows = entries.map((entry) => {
      const created = creationTime(entry.created)
      const known = created !== undefined
      const createdBy = entry.createdBy.replaceAll('\t', ' ')
      return {
        ID: entry.id === undefined ? '<missing>' : full ? entry.id : entry.id.slice(7, 19),
        CreatedSince: !known ? 'N/A' : human ? `${humanDuration(now - created)} ago` : rfc3339(new Date(created)),
        CreatedAt: known ? rfc3339(new Date(created)) : 'N/A',
        CreatedBy: full ? createdBy : ellipsis(createdBy, 45),
        Size: human ? humanSize(entry.size) : String(entry.size),
        Comment: entry.comment,
      }
    })
    await printRows(
      context,
      rows,
      { ID: 'IMAGE', CreatedSince: human ? 'CREATED' : 'CREATED AT', CreatedBy: 'CREATED BY', Size: 'SIZE', Comment: 'COMMENT' },
      flags.format,
      { CreatedAt: 'CREATED AT' },
    )
  },
})
