import { listImages, type ListedImage } from '../../engine/images/list.ts'
import { GantryError } from '../../lib/errors.ts'
import { creationTime } from '../../oci/creation-time.ts'
import { familiarName } from '../../oci/reference.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { printRows } from '../rows.ts'
import { shownNames } from '../shown-names.ts'

const headings = {
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  ID: 'IMAGE ID',
  CreatedSince: 'CREATED',
  Size: 'SIZE',
} as const

export const command = defineCommand({
  usage: 'images [OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: {
    all: { type: 'boolean', short: 'a', help: 'Show all images (accepted for docker; gantry has no intermediate images)' },
    digests: { type: 'boolean', help: 'Show digests' },
    filter: {
      type: 'list',
      short: 'f',
      value: 'NAME=VALUE',
      help: 'Show only some: dangling=true, label=NAME[=VALUE], before=IMAGE, since=IMAGE, until=TIME, reference=PATTERN',
    },
    format: { type: 'string', help: "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-trunc': { type: 'boolean', help: 'Do not shorten the output' },
    quiet: { type: 'boolean', short: 'q', help: 'Show only image IDs, each once' },
    tree: { type: 'boolean', help: 'Show the platforms of each image, and what of them is here' },
  },
  arity: [0, 1],
  examples: [
    'gantry images',
    "gantry images --format '{{.Repository}}:{{.Tag}} {{.Size}}'",
    "gantry images --filter 'reference=localhost:5000/*/*' --filter label=team",
    'gantry images --tree',
  ],
  async run(context, [pattern], flags) {
    for (const other of ['quiet', 'format', 'digests'] as const)
      if (flags.tree === true && flags[other] !== undefined)
        throw new GantryError('invalid_argument', 'USAGE', `--${other} is not yet supported with --tree`)
    const filters = pattern === undefined ? flags.filter : [...flags.filter, `reference=${pattern}`]
    const images = await filtered(context, await listImages(context.engine), filters)
    const full = flags['no-trunc'] === true
    if (flags.tree === true) {
      const { printImageTree } = await import('../images-tree.ts')
      await printImageTree(context, images, full)
    } else if (flags.quiet === true) {
      for (const { id } of images) context.print(full ? id : id.slice(7, 19))
    } else {
      const { Digest: _, ...columns } = headings
      await printRows(context, await rowsOf(context, images, full), flags.digests === true ? headings : columns, flags.format, {
        Digest: headings.Digest,
        CreatedAt: 'CREATED AT',
      })
    }
  },
})

const filtered = async (
  context: CliContext,
  images: readonly ListedImage[],
  filters: readonly string[],
): Promise<readonly ListedImage[]> => {
  if (filters.length === 0) return images
  const { filterImages } = await import('../../engine/images/filter.ts')
  return await filterImages(context.engine, images, filters)
}

/** A row for each name, with the fields of docker's. */
const rowsOf = async (context: CliContext, images: readonly ListedImage[], full: boolean) => {
  const { humanSize, humanDuration } = await import('../render/units.ts')
  const { goTime } = await import('../render/go-time.ts')
  const now = context.now().getTime()
  return images.flatMap((image) => {
    const created = creationTime(image.image.config.created)
    return namesOf(image).map(({ repository, tag }) => ({
      ID: full ? image.id : image.id.slice(7, 19),
      Repository: repository,
      Tag: tag,
      Digest: image.target.digest,
      CreatedSince: created === undefined ? 'N/A' : `${humanDuration(now - created)} ago`,
      // costs more than all the rest, and few want it
      get CreatedAt(): string {
        return created === undefined ? 'N/A' : goTime(new Date(created))
      },
      Size: humanSize(image.size),
      VirtualSize: humanSize(image.size, 4),
      Containers: 'N/A',
      SharedSize: 'N/A',
      UniqueSize: 'N/A',
    }))
  })
}

/** Repository and tag of each name; `<none>` for what is missing. */
const namesOf = ({ names }: ListedImage): readonly { readonly repository: string; readonly tag: string }[] =>
  names.length === 0
    ? [{ repository: '<none>', tag: '<none>' }]
    : shownNames(names).map((name) => ({ repository: familiarName(name), tag: name.tag ?? '<none>' }))
