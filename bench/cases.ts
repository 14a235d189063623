import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Case } from './case.ts'
import { editAppContext, imageNames, makeAppContext, makeStepsContext } from './images.ts'
import { must } from './measure.ts'
import type { PeerRegistry } from './registry.ts'
import type { Tool, Verb } from './tools/tool.ts'

export interface Places {
  /** Contexts and archives lie below it. */
  readonly work: string
  /** Has the images. */
  readonly registry: PeerRegistry
  /** Takes pushes. */
  readonly target: PeerRegistry
}

/** Who makes what was pulled ready to run. */
const unpackers = ['docker', 'podman', 'buildah', 'ctr']

const run = (tool: Tool, verb: Verb): void => {
  const command = tool.command(verb)
  if (command !== undefined) must(command, tool.environment)
}

/** Every case, in the order in which they are measured. Ratios wanted are those of the project's plan. */
export const allCases = (places: Places): readonly Case[] => [
  ...imageNames.map((name) => pull(places, name)),
  ...imageNames.flatMap((name) => [push(places, name), pushAgain(places, name)]),
  pushBuilt(places),
  ...imageNames.flatMap((name) => [save(places, name), load(places, name)]),
  ...builds(places),
  runTrue(places),
  images(places),
]

const source = ({ registry }: Places, name: string): string => `${registry.host}/bench/${name}:1`
const destination = ({ target }: Places, name: string): string => `${target.host}/bench/${name}:1`

const pullTargets: Readonly<Record<string, number>> = { many: 0.25, layers: 0.35, big: 0.6 }

const pull = (places: Places, name: string): Case => ({
  name: `pull ${name}`,
  tools: ['gantry', ...unpackers, 'skopeo'],
  verb: () => ({ verb: 'pull', image: source(places, name) }),
  prepare: (tool) => tool.reset(),
  targets: [{ ratio: pullTargets[name] ?? NaN, to: unpackers }],
})

const pulled = (places: Places, name: string) => (tool: Tool) => {
  tool.reset()
  run(tool, { verb: 'pull', image: source(places, name) })
  run(tool, { verb: 'tag', image: source(places, name), name: destination(places, name) })
}

const pushers = [...unpackers, 'skopeo']

const push = (places: Places, name: string): Case => ({
  name: `push ${name}`,
  tools: ['gantry', ...pushers],
  verb: () => ({ verb: 'push', image: destination(places, name) }),
  setUp: pulled(places, name),
  prepare: () => places.target.empty(),
  targets: [{ ratio: 1, to: pushers }],
})

const pushAgain = (places: Places, name: string): Case => ({
  name: `push again ${name}`,
  tools: ['gantry', ...pushers],
  verb: () => ({ verb: 'push', image: destination(places, name) }),
  setUp: (tool) => {
    pulled(places, name)(tool)
    run(tool, { verb: 'push', image: destination(places, name) })
  },
  targets: [{ ratio: 1, to: pushers }],
})

/** Compression included: whoever keeps what was compressed builds into an empty store each time. */
const pushBuilt = (places: Places): Case => {
  const image = destination(places, 'built')
  const context = join(places.work, 'contexts', 'many')
  return {
    name: 'push built many',
    tools: ['gantry', 'docker', 'podman', 'buildah'],
    verb: () => ({ verb: 'push', image }),
    prepare: (tool) => {
      tool.reset()
      places.target.empty()
      run(tool, { verb: 'build', context, name: image, cache: false })
    },
    targets: [{ ratio: 0.3, to: ['docker'] }],
  }
}

const archivers = ['docker', 'podman', 'ctr']
const archive = ({ work }: Places, tool: Tool, name: string): string => join(work, `${tool.name}-${name}.tar`)

