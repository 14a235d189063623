import { listImages, type ListedImage } from '../../engine/images/list.ts'
import { familiarName, parseReference } from '../../oci/reference.ts'
import { defineCommand } from '../command.ts'
import { printRows } from '../rows.ts'

interface Row {
  readonly ID: string
  readonly Repository: string
  readonly Tag: string
  readonly Digest: string
  readonly CreatedSince: string
  readonly CreatedAt: string
  readonly Size: string
}

export const command = defineCommand({
  usage: 'images [OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: {
    all: { type: 'boolean', short: 'a', help: 'Show all images (accepted for docker; gantry has no intermediate images)' },
    digests: { type: 'boolean', help: 'Show digests' },
    format: { type: 'string', help: "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    'no-trunc': { type: 'boolean', help: 'Do not shorten the output' },
    quiet: { type: 'boolean', short: 'q', help: 'Show only image IDs' },
  },
  arity: [0, 1],
  examples: ['gantry images', "gantry images --format '{{.Repository}}:{{.Tag}} {{.Size}}'"],
  async run(context, [filter], flags) {
    const wanted = filter === undefined ? undefined : parseReference(filter)
    const images = await listImages(context.engine)
    if (flags.quiet === true) {
      const ids = images
        .filter((image) => rowsOf(image, wanted).length > 0)
        .map((image) => (flags['no-trunc'] === true ? image.id : image.id.slice(7, 19)))
      for (const id of ids) context.print(id)
      return
    }
    const { humanSize, humanDuration } = await import('../render/units.ts')
    const now = context.now().getTime()
    const rows = images.flatMap((image) =>
      rowsOf(image, wanted).map(({ repository, tag, digest }): Row => {
        const created = Date.parse(image.image.config.created ?? '')
        const known = !Number.isNaN(created) && created > 0
        return {
          ID: flags['no-trunc'] === true ? image.id : image.id.slice(7, 19),
          Repository: repository,
          Tag: tag,
          Digest: digest,
          CreatedSince: known ? `${humanDuration(now - created)} ago` : 'N/A',
          CreatedAt: known ? new Date(created).toISOString() : 'N/A',
          Size: humanSize(image.size),
        }
      }),
    )
    const columns = {
      Repository: 'REPOSITORY',
      Tag: 'TAG',
      ...(flags.digests === true ? { Digest: 'DIGEST' } : {}),
      ID: 'IMAGE ID',
      CreatedSince: 'CREATED',
      Size: 'SIZE',
    }
    await printRows(context, rows, columns, flags.format, { Digest: 'DIGEST', CreatedAt: 'CREATED AT' })
  },
})

/** A row for each name that the filter lets through; `<none>` for an image without names. */
const rowsOf = (
  image: ListedImage,
  wanted: ReturnType<typeof parseReference> | undefined,
): readonly { readonly repository: string; readonly tag: string; readonly digest: string }[] => {
  if (image.names.length === 0)
    return wanted === undefined ? [{ repository: '<none>', tag: '<none>', digest: image.target.digest }] : []
  return image.names
    .map((name) => parseReference(name))
    .filter(
      (name) =>
        wanted === undefined ||
        (name.domain === wanted.domain && name.path === wanted.path && (wanted.tag === undefined || wanted.tag === name.tag)),
    )
    .map((name) => ({ repository: familiarName(name), tag: name.tag ?? '<none>', digest: image.target.digest }))
}
