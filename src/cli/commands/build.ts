import { buildImage, type BuildOptions } from '../../engine/build.ts'
import type { CheckOptions } from '../../engine/check-build.ts'
import { GantryError } from '../../lib/errors.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { attestFlags, readAttestFlags } from '../attest-flags.ts'
import { outputFlags, readOutputFlags, toStandardOutput, writeResultFiles } from '../build-outputs.ts'
import { showBuild, showFailedOutput, showLint } from '../build-events.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { severalPlatforms } from '../platforms.ts'
import { namedContexts, pairs } from '../name-value.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'
import { runOptions, runStepFlags } from '../run-step-flags.ts'

export const command = defineCommand({
  usage: 'build [OPTIONS] PATH | URL | -',
  summary: `Build an image from a Dockerfile and the files of a folder, an archive or a git repository

'gantry build context ls' and 'gantry build context why' show what goes in; a folder called context is built all the same.`,
  flags: {
    'add-host': { type: 'list', value: 'HOST:IP', help: 'Add a line to /etc/hosts of RUN steps' },
    'build-arg': { type: 'list', value: 'NAME=VALUE', help: 'Set an ARG; NAME alone passes the variable of that name on' },
    'build-context': {
      type: 'list',
      value: 'NAME=VALUE',
      help: 'What stands for a stage or an image: a path, a URL, docker-image://NAME, oci-layout://PATH[:TAG], target:STAGE',
    },
    'cache-from': {
      type: 'list',
      help: "Take steps from elsewhere: 'type=registry,ref=NAME', 'type=local,src=FOLDER', or an image that holds a cache",
    },
    'cache-to': {
      type: 'list',
      help: "Put steps elsewhere: 'type=registry,ref=NAME[,mode=max]', 'type=local,dest=FOLDER[,mode=max]', 'type=inline'",
    },
    call: {
      type: 'string',
      value: 'METHOD[,format=json]',
      help: 'Build nothing; "check" as --check, "outline": the arguments and secrets of the target, "targets": the stages',
    },
    check: { type: 'boolean', help: 'Build nothing; check the Dockerfile by the rules, and say how to mend it' },
    explain: { type: 'boolean', help: 'Build nothing; say which steps the last build of PATH did again, and why' },
    file: { type: 'string', short: 'f', help: "The Dockerfile (default PATH/Dockerfile; '-' for standard input; a URL)" },
    label: { type: 'list', value: 'NAME=VALUE', help: 'Set a label of the image' },
    network: { type: 'string', help: 'Network of RUN steps: default, host or none' },
    'no-cache': { type: 'boolean', help: 'Do every step anew' },
    platform: { type: 'list', help: 'Platforms of the image, with commas in between or one a flag' },
    progress: progressFlag,
    pull: { type: 'boolean', help: 'Ask the registry for newer base images' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the image ID' },
    tag: { type: 'list', short: 't', value: 'NAME[:TAG]', help: 'Name the image' },
    target: { type: 'string', help: 'Stop at this stage' },
    squash: { type: 'boolean', help: 'Make one layer of all new layers' },
    'squash-from': {
      type: 'string',
      value: 'STAGE|N[-M]',
      help: 'Make one layer of those from a stage, or the N-th new one, on',
    },
    ...attestFlags,
    ...outputFlags,
    'verify-reproducible': { type: 'boolean', help: 'Build twice, without the cache, and say what differs' },
    ...runStepFlags,
    ...registryFlags,
  },
  arity: [1, 1],
  examples: [
    'gantry build -t hello:1 .',
    'gantry build --build-arg VERSION=2 --target test -f docker/Dockerfile .',
    'gantry build --platform linux/amd64,linux/arm64 -t registry.example.com/hello:1 --push .',
    'gantry build --target bin -o out .',
    'gantry build https://github.com/docker-library/hello-world.git#master:amd64/hello-world',
    'gantry build --build-context lib=../lib --build-context alpine=docker-image://alpine:3.22 .',
    'gantry build --check .',
    'gantry build --call outline --target bin .',
    'gantry build --explain .',
  ],
  async run(context, [path = ''], flags) {
    if (path === '-' && flags.file === '-')
      throw new GantryError(
        'invalid_argument',
        'USAGE',
        'invalid argument: cannot use stdin for both build context and dockerfile',
      )
    if (flags.explain === true) return await explain(context, path, flags)
    const called = flags.check === true ? 'check' : flags.call
    if (called !== undefined && called !== 'build') {
      const { parseCall, runCall } = await import('../build-call.ts')
      const call = parseCall(called)
      if (call !== undefined) return await runCall(context, call, definition(context, path, flags))
    }
    const making = readOutputFlags(context, flags)
    const quiet = flags.quiet === true
    const lint: string[] = []
    // at the very end, also of a build that fails
    using _summary = {
      [Symbol.dispose]: () => (flags.progress === 'quiet' ? undefined : showLint(lint, (line) => context.warn(line))),
    }
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'pull')
    const result = await buildImage(context.engine, {
      context: path === '-' ? context.stdin : path,
      tags: flags.tag,
      buildArgs: { ...epoch(context.environment), ...pairs(flags['build-arg'], context.environment) },
      labels: pairs(flags.label, {}),
      contexts: namedContexts(flags['build-context']),
      extraHosts: flags['add-host'],
      cacheFrom: flags['cache-from'],
      cacheTo: flags['cache-to'],
      noCache: flags['no-cache'] === true,
      pull: flags.pull === true,
      network: network(flags.network),
      run: runOptions(flags, context.environment, (line) => context.warn(line)),
      signal: context.signal,
      onEvent: quiet
        ? showFailedOutput((bytes) => context.stderr.write(bytes))
        : showBuild(
            (event) => progress.build(event),
            // lines of JSON stay lines of JSON
            (summary) =>
              flags.progress === 'rawjson' ? progress.build({ kind: 'warning', message: summary }) : lint.push(summary),
          ),
      ...(flags.file === undefined ? {} : { dockerfile: flags.file === '-' ? context.stdin : flags.file }),
      ...(flags.target === undefined ? {} : { target: flags.target }),
      platforms: buildPlatforms(context, flags.platform),
      ...making,
      ...readAttestFlags(flags),
      ...squash(flags),
      verifyReproducible: flags['verify-reproducible'] === true,
    })
    await progress.close()
    await writeResultFiles(flags, result)
    // what is written there is no text
    if (making.outputs.some(toStandardOutput)) return
    if (flags['verify-reproducible'] === true && !quiet)
      context.print('Reproducible: the second build, elsewhere and without the cache, made the same')
    if (quiet) context.print(result.id)
    else if (result.hasImage) {
      context.print(`Successfully built ${result.id.slice(7, 19)}`)
      for (const tag of result.tags) context.print(`Successfully tagged ${tag}`)
    }
  },
})

