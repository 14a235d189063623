import { resolve } from 'node:path'
import { pullArtifact } from '../../engine/artifacts/pull-artifact.ts'
import { parsePlatform } from '../../oci/platform.ts'
import { defineCommand } from '../command.ts'
import { locationArgument } from '../location-argument.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'artifact pull [OPTIONS] NAME[:TAG|@DIGEST]|oci:FOLDER[:TAG]',
  summary: 'Download the files of an artifact; prints their names',
  flags: {
    output: { type: 'string', short: 'o', value: 'FOLDER', help: 'Where the files go (default: here)' },
    'keep-old-files': { type: 'boolean', short: 'k', help: 'Refuse to replace files that have other content' },
    platform: { type: 'string', help: 'Which artifact of an index' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the digest' },
    progress: progressFlag,
    ...registryFlags,
  },
  arity: [1, 1],
  examples: ['gantry artifact pull -o docs localhost:5000/docs:1', 'gantry artifact pull localhost:5000/app@sha256:…'],
  async run(context, [name = ''], flags) {
    const { platform, quiet = false } = flags
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'copy')
    const pulled = await pullArtifact(context.engine, locationArgument(context, name), {
      signal: context.signal,
      folder: resolve(context.folder, flags.output ?? '.'),
      keep: flags['keep-old-files'] === true,
      ...(platform === undefined ? {} : { platform: parsePlatform(platform, context.engine.options.platform) }),
      onEvent: (event) => progress.copy(event),
    })
    await progress.close()
    if (quiet) return context.print(pulled.descriptor.digest)
    const { printable } = await import('../render/display-width.ts')
    for (const file of pulled.files) context.print(printable(file))
    if (pulled.files.length === 0)
      context.warn('warning: nothing in it has a file name; "gantry manifest inspect" shows what it is')
    context.print(`Digest: ${pulled.descriptor.digest}`)
  },
})
