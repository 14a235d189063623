import type { BuildImageOptions, BuiltImage, BuiltPlatform } from '../../build/build-image.ts'
import { isSecretName, scrubber } from '../../build/explain/secret-names.ts'
import type { Vertex } from '../../build/graph.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { digestHex } from '../../oci/digest.ts'
import { formatPlatform } from '../../oci/platform.ts'
import type { Attestation } from './attestation.ts'
import { packageUrls } from './finish-image.ts'

/** What a build says of how it was done. */
export interface ProvenanceOptions {
  /** `max` has the build arguments, the labels and the steps too. */
  readonly mode: 'min' | 'max'
  /** A URI that says who built. Default: the builder's package URL. */
  readonly builderId?: string
}

/**
 * How an image was built, as SLSA provenance v1 in the shape that BuildKit gives it (docs/attestations/slsa-definitions.md). It is the
 * same for the same build: without times, names of hosts and paths of this machine. Values of arguments that are secrets by their name
 * are left out, and proxies.
 */
export const provenanceOf = (
  built: BuiltImage,
  { platform }: BuiltPlatform,
  build: Pick<BuildImageOptions, 'buildArgs' | 'labels' | 'target' | 'context' | 'run'>,
  { mode, builderId = 'pkg:npm/gantry' }: ProvenanceOptions,
  machine: Platform,
): Attestation => ({
  predicateType: 'https://slsa.dev/provenance/v1',
  predicate: {
    buildDefinition: {
      buildType: 'pkg:npm/gantry#dockerfile',
      externalParameters: { configSource: { path: built.dockerfile }, request: requestOf(build, platform, mode) },
      internalParameters: {
        ...(mode === 'max' ? { buildConfig: { steps: stepsOf(built, platform, build.buildArgs ?? {}) } } : {}),
        builderPlatform: formatPlatform(machine),
      },
      resolvedDependencies: built.materials
        .flatMap(({ name, platform: own, digest }) =>
          packageUrls([name.replace(/@sha256:.*$/, '')], own).map((uri) => ({ uri, digest: { sha256: digestHex(digest) } })),
        )
        .toSorted((a, b) => (a.uri < b.uri ? -1 : 1)),
    },
    runDetails: { builder: { id: builderId } },
  },
})

const isProxy = (name: string): boolean => /^(?:https?|ftp|no|all)_proxy$/i.test(name)

const requestOf = (
  { buildArgs = {}, labels = {}, target, context, run = {} }: Parameters<typeof provenanceOf>[2],
  platform: Platform,
  mode: ProvenanceOptions['mode'],
): object => {
  const scrub = scrubber(buildArgs)
  const args: Record<string, string> = { platform: formatPlatform(platform) }
  if (target !== undefined) args['target'] = target
  if (mode === 'max') {
    for (const [name, value] of Object.entries(buildArgs))
      if (!isProxy(name)) args[`build-arg:${name}`] = isSecretName(name) ? '***' : scrub(value)
    for (const [name, value] of Object.entries(labels)) args[`label:${name}`] = scrub(value)
  }
  const sorted = Object.entries(args).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const ids = (list: readonly { readonly id: string }[]): readonly object[] => list.map(({ id }) => ({ id }))
  return {
    frontend: 'dockerfile.v0',
    args: Object.fromEntries(sorted),
    locals: [...(context === undefined ? [] : [{ name: 'context' }]), { name: 'dockerfile' }],
    ...(mode === 'max' ? { secrets: ids(run.secrets ?? []), ssh: ids(run.ssh ?? []) } : {}),
  }
}

/** What was done for one platform, each step once, what it needs before it. */
const stepsOf = (
  { images, vertices }: BuiltImage,
  platform: Platform,
  buildArgs: Readonly<Record<string, string>>,
): readonly object[] => {
  const index = images.findIndex((image) => formatPlatform(image.platform) === formatPlatform(platform))
  const result = vertices[index]
  const scrub = scrubber(buildArgs)
  const ids = new Map<string, string>()
  const steps: object[] = []
  const visit = (vertex: Vertex): string => {
    const known = ids.get(vertex.digest)
    if (known !== undefined) return known
    const inputs = vertex.inputs.map(visit)
    const id = `step${ids.size}`
    ids.set(vertex.digest, id)
    steps.push({ id, kind: vertex.op.kind, text: scrub(vertex.label.replace(/^\[[^\]]*\] /, '')), inputs })
    return id
  }
  if (result !== undefined) visit(result)
  return steps
}
