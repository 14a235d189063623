import { copyImage, type CopyImageOptions } from '../../engine/images/copy.ts'
import { locationHelp } from '../../engine/locations/location.ts'
import { writeOutput } from '../../content/output-file.ts'
import { streamOf } from '../../lib/bytes.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { locationArgument, platformsFlag } from '../location-argument.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

type Places = readonly [from: ReturnType<typeof locationArgument>, to: ReturnType<typeof locationArgument>]

export const command = defineCommand({
  usage: 'image copy [OPTIONS] SOURCE TARGET',
  summary: `Copy an image or an artifact from anywhere to anywhere, without the local store in between. All platforms, layers and digests
stay as they are. SOURCE and TARGET are ${locationHelp}`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'Copy every platform (the default)' },
    platform: { type: 'list', help: 'Copy only these platforms; one image is copied without its index' },
    'preserve-digests': {
      type: 'boolean',
      help: 'With --platform: keep the index as it is, though some of its images are not copied',
    },
    referrers: { type: 'boolean', help: 'Copy what refers to the image too: signatures, SBOMs, attestations' },
    'digest-file': { type: 'string', value: 'FILE', help: 'Write the digest of the copy to a file' },
    'dry-run': { type: 'boolean', help: 'Only say what would be copied' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the digest' },
    progress: progressFlag,
    ...registryFlags,
  },
  arity: [2, 2],
  examples: [
    'gantry image copy docker.io/library/alpine:3 localhost:5000/mirror/alpine:3',
    'gantry image copy --referrers localhost:5000/app:1 oci:backup:app-1',
    'gantry image copy --platform linux/arm64 localhost:5000/app:1 docker-archive:app.tar:app:1',
  ],
  async run(context, [from = '', to = ''], flags) {
    const quiet = flags.quiet === true
    const places = [locationArgument(context, from), locationArgument(context, to)] as const
    const options = {
      signal: context.signal,
      platforms: flags.all === true ? [] : platformsFlag(context, flags.platform),
      preserveDigests: flags['preserve-digests'] === true,
      referrers: flags.referrers === true,
    }
    if (flags['dry-run'] === true) return await dryRun(context, places, [from, to], options)
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'copy')
    const { target, referrers } = await copyImage(context.engine, ...places, {
      ...options,
      onEvent: (event) => {
        if (quiet && event.kind === 'warning') context.warn(`warning: ${event.message}`)
        progress.copy(event)
      },
    })
    await progress.close()
    if (flags['digest-file'] !== undefined) await writeOutput(flags['digest-file'], streamOf(Buffer.from(target.digest)))
    if (quiet) return context.print(target.digest)
    context.print(`Digest: ${target.digest}`)
    if (options.referrers) context.print(`Referrers: ${referrers.length}`)
    context.print(`Status: Copied ${from} to ${to}`)
  },
})

const dryRun = async (
  context: CliContext,
  places: Places,
  [from, to]: readonly [from: string, to: string],
  options: CopyImageOptions,
): Promise<void> => {
  const { planCopy } = await import('../../engine/images/plan-copy.ts')
  const { humanSize } = await import('../render/units.ts')
  const { target, missing, present } = await planCopy(context.engine, ...places, options)
  for (const { digest, size, mediaType } of missing) context.print(`${digest} ${humanSize(size)} ${mediaType}`)
  const bytes = missing.reduce((sum, { size }) => sum + size, 0)
  context.print(`Digest: ${target.digest}`)
  context.print(
    `Status: Would copy ${missing.length} of ${missing.length + present.length} blobs and manifests (${humanSize(bytes)}) from ${from} to ${to}`,
  )
}
