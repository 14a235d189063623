import { searchImages } from '../../engine/search.ts'
import { defineCommand } from '../command.ts'
import { wholeNumber } from '../numbers.ts'
import { registryFlags } from '../registry-flags.ts'
import { printRows } from '../rows.ts'

export const command = defineCommand({
  usage: 'search [OPTIONS] [HOST/]TERM',
  summary: 'Search Docker Hub for images, or the registry HOST',
  flags: {
    filter: { type: 'list', short: 'f', value: 'NAME=VALUE', help: 'Show only some: is-official=true, stars=NUMBER' },
    format: { type: 'string', help: "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    limit: { type: 'string', value: 'NUMBER', help: 'Most results, 1 to 100 (default 25)' },
    'no-trunc': { type: 'boolean', help: 'Do not shorten the output' },
    ...registryFlags,
  },
  arity: [1, 1],
  examples: ['gantry search --filter is-official=true debian', 'gantry search localhost:5000/app'],
  async run(context, [term = ''], flags) {
    const limit = wholeNumber('limit', flags.limit)
    const results = await searchImages(context.engine, term, {
      signal: context.signal,
      filters: flags.filter,
      ...(limit === undefined || limit === 0 ? {} : { limit }),
    })
    const { ellipsis } = await import('../render/units.ts')
    const full = flags['no-trunc'] === true
    const rows = results.map((result) => {
      const description = result.description.replace(/[\r\n]/g, ' ')
      return {
        Name: result.name,
        Description: full ? description : ellipsis(description, 45),
        StarCount: String(result.stars),
        IsOfficial: flags.format === 'json' ? String(result.isOfficial) : result.isOfficial ? '[OK]' : '',
      }
    })
    const columns = { Name: 'NAME', Description: 'DESCRIPTION', StarCount: 'STARS', IsOfficial: 'OFFICIAL' }
    await printRows(context, rows, columns, flags.format)
  },
})
