import { packImage, type PackedImage } from '../../engine/pack.ts'
import { GantryError } from '../../lib/errors.ts'
import { humanSize } from '../../lib/human-size.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { showBuild, showFailedOutput } from '../build-events.ts'
import { outputFlags, readOutputFlags, toStandardOutput, writeResultFiles } from '../build-outputs.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { severalPlatforms } from '../platforms.ts'
import { openProgress } from '../progress.ts'
import { progressFlag, registryFlags } from '../registry-flags.ts'

export const command = defineCommand({
  usage: 'pack [OPTIONS] [PATH]',
  summary:
    'Make an image of a Node.js project without a Dockerfile: its package.json, its lockfile and what is installed say how',
  flags: {
    base: { type: 'string', value: 'IMAGE', help: 'Base image (default: node:MAJOR-slim for what engines.node asks for)' },
    entrypoint: {
      type: 'string',
      value: 'COMMAND',
      help: 'What the image starts (default: the start script, bin, main or server.js)',
    },
    env: { type: 'list', short: 'e', value: 'NAME=VALUE', help: 'Set a variable of the image; NAME alone takes it from here' },
    expose: { type: 'list', short: 'p', value: 'PORT[/PROTOCOL]', help: 'Say that the program listens on a port' },
    label: { type: 'list', value: 'NAME=VALUE', help: 'Set a label of the image' },
    'no-cache': { type: 'boolean', help: 'Make every layer anew' },
    platform: { type: 'list', help: 'Platforms of the image, with commas in between or one a flag' },
    progress: progressFlag,
    pull: { type: 'boolean', help: 'Ask the registry for a newer base image' },
    quiet: { type: 'boolean', short: 'q', help: 'Print only the image ID' },
    tag: { type: 'list', short: 't', value: 'NAME[:TAG]', help: 'Name the image (default: name and version of package.json)' },
    user: { type: 'string', short: 'u', value: 'USER[:GROUP]', help: 'Whom the program runs as (default 1000:1000, never root)' },
    workspace: { type: 'string', short: 'w', value: 'NAME', help: 'Pack this workspace of the project, by its name or folder' },
    ...outputFlags,
    ...registryFlags,
  },
  arity: [0, 1],
  examples: [
    'gantry pack',
    'gantry pack -t registry.example.com/shop/api:1.4 --push packages/api',
    'gantry pack --workspace @shop/api --base gcr.io/distroless/nodejs24-debian12',
  ],
  async run(context, [folder = '.'], flags) {
    const making = readOutputFlags(context, flags)
    const quiet = flags.quiet === true || flags.progress === 'quiet'
    const warnings: string[] = []
    await using progress = await openProgress(context, quiet ? 'quiet' : flags.progress, 'pull')
    const result = await packImage(context.engine, {
      folder,
      tags: flags.tag,
      env: pairs(flags.env, context.environment, 'env'),
      labels: pairs(flags.label, {}, 'label'),
      expose: flags.expose,
      platforms: platforms(context, flags.platform),
      noCache: flags['no-cache'] === true,
      pull: flags.pull === true,
      signal: context.signal,
      onWarning: (message) => warnings.push(message),
      onEvent: quiet ? showFailedOutput((bytes) => context.stderr.write(bytes)) : showBuild((event) => progress.build(event)),
      ...(flags.workspace === undefined ? {} : { workspace: flags.workspace }),
      ...(flags.base === undefined ? {} : { base: flags.base }),
      ...(flags.user === undefined ? {} : { user: flags.user }),
      ...(flags.entrypoint === undefined ? {} : { entrypoint: flags.entrypoint }),
      ...epoch(context.environment),
      outputs: making.outputs,
      ...(making.write === undefined ? {} : { write: making.write }),
    })
    await progress.close()
    for (const warning of warnings) context.warn(`warning: ${warning}`)
    await writeResultFiles(flags, result)
    if (making.outputs.some(toStandardOutput)) return
    if (quiet) return context.print(result.id)
    for (const line of summary(result.images)) context.print(line)
    for (const tag of result.tags) context.print(`Packed ${tag} (${result.id.slice(7, 19)})`)
    if (result.tags.length === 0 && result.hasImage) context.print(`Packed ${result.id.slice(7, 19)}`)
  },
})

const summary = (images: readonly PackedImage[]): readonly string[] =>
  images.flatMap(({ platform, base, layers, entrypoint, from, user }) => [
    ...(images.length > 1 ? [`${platform}:`] : []),
    `  base        ${base.replace(/@.*$/, '')}`,
    ...layers.map(({ title, packages, size }) => {
      const count = packages === undefined ? '' : `, ${packages} ${packages === 1 ? 'package' : 'packages'}`
      return `  layer       ${title}: ${humanSize(size)}${count}`
    }),
    `  entrypoint  ${JSON.stringify(entrypoint)} (${from})`,
    `  user        ${user}`,
  ])

const platforms = (context: CliContext, texts: readonly string[]): readonly Platform[] => {
  const found = severalPlatforms(context, texts)
  if (found !== 'all') return found
  throw new GantryError('invalid_argument', 'USAGE', 'cannot pack for all platforms: name them')
}

const epoch = ({ SOURCE_DATE_EPOCH: text }: CliContext['environment']): { readonly epoch?: number } => {
  if (text === undefined || text === '') return {}
  if (/^\d{1,11}$/.test(text)) return { epoch: Number(text) }
  throw new GantryError('invalid_argument', 'EPOCH_INVALID', `Cannot pack: invalid SOURCE_DATE_EPOCH: ${text}`, {
    hint: 'give seconds since 1970',
  })
}

/** `NAME=VALUE` words as an object; `NAME` alone takes the value of that variable of the environment, where it has one. */
const pairs = (
  words: readonly string[],
  environment: CliContext['environment'],
  flag: string,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    words.flatMap((word) => {
      const [name = '', ...value] = word.split('=')
      if (name === '') throw new GantryError('invalid_argument', 'USAGE', `invalid --${flag} "${word}": it has no name`)
      const found = word === name ? (flag === 'label' ? '' : environment[name]) : value.join('=')
      return found === undefined ? [] : [[name, found] as const]
    }),
  )
