import { pushArtifact } from '../../engine/artifacts/push-artifact.ts'
import { annotationsFlag, fileArgument } from '../artifact-files.ts'
import { defineCommand } from '../command.ts'
import { locationArgument } from '../location-argument.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'artifact push [OPTIONS] NAME[:TAG]|oci:FOLDER[:TAG] FILE[:TYPE] [FILE[:TYPE]...]',
  summary: 'Upload files and folders as an artifact, which "gantry artifact pull" and oras give back',
  flags: {
    annotation: { type: 'list', short: 'a', value: 'KEY=VALUE', help: 'Annotate the artifact' },
    'artifact-type': {
      type: 'string',
      value: 'TYPE',
      help: 'What the artifact is (default application/vnd.unknown.artifact.v1)',
    },
    config: { type: 'string', value: 'FILE[:TYPE]', help: "A file that becomes the artifact's config" },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the digest' },
    progress: progressFlag,
    ...registryFlags,
  },
  arity: [2, Infinity],
  examples: [
    'gantry artifact push localhost:5000/charts/app:1 app.tgz:application/vnd.cncf.helm.chart.content.v1.tar+gzip',
    'gantry artifact push --artifact-type application/vnd.example.docs localhost:5000/docs:1 README.md docs',
  ],
  async run(context, [name = '', ...files], flags) {
    const location = locationArgument(context, name)
    const quiet = flags.quiet === true
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'push')
    const { digest } = await pushArtifact(
      context.engine,
      location,
      files.map((file) => fileArgument(context, file)),
      {
        signal: context.signal,
        annotations: annotationsFlag(flags.annotation),
        ...(flags['artifact-type'] === undefined ? {} : { artifactType: flags['artifact-type'] }),
        ...(flags.config === undefined ? {} : { config: fileArgument(context, flags.config) }),
        onEvent: (event) => progress.copy(event),
      },
    )
    await progress.close()
    if (quiet) return context.print(digest)
    context.print(`Digest: ${digest}`)
    context.print(`Status: Pushed ${files.length} ${files.length === 1 ? 'file' : 'files'} to ${name}`)
  },
})
