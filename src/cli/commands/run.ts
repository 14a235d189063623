import { readFile, writeFile } from 'node:fs/promises'
import { createContainer } from '../../engine/containers/create.ts'
import type { CreateOptions, PullPolicy } from '../../engine/containers/create-options.ts'
import type { ContainerRecord } from '../../engine/containers/records.ts'
import { startContainer } from '../../engine/containers/start.ts'
import { GantryError } from '../../lib/errors.ts'
import { familiarString, parseReference, withDefaultTag, type Reference } from '../../oci/reference.ts'
import { attachTerminal } from '../attach-terminal.ts'
import { defineCommand, type CliContext } from '../command.ts'
import { parseEnvFile } from '../env-file.ts'
import type { FlagValues } from '../flags.ts'
import { onePlatform } from '../platforms.ts'
import { openProgress } from '../progress.ts'
import { pullingLine, statusLine } from '../pull-lines.ts'
import type { ProgressRenderer } from '../render/progress/progress.ts'
import { parseVolume } from '../volume.ts'

const flags = {
  'add-host': { type: 'list', value: 'HOST:IP', help: 'Add a line to /etc/hosts' },
  'cap-add': { type: 'list', help: 'Add Linux capabilities' },
  'cap-drop': { type: 'list', help: 'Drop Linux capabilities' },
  cidfile: { type: 'string', value: 'FILE', help: 'Write the container ID to a file' },
  detach: { type: 'boolean', short: 'd', help: 'Run in the background and print the container ID' },
  entrypoint: { type: 'string', help: "Replace the image's entrypoint" },
  env: { type: 'list', short: 'e', help: 'Set an environment variable: NAME=VALUE, or NAME to pass it on' },
  'env-file': { type: 'list', value: 'FILE', help: 'Read environment variables from a file' },
  hostname: { type: 'string', short: 'h', help: 'Host name in the container' },
  interactive: { type: 'boolean', short: 'i', help: 'Keep standard input open' },
  label: { type: 'list', short: 'l', help: 'Set a label: NAME=VALUE' },
  name: { type: 'string', help: 'Name of the container' },
  net: { type: 'string', value: 'network', help: 'Short for --network' },
  network: { type: 'string', value: 'network', help: 'host or none (default host)' },
  platform: { type: 'string', help: 'Choose the platform of a multi-platform image' },
  privileged: { type: 'boolean', help: 'Give the container all capabilities and devices that gantry itself has' },
  publish: { type: 'list', short: 'p', help: 'Accepted for docker: with the host network every port is open already' },
  pull: { type: 'string', help: 'Pull the image before: always, missing or never (default missing)' },
  quiet: { type: 'boolean', short: 'q', help: 'Do not show the pull' },
  'read-only': { type: 'boolean', help: "Mount the container's root read-only" },
  rm: { type: 'boolean', help: 'Remove the container when it ends' },
  'sig-proxy': { type: 'boolean', help: 'Pass signals on to the process (default true)' },
  'stop-signal': { type: 'string', help: 'Signal that stops the container' },
  tty: { type: 'boolean', short: 't', help: 'Give the process a terminal' },
  user: { type: 'string', short: 'u', help: 'User and group: NAME|UID[:GROUP|GID]' },
  volume: { type: 'list', short: 'v', value: 'SOURCE:TARGET[:ro]', help: 'Bind a path of the host' },
  workdir: { type: 'string', short: 'w', help: 'Working folder in the container' },
} as const

