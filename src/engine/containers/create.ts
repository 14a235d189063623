import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import type { CopyEvent, Image } from '../../content/interfaces.ts'
import type { Abortable } from '../../lib/bytes.ts'
import { GantryError, isGantryError } from '../../lib/errors.ts'
import { mergeCommand, mergeEnvironment } from '../../runtime/command.ts'
import type { Engine } from '../engine.ts'
import { findImage, type FoundImage } from '../images/lookup.ts'
import { platformWarning } from '../images/platform-warning.ts'
import { pullImage, type PullResult } from '../images/pull.ts'
import { unpackImage } from '../images/unpack.ts'
import type { CreateOptions } from './create-options.ts'
import { randomName } from './names.ts'
import { addContainer, containerFolders, type ContainerRecord } from './records.ts'

export interface CreateReport extends Abortable {
  /** Called before an image that is not here is pulled. */
  readonly onPull?: () => void
  readonly onEvent?: (event: CopyEvent) => void
  readonly onPulled?: (result: PullResult) => void
  readonly onWarning?: (message: string) => void
}

const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/

/** Makes a container from an image, which is pulled if it is not here: a record, a name and an empty container layer. It does not run yet. */
export const createContainer = async (
  engine: Engine,
  options: CreateOptions,
  report: CreateReport = {},
): Promise<ContainerRecord> => {
  if (options.name !== undefined && !namePattern.test(options.name))
    throw new GantryError(
      'invalid_argument',
      'NAME_INVALID',
      `Cannot create container: Invalid container name (${options.name}), only ${namePattern.source.slice(1, -1)} are allowed`,
    )
  const store = await engine.content()
  // nobody collects the image between finding it and the record that uses it
  await using _lease = await store.lease()
  const found = await imageFor(engine, options, report)
  const layers = await engine.layers()
  await unpackImage(layers, store, found.image, report)
  const warning = options.platform === undefined ? platformWarning(found.image.config, engine.options.platform) : undefined
  if (warning !== undefined) report.onWarning?.(warning)
  const id = randomBytes(32).toString('hex')
  const record: ContainerRecord = {
    id,
    name: options.name ?? randomName(),
    created: engine.options.now().toISOString(),
    image: { reference: options.image, id: found.id, manifest: found.image.descriptor.digest },
    layers: found.image.layers.map((layer) => layer.diffId),
    autoRemove: options.autoRemove,
    spec: specOf(engine, id, found.image, options),
    state: { status: 'created' },
  }
  await addContainer(engine, record)
  const folders = containerFolders(engine, id)
  for (const folder of [folders.upper, folders.work, folders.scratch, folders.root]) await mkdir(folder)
  return record
}

const imageFor = async (engine: Engine, options: CreateOptions, report: CreateReport): Promise<FoundImage> => {
  const choice = options.platform === undefined ? {} : { platform: options.platform }
  if (options.pull !== 'always') {
    try {
      return await findImage(engine, options.image, choice)
    } catch (error) {
      if (!isGantryError(error, 'not_found') || options.pull === 'never') throw error
    }
    report.onPull?.()
  }
  const pulled = await pullImage(engine, options.image, { ...report, ...choice })
  report.onPulled?.(pulled)
  // it is not looked up again: somebody may have taken its name away already
  const { target, image } = pulled
  return { target, image, id: image.manifest.config.digest, names: [] }
}

const specOf = (engine: Engine, id: string, image: Image, options: CreateOptions): ContainerRecord['spec'] => {
  const config = image.config.config ?? {}
  return {
    id,
    ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
    args: mergeCommand(config, {
      cmd: options.command,
      ...(options.entrypoint === undefined ? {} : { entrypoint: [options.entrypoint] }),
    }),
    env: mergeEnvironment(config.Env ?? [], options.env, engine.options.environment),
    workingFolder: options.workingFolder ?? (config.WorkingDir || '/'),
    user: options.user ?? config.User ?? '',
    terminal: options.terminal,
    interactive: options.interactive,
    network: options.network,
    readOnlyRoot: options.readOnlyRoot,
    binds: options.binds,
    labels: { ...config.Labels, ...options.labels },
    extraHosts: options.extraHosts,
    privileged: options.privileged,
    capAdd: options.capAdd,
    capDrop: options.capDrop,
    stopSignal: options.stopSignal ?? config.StopSignal ?? 'SIGTERM',
  }
}
