import { listRepositories, registryHost } from '../../engine/catalog.ts'
import { defineCommand } from '../command.ts'
import { wholeNumber } from '../numbers.ts'
import { registryFlags } from '../registry-flags.ts'
import { printRows } from '../rows.ts'

export const command = defineCommand({
  usage: 'catalog [OPTIONS] REGISTRY',
  summary: 'List the repositories of a registry, one a line',
  flags: {
    filter: {
      type: 'list',
      short: 'f',
      value: 'PATTERN',
      help: "Show only some: a text, or a pattern such as 'team/*' ('**' for any depth)",
    },
    format: { type: 'string', help: "Format the output: 'json' or a Go template over .Name and .Repository (with the host)" },
    limit: { type: 'string', value: 'NUMBER', help: 'Show at most so many' },
    ...registryFlags,
  },
  arity: [1, 1],
  examples: ['gantry catalog localhost:5000', "gantry catalog --filter 'team/*' --format '{{.Repository}}' localhost:5000"],
  async run(context, [registry = ''], flags) {
    const limit = wholeNumber('limit', flags.limit)
    const names = await listRepositories(context.engine, registry, {
      signal: context.signal,
      filters: flags.filter,
      ...(limit === undefined ? {} : { limit }),
    })
    if (flags.format === undefined) for (const name of names) context.print(name)
    else {
      const rows = names.map((name) => ({ Name: name, Repository: `${registryHost(registry)}/${name}` }))
      await printRows(context, rows, { Name: 'NAME', Repository: 'REPOSITORY' }, flags.format)
    }
  },
})