export const command = defineCommand({
  usage: 'run [OPTIONS] IMAGE [COMMAND] [ARG...]',
  summary: 'Create and run a new container from an image',
  flags,
  arity: [1, Infinity],
  passThrough: true,
  failureStatus: 125,
  examples: [
    'gantry run --rm -it debian bash',
    'gantry run -d --name web -e PORT=8081 hello:1',
    'gantry run --rm -v "$PWD:/src:ro" -w /src busybox sh -c \'ls | wc -l\'',
  ],
  async run(context, [image = '', ...words], values) {
    const options = await createOptions(context, image, words, values)
    const detached = values.detach === true
    if (options.terminal && options.interactive && !detached && !context.stdin.isTTY)
      throw new GantryError('invalid_argument', 'NOT_A_TERMINAL', 'Cannot attach: the input device is not a TTY', {
        hint: 'leave -t away when input is piped',
      })
    if (values.publish.length > 0 && options.network === 'host')
      context.warn('WARNING: Published ports are discarded when using host network mode')
    const container = await create(context, options, values.quiet === true)
    if (values.cidfile !== undefined) await writeFile(values.cidfile, container.id, { flag: 'wx' })
    if (detached) {
      await startContainer(context.engine, container)
      context.print(container.id)
      return 0
    }
    return await attachTerminal(context, container, { signals: values['sig-proxy'] !== false })
  },
})

const create = async (context: CliContext, options: CreateOptions, quiet: boolean): Promise<ContainerRecord> => {
  await using shown = new AsyncDisposableStack()
  const open = async (): Promise<ProgressRenderer> => shown.use(await openProgress(context, quiet ? 'quiet' : undefined, 'pull'))
  // only for a pull: an image that is here is not kept waiting for it
  let progress = options.pull === 'always' ? await open() : undefined
  // an ID is no reference, and is never pulled
  const reference = (): Reference => withDefaultTag(parseReference(options.image))
  // docker's lines of a pull that a run needs, on stderr, since stdout is the container's
  return await createContainer(context.engine, options, {
    signal: context.signal,
    onPull: async () => {
      context.warn(`Unable to find image '${familiarString(reference())}' locally`)
      progress = await open()
    },
    onEvent: (event) => {
      if (event.kind === 'resolved' && !quiet) context.warn(pullingLine(reference()))
      progress?.copy(event)
    },
    onPulled: ({ target, upToDate }) => {
      if (quiet) return
      context.warn(`Digest: ${target.digest}`)
      context.warn(statusLine(upToDate, reference()))
    },
    onWarning: (message) => context.warn(`WARNING: ${message}`),
  })
}

const createOptions = async (
  context: CliContext,
  image: string,
  words: readonly string[],
  values: FlagValues<typeof flags>,
): Promise<CreateOptions> => {
  const files = await Promise.all(values['env-file'].map(async (path) => parseEnvFile(await readFile(path, 'utf8'), path)))
  return {
    image,
    command: words,
    env: [...files.flat(), ...values.env],
    terminal: values.tty === true,
    interactive: values.interactive === true,
    autoRemove: values.rm === true,
    network: network(values.network ?? values.net ?? 'host'),
    binds: values.volume.map((text) => parseVolume(text, context.folder)),
    readOnlyRoot: values['read-only'] === true,
    privileged: values.privileged === true,
    capAdd: values['cap-add'],
    capDrop: values['cap-drop'],
    extraHosts: values['add-host'],
    labels: Object.fromEntries(
      values.label.map((text) =>
        text.includes('=') ? [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)] : [text, ''],
      ),
    ),
    pull: pullPolicy(values.pull ?? 'missing'),
    ...(values.entrypoint === undefined ? {} : { entrypoint: values.entrypoint }),
    ...(values.hostname === undefined ? {} : { hostname: values.hostname }),
    ...(values.name === undefined ? {} : { name: values.name }),
    ...onePlatform(context, values.platform),
    ...(values['stop-signal'] === undefined ? {} : { stopSignal: values['stop-signal'] }),
    ...(values.user === undefined ? {} : { user: values.user }),
    ...(values.workdir === undefined ? {} : { workingFolder: values.workdir }),
  }
}

const network = (name: string): 'none' | 'host' => {
  if (name === 'none' || name === 'host') return name
  throw new GantryError('unsupported', 'NETWORK', `Cannot use network "${name}": only host and none are there`, {
    hint: 'use --network host or --network none',
  })
}

const pullPolicy = (text: string): PullPolicy => {
  if (text === 'always' || text === 'missing' || text === 'never') return text
  throw new GantryError(
    'invalid_argument',
    'USAGE',
    `invalid pull option: '${text}': must be one of "always", "missing" or "never"`,
  )
}
