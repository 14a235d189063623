import { openManifest, readConfig, verboseManifest } from '../../engine/manifests/inspect-manifest.ts'
import { GantryError } from '../../lib/errors.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { formatReference, parseReference, withDigest } from '../../oci/reference.ts'
import { parseDigest } from '../../oci/digest.ts'
import { defineCommand } from '../command.ts'
import { insecureFlag } from '../insecure-flag.ts'
import { locationArgument } from '../location-argument.ts'
import { registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'manifest inspect [OPTIONS] [MANIFEST_LIST] MANIFEST',
  summary: 'Show a manifest or manifest list: one that is being made here, else what the registry has',
  flags: {
    config: { type: 'boolean', help: "Show the image's config, byte for byte" },
    digest: { type: 'boolean', help: 'Show only the digest' },
    platform: { type: 'string', help: 'Show the image of this platform and not the index' },
    raw: { type: 'boolean', help: 'Show the manifest byte for byte' },
    verbose: { type: 'boolean', short: 'v', help: 'Show the manifests of a list too, with their digests and platforms' },
    ...insecureFlag,
    ...registryFlags,
  },
  arity: [1, 2],
  examples: [
    'gantry manifest inspect alpine:3',
    'gantry manifest inspect --digest localhost:5000/app:1',
    'gantry manifest inspect --config --platform linux/arm64 localhost:5000/app:1',
  ],
  async run(context, [first = '', second], flags) {
    const chosen = [flags.config, flags.digest, flags.raw, flags.verbose].filter((flag) => flag === true)
    if (chosen.length > 1)
      throw new GantryError('invalid_argument', 'USAGE', '--config, --digest, --raw and --verbose are mutually exclusive')
    const { platform } = flags
    const abortable = { signal: context.signal }
    const name = second === undefined ? first : member(first, second)
    await using found = await openManifest(context.engine, locationArgument(context, name), {
      ...abortable,
      ...(platform === undefined ? {} : { platform: parsePlatform(platform, context.engine.options.platform) }),
    })
    if (flags.digest === true) return context.print(found.descriptor.digest)
    if (flags.raw === true) return void context.stdout.write(found.bytes)
    if (flags.config === true) return void context.stdout.write(await readConfig(found, abortable))
    if (flags.verbose === true) return context.print(JSON.stringify(await verboseManifest(found, abortable), undefined, '\t'))
    // docker indents what it made up itself by three blanks, and what it received by tabs
    const indent = found.parsed.kind === 'index' ? 3 : '\t'
    context.print(JSON.stringify(JSON.parse(found.bytes.toString('utf8')), undefined, indent))
  },
})

/** `LIST MANIFEST`: the manifest by its digest in the list's repository. */
const member = (list: string, manifest: string): string => {
  const { digest } = manifest.startsWith('sha') ? { digest: parseDigest(manifest) } : parseReference(manifest)
  return digest === undefined ? manifest : formatReference(withDigest(parseReference(list), digest))
}
