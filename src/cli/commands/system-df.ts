import { diskUse, type DiskUse, type ImageUse } from '../../engine/system/disk-use.ts'
import { familiarName, parseReference } from '../../oci/reference.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { printRows } from '../rows.ts'

export const command = defineCommand({
  usage: 'system df [OPTIONS]',
  summary: `Show what takes which room on the disk

SIZE counts every byte once: a layer that several images share, and a blob that is the same file as its layer. RECLAIMABLE of images is what
'image prune -a' frees, of containers what 'container prune' frees, of the build cache what only the cache keeps.

Images have four numbers more, each in -v and in total:
  compressed   their blobs, as registries keep them: about what a pull or push moves
  unpacked     their layers as they are mounted: tars, indexes, unpacked folders
  unique       what only that image needs: what its removal frees; in total, what is in one image only
  shared       what other images, containers or the build cache need too; in total, what is in several images
unique + shared is the size of the image on this disk. A built layer is uncompressed until it is pushed: its blob and its tar are one file,
which is in both of the first two numbers and once in the size.`,
  flags: {
    format: { type: 'string', help: "Format the output: 'table', 'table TEMPLATE', 'json' or a Go template" },
    verbose: { type: 'boolean', short: 'v', help: 'Show every image, container and cached step' },
  },
  arity: [0, 0],
  examples: ['gantry system df', 'gantry system df -v', "gantry system df --format '{{.Type}}: {{.Size}}'"],
  async run(context, _args, flags) {
    const { humanSize } = await import('../render/units.ts')
    const use = await diskUse(context.engine)
    if (flags.verbose === true) return await printVerbose(context, use, flags.format)
    const columns = { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' }
    await printRows(context, summary(use, humanSize), columns, flags.format, fourHeadings)
    if (flags.format === undefined) context.print(`\n${totals(use, humanSize)}`)
  },
})

type Human = (bytes: number, digits?: number) => string

const fourHeadings = { Compressed: 'COMPRESSED', Unpacked: 'UNPACKED', Unique: 'UNIQUE', Shared: 'SHARED' }

const totals = ({ total, partial }: DiskUse, human: Human): string =>
  `Each byte of the images once: ${human(total.compressed)} compressed, ${human(total.unpacked)} unpacked; ${human(total.unique)} in one image, ${human(total.shared)} in several${partial === 0 ? '' : `\nPartial downloads: ${human(partial)}`}`

const summary = (use: DiskUse, human: Human) => {
  const row = (type: string, total: number, active: number, size: number, reclaimable: number) => ({
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: human(size),
    Reclaimable: `${human(reclaimable)}${size === 0 || type === 'Build Cache' ? '' : ` (${Math.floor((reclaimable / size) * 100)}%)`}`,
    Compressed: '',
    Unpacked: '',
    Unique: '',
    Shared: '',
  })
  const { images, containers, steps, cacheMounts, total } = use
  const stopped = containers.filter(({ container }) => container.state.status !== 'running')
  const sum = (list: readonly { readonly bytes: number }[]): number => list.reduce((all, { bytes }) => all + bytes, 0)
  const cache = use.cacheOnly + sum(cacheMounts)
  const active = images.filter((image) => image.containers > 0).length
  return [
    {
      ...row('Images', images.length, active, total.unique + total.shared, use.reclaimable),
      Compressed: human(total.compressed),
      Unpacked: human(total.unpacked),
      Unique: human(total.unique),
      Shared: human(total.shared),
    },
    row('Containers', containers.length, containers.length - stopped.length, sum(containers), sum(stopped)),
    row('Local Volumes', 0, 0, 0, 0),
    row('Build Cache', steps.length + cacheMounts.length, steps.filter(({ shared }) => shared).length, cache, cache),
  ]
}

const printVerbose = async (context: CliContext, use: DiskUse, format: string | undefined): Promise<void> => {
  const { humanDuration, humanSize, quoteCommand, shortId } = await import('../render/units.ts')
  const now = context.now().getTime()
  const ago = (time: string | undefined): string => {
    const created = Date.parse(time ?? '')
    return Number.isNaN(created) ? 'N/A' : `${humanDuration(now - created)} ago`
  }
  const images = use.images.flatMap((image) =>
    namesOf(image).map(({ repository, tag }) => ({
      Repository: repository,
      Tag: tag,
      ID: shortId(image.image.id),
      CreatedSince: ago(image.image.image.config.created),
      Size: humanSize(image.unique + image.shared),
      SharedSize: humanSize(image.shared),
      UniqueSize: humanSize(image.unique),
      Compressed: humanSize(image.compressed),
      Unpacked: humanSize(image.unpacked),
      Containers: String(image.containers),
    })),
  )
  const containers = use.containers.map(({ container, bytes }) => ({
    ID: container.id.slice(0, 12),
    Image: container.image.reference,
    Command: quoteCommand(container.spec.args),
    LocalVolumes: '0',
    Size: humanSize(bytes),
    RunningFor: ago(container.created),
    Status: container.state.status,
    Names: container.name,
  }))
  const steps = use.steps.map(({ key, step, createdAt, bytes, shared }) => ({
    ID: key.slice(0, 12),
    Type: 'regular',
    Step: step,
    Size: humanSize(bytes),
    CreatedSince: ago(createdAt),
    LastUsedSince: '',
    Shared: String(shared),
  }))
  const mounts = use.cacheMounts.map(({ key, facts, bytes, createdAt, usedAt }) => ({
    ID: `${key.slice(0, 12)}${key.slice(64)}`,
    Type: 'exec.cachemount',
    Step: `cache mount ${facts.id}`,
    Size: humanSize(bytes),
    CreatedSince: ago(createdAt),
    LastUsedSince: ago(usedAt),
    Shared: 'false',
  }))
  if (format !== undefined) {
    const { formatRows } = await import('../render/format.ts')
    context.write(
      formatRows(format, [{ Images: images, Containers: containers, Volumes: [], BuildCache: [...steps, ...mounts] }], {}),
    )
    return
  }
  context.print('Images space usage:\n')
  await printRows(context, images, {
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    ID: 'IMAGE ID',
    CreatedSince: 'CREATED',
    Size: 'SIZE',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
    Compressed: 'COMPRESSED',
    Unpacked: 'UNPACKED',
    Containers: 'CONTAINERS',
  })
  context.print(`\n${totals(use, humanSize)}\n\nContainers space usage:\n`)
  await printRows(context, containers, {
    ID: 'CONTAINER ID',
    Image: 'IMAGE',
    Command: 'COMMAND',
    LocalVolumes: 'LOCAL VOLUMES',
    Size: 'SIZE',
    RunningFor: 'CREATED',
    Status: 'STATUS',
    Names: 'NAMES',
  })
  context.print('\nLocal Volumes space usage:\n\nVOLUME NAME   LINKS     SIZE\n')
  const cache = use.cacheMounts.reduce((sum, { bytes }) => sum + bytes, use.cacheOnly)
  context.print(`Build cache usage: ${humanSize(cache)}\n`)
  await printRows(context, [...steps, ...mounts], {
    ID: 'CACHE ID',
    Type: 'CACHE TYPE',
    Step: 'STEP',
    Size: 'SIZE',
    CreatedSince: 'CREATED',
    LastUsedSince: 'LAST USED',
    Shared: 'SHARED',
  })
}

const namesOf = ({ image }: ImageUse): readonly { readonly repository: string; readonly tag: string }[] => {
  if (image.names.length === 0) return [{ repository: '<none>', tag: '<none>' }]
  return image.names
    .map((name) => parseReference(name))
    .map((name) => ({ repository: familiarName(name), tag: name.tag ?? '<none>' }))
}
