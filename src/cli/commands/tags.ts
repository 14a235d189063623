import { listTags, tagOrders, type ListedTag, type TagOrder } from '../../engine/images/tags.ts'
import { GantryError } from '../../lib/errors.ts'
import { displayPlatform } from '../../oci/platform.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { wholeNumber } from '../numbers.ts'
import { registryFlags } from '../registry-flags.ts'
import { printRows } from '../rows.ts'

export const command = defineCommand({
  usage: 'tags [OPTIONS] REPOSITORY',
  summary: 'List the tags of a repository in a registry, the newest version first',
  flags: {
    details: { type: 'boolean', short: 'v', help: 'Show what is behind each tag too: digest, age, size to download, platforms' },
    filter: {
      type: 'list',
      short: 'f',
      value: 'PATTERN',
      help: "Show only some: a text, a pattern such as '1.*', or /a regular expression/",
    },
    format: { type: 'string', help: "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    limit: { type: 'string', value: 'NUMBER', help: 'Show at most so many' },
    'no-trunc': { type: 'boolean', help: 'Do not shorten the output' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the tags, without a heading' },
    sort: { type: 'string', value: 'ORDER', help: 'Order: version, name, created or pushed (default version)' },
    ...registryFlags,
  },
  arity: [1, 1],
  examples: [
    'gantry tags debian',
    'gantry tags --limit 5 --details localhost:5000/team/app',
    "gantry tags --filter '/^1\\.[0-9]+$/' -q localhost:5000/team/app",
  ],
  async run(context, [repository = ''], flags) {
    const sort = orderOf(flags.sort)
    const quiet = flags.quiet === true
    const limit = wholeNumber('limit', flags.limit)
    const details = !quiet && (flags.details === true || wantsDetails(flags.format))
    const tags = await listTags(context.engine, repository, {
      signal: context.signal,
      sort,
      details,
      filters: flags.filter,
      ...(limit === undefined ? {} : { limit }),
    })
    if (quiet) {
      for (const { tag } of tags) context.print(tag)
      return 0
    }
    if (details) await printDetails(context, tags, flags['no-trunc'] === true, flags.format)
    else
      await printRows(
        context,
        tags.map(({ tag }) => ({ Tag: tag })),
        { Tag: 'TAG' },
        flags.format,
      )
    for (const { tag, failure } of tags) if (failure !== undefined) context.warn(`warning: ${tag}: ${failure}`)
    return tags.some(({ failure }) => failure !== undefined) ? 1 : 0
  },
})

const orderOf = (text = 'version'): TagOrder => {
  const order = tagOrders.find((one) => one === text)
  if (order !== undefined) return order
  throw new GantryError(
    'invalid_argument',
    'USAGE',
    `invalid argument "${text}" for "--sort" flag: it must be one of ${tagOrders.join(', ')}`,
  )
}

const wantsDetails = (format = ''): boolean => /\.(?:Digest|Created\w*|Size|Platforms)\b/.test(format)

const printDetails = async (context: CliContext, tags: readonly ListedTag[], full: boolean, format: string | undefined) => {
  const { humanSize, humanDuration } = await import('../render/units.ts')
  const { goTime } = await import('../render/go-time.ts')
  const now = context.now().getTime()
  const rows = tags.map(({ tag, details }) => {
    const created = details?.created
    const digest = details?.target.digest
    return {
      Tag: tag,
      Digest: digest === undefined ? 'N/A' : full || format !== undefined ? digest : digest.slice(0, 19),
      CreatedSince: created === undefined ? 'N/A' : `${humanDuration(now - created)} ago`,
      CreatedAt: created === undefined ? 'N/A' : goTime(new Date(created)),
      Size: details === undefined ? 'N/A' : humanSize(details.size),
      Platforms: (details?.platforms ?? []).map(displayPlatform).join(', '),
    }
  })
  const columns = { Tag: 'TAG', Digest: 'DIGEST', CreatedSince: 'CREATED', Size: 'SIZE', Platforms: 'PLATFORMS' }
  await printRows(context, rows, columns, format, { CreatedAt: 'CREATED AT' })
}