interface DefinitionFlags {
  readonly file: string | undefined
  readonly target: string | undefined
  readonly 'build-arg': readonly string[]
  readonly 'build-context': readonly string[]
  readonly platform: readonly string[]
  readonly pull: boolean | undefined
}

/** What names a Dockerfile and what its variables are. */
const definition = (context: CliContext, path: string, flags: DefinitionFlags): CheckOptions => {
  const { file, target } = flags
  const [platform] = buildPlatforms(context, flags.platform)
  return {
    context: path === '-' ? context.stdin : path,
    buildArgs: pairs(flags['build-arg'], context.environment),
    contexts: namedContexts(flags['build-context']),
    pull: flags.pull === true,
    signal: context.signal,
    ...(file === undefined ? {} : { dockerfile: file === '-' ? context.stdin : file }),
    ...(target === undefined ? {} : { target }),
    ...(platform === undefined ? {} : { platform }),
  }
}

/** Tells what the last build of a folder did, without building. */
const explain = async (
  context: CliContext,
  path: string,
  {
    file,
    target,
    platform,
  }: { readonly file: string | undefined; readonly target: string | undefined; readonly platform: readonly string[] },
): Promise<void> => {
  if (path === '-' || file === '-')
    throw new GantryError('invalid_argument', 'USAGE', 'invalid argument: only builds of folders are remembered')
  const { printExplanation } = await import('../print-explanation.ts')
  await printExplanation(context, {
    context: path,
    ...(file === undefined ? {} : { dockerfile: file }),
    ...(target === undefined ? {} : { target }),
    platforms: buildPlatforms(context, platform),
  })
}

const buildPlatforms = (context: CliContext, texts: readonly string[]): readonly Platform[] => {
  const platforms = severalPlatforms(context, texts)
  if (platforms !== 'all') return platforms
  throw new GantryError('invalid_argument', 'USAGE', 'cannot build for all platforms: name them')
}

/** Like buildx: the variable of the environment is the build argument. */
const epoch = ({ SOURCE_DATE_EPOCH: value }: CliContext['environment']): Readonly<Record<string, string>> =>
  value === undefined ? {} : { SOURCE_DATE_EPOCH: value }

const squash = (flags: {
  readonly squash: boolean | undefined
  readonly 'squash-from': string | undefined
}): { readonly squash?: NonNullable<BuildOptions['squash']> } => {
  const from = flags['squash-from']
  if (from !== undefined) return { squash: { from } }
  return flags.squash === true ? { squash: 'all' } : {}
}

const network = (name: string | undefined): 'host' | 'none' => {
  if (name === undefined || name === 'default' || name === 'host') return 'host'
  if (name === 'none') return 'none'
  throw new GantryError('unsupported', 'NETWORK', `Cannot build with network "${name}": only host and none are there`, {
    hint: 'use --network host or --network none',
  })
}