const save = (places: Places, name: string): Case => ({
  name: `save ${name}`,
  tools: ['gantry', ...archivers],
  verb: (tool) => ({ verb: 'save', image: source(places, name), file: archive(places, tool, name) }),
  setUp: (tool) => {
    tool.reset()
    run(tool, { verb: 'pull', image: source(places, name) })
  },
  prepare: (tool) => rmSync(archive(places, tool, name), { force: true }),
  targets: [{ ratio: 0.5, to: archivers }],
})

/** Each tool loads what it saved itself. */
const load = (places: Places, name: string): Case => ({
  name: `load ${name}`,
  tools: ['gantry', ...archivers],
  verb: (tool) => ({ verb: 'load', file: archive(places, tool, name) }),
  setUp: (tool) => {
    const file = archive(places, tool, name)
    if (statSync(file, { throwIfNoEntry: false }) !== undefined) return
    tool.reset()
    run(tool, { verb: 'pull', image: source(places, name) })
    run(tool, { verb: 'save', image: source(places, name), file })
  },
  prepare: (tool) => tool.reset(),
  targets: [{ ratio: 0.5, to: archivers }],
})

const builders = ['gantry', 'docker', 'podman', 'buildah']

/** Most of the fastest peer's time that is wanted. */
const buildTargets: readonly (readonly [name: string, ratio: number])[] = [
  ['cold', 0.6],
  ['cached', 0.4],
  ['edit', 0.5],
]

/** Two stages of 13,500 files; then ten steps that do next to nothing, without the edit. */
const builds = (places: Places): readonly Case[] => {
  const base = source(places, 'busybox')
  const contexts = join(places.work, 'contexts')
  return (['app', 'steps'] as const).flatMap((kind) => {
    const folder = (): string => (kind === 'app' ? makeAppContext(contexts, base) : makeStepsContext(contexts, base))
    const build = (cache: boolean): Verb => ({ verb: 'build', context: join(contexts, kind), name: `bench-${kind}:1`, cache })
    const setUp = (tool: Tool): void => {
      tool.reset()
      run(tool, { verb: 'pull', image: base })
      folder()
      run(tool, build(true))
    }
    let edits = 0
    return buildTargets
      .filter(([name]) => kind === 'app' || name !== 'edit')
      .map(([name, ratio]): Case => ({
        name: `build ${kind} ${name}`,
        tools: builders,
        verb: () => build(name !== 'cold'),
        setUp,
        ...(name === 'edit' && { prepare: () => editAppContext(join(contexts, kind), `edit ${edits++}`) }),
        targets: [{ ratio, to: builders.slice(1) }],
      }))
  })
}

const runTrue = (places: Places): Case => ({
  name: 'run --rm true',
  tools: ['gantry', 'docker', 'podman', 'ctr'],
  verb: () => ({ verb: 'run', image: source(places, 'busybox') }),
  setUp: (tool) => {
    tool.reset()
    run(tool, { verb: 'pull', image: source(places, 'busybox') })
    run(tool, { verb: 'run', image: source(places, 'busybox') })
  },
  targets: [{ ratio: 0.6, to: ['podman'] }],
})

/** Fifty images that differ in a label. */
const images = (places: Places): Case => ({
  name: 'images, 50 of them',
  tools: ['gantry', 'docker', 'podman', 'buildah', 'node -e 0'],
  verb: () => ({ verb: 'images' }),
  setUp: (tool) => {
    tool.reset()
    run(tool, { verb: 'pull', image: source(places, 'busybox') })
    const context = join(places.work, 'contexts', 'label')
    mkdirSync(context, { recursive: true })
    for (let n = 0; n < 50; n++) {
      writeFileSync(join(context, 'Dockerfile'), `FROM ${source(places, 'busybox')}\nLABEL n=${n}\n`)
      run(tool, { verb: 'build', context, name: `bench-${n}:1`, cache: true })
    }
  },
  targets: [
    { ratio: 2, to: ['docker'] },
    { ratio: 1.3, to: ['node -e 0'] },
  ],
})
