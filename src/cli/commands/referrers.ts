import { listReferrers } from '../../engine/artifacts/list-referrers.ts'
import { formatLocation, type Location } from '../../engine/locations/location.ts'
import type { Digest } from '../../oci/digest.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { familiarName } from '../../oci/reference.ts'
import { defineCommand } from '../command.ts'
import { locationArgument } from '../location-argument.ts'
import { registryFlags } from '../registry-flags.ts'
import { printRows } from '../rows.ts'

export const command = defineCommand({
  usage: 'referrers [OPTIONS] NAME[:TAG|@DIGEST]|oci:FOLDER[:TAG]',
  summary: 'List what refers to an image: signatures, SBOMs, attestations and other artifacts',
  flags: {
    'artifact-type': { type: 'string', value: 'TYPE', help: 'Only artifacts of this type' },
    depth: { type: 'string', value: 'NUMBER', help: 'Show what refers to the referrers too, so many levels (default 1)' },
    format: { type: 'string', help: "Format the output: 'tree' (default), 'json', 'table' or a Go template" },
    platform: { type: 'string', help: 'Referrers of the image of this platform and not of the index' },
    ...registryFlags,
  },
  arity: [1, 1],
  examples: [
    'gantry referrers localhost:5000/app:1',
    "gantry referrers --artifact-type application/spdx+json --format '{{.Digest}}' localhost:5000/app:1",
  ],
  async run(context, [name = ''], flags) {
    const { platform, depth, format = 'tree' } = flags
    const artifactType = flags['artifact-type']
    const location = locationArgument(context, name)
    const tree = await listReferrers(context.engine, location, {
      signal: context.signal,
      ...(depth === undefined ? {} : { depth: Number(depth) }),
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(platform === undefined ? {} : { platform: parsePlatform(platform, context.engine.options.platform) }),
    })
    const { flatReferrers, referrerJson, referrerLines } = await import('../render/referrer-tree.ts')
    if (format === 'json') return context.print(JSON.stringify(referrerJson(tree), undefined, 2))
    if (format === 'tree') {
      context.print(nameByDigest(location, tree.subject.digest))
      for (const line of referrerLines(tree.referrers)) context.print(line)
      return
    }
    const { humanSize } = await import('../render/units.ts')
    const rows = flatReferrers(tree.referrers).map(({ descriptor, tag }) => ({
      Digest: descriptor.digest,
      ArtifactType: descriptor.artifactType ?? '',
      Size: humanSize(descriptor.size),
      Tag: tag ?? '',
      MediaType: descriptor.mediaType,
      Annotations: descriptor.annotations ?? {},
    }))
    const more = { Tag: 'TAG', MediaType: 'MEDIA TYPE', Annotations: 'ANNOTATIONS' }
    await printRows(context, rows, { Digest: 'DIGEST', ArtifactType: 'ARTIFACT TYPE', Size: 'SIZE' }, format, more)
  },
})

const nameByDigest = (location: Location, digest: Digest): string =>
  location.kind === 'registry' ? `${familiarName(location.reference)}@${digest}` : `${formatLocation(location)} ${digest}`
