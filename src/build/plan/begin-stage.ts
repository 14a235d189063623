import { posix } from 'node:path'
import type { Platform } from '../../oci/descriptor.ts'
import type { Instruction, Stage } from '../dockerfile/instruction.ts'
import { createVertex, type CopyOp, type Vertex } from '../graph.ts'
import { variablesOf } from './environment.ts'
import type { ResolvedImage } from './plan.ts'
import { defaultPath, type StageState } from './stage-state.ts'

/** The comment of a layer that no instruction made. */
const exporterComment = 'buildkit.exporter.image.v0'

export const imageVertex = (base: ResolvedImage, label: string, { range }: Pick<Instruction, 'range'>): Vertex =>
  createVertex({ kind: 'image', manifest: base.image.descriptor.digest }, [], { label, source: range, base })

/** Nothing at all. */
export const emptyState = ({ os, architecture, variant }: Platform): StageState => ({
  stage: '',
  files: createVertex({ kind: 'scratch' }, [], { label: 'FROM scratch' }),
  platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  config: { Env: [defaultPath], WorkingDir: '/' },
  history: [],
  base: { os, architecture, ...(variant === undefined ? {} : { variant }) },
  variables: variablesOf([defaultPath]),
  declared: [],
  cmdSet: false,
})

/** What an image brings along. */
export const stateOfImage = (base: ResolvedImage, label: string, from: Stage['from']): StageState => {
  const { config = {}, history = [], rootfs, created: _created, author, ...rest } = base.image.config
  const env = config.Env ?? []
  const withPath = env.some((one) => one.startsWith('PATH=')) ? env : [...env, defaultPath]
  const { os, architecture, variant } = rest
  const missing = rootfs.diff_ids.length - history.filter((entry) => entry.empty_layer !== true).length
  const padding = Array.from({ length: Math.max(0, missing) }, () => ({ comment: exporterComment }))
  return {
    stage: '',
    files: imageVertex(base, label, from),
    platform: { os, architecture, ...(variant === undefined ? {} : { variant }) },
    // a relative one is below the root, as BuildKit takes it
    config: {
      ...config,
      Env: withPath,
      ...(config.WorkingDir ? { WorkingDir: posix.resolve('/', config.WorkingDir) } : {}),
    },
    ...(author === undefined ? {} : { author }),
    history: [...history, ...padding].map((entry) => ({ entry, inherited: true })),
    base: rest,
    variables: variablesOf(withPath),
    declared: [],
    cmdSet: false,
  }
}

/** A stage that begins with files that are no image: one layer of them, and nothing else. */
export const stateOfFiles = (files: Vertex, platform: Platform, from: Stage['from']): StageState => {
  const empty = emptyState(platform)
  const layer = filesAsLayer(files, '/', from)
  return { ...empty, files: layer, history: [{ inherited: false, entry: { comment: exporterComment } }] }
}

/** Files that are no layer as one: all below a path, at the same path. */
export const filesAsLayer = (files: Vertex, path: string, { range }: Pick<Instruction, 'range'>): Vertex => {
  const op: CopyOp = {
    kind: 'copy',
    from: [{ kind: 'input', index: 1, path: path.replaceAll(/[*?[]/g, '[$&]'), unpack: false }],
    destination: path,
    exclude: [],
    link: false,
  }
  const none = createVertex({ kind: 'scratch' }, [], { label: 'scratch' })
  return createVertex(op, [none, files], { label: `${files.label} ${path}`, source: range })
}
