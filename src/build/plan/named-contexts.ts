import { GantryError, isGantryError } from '../../lib/errors.ts'
import type { Platform } from '../../oci/descriptor.ts'
import { formatPlatform, normalizePlatform } from '../../oci/platform.ts'
import { familiarString, parseReference } from '../../oci/reference.ts'
import { contextSource } from '../context-source.ts'
import type { ContextOp, GitOp, HttpOp } from '../graph.ts'
import { redactSources } from '../sources/redact-sources.ts'

/** What `--build-context NAME=…` puts in the place of a stage or an image. */
export type NamedContext =
  | { readonly kind: 'scratch' }
  /** A reference, or `oci-layout://PATH[:TAG][@DIGEST]`. */
  | { readonly kind: 'image'; readonly reference: string; readonly label: string }
  /** A stage as the Dockerfile has it. */
  | { readonly kind: 'stage'; readonly name: string }
  | { readonly kind: 'files'; readonly op: ContextOp | HttpOp | GitOp; readonly label: string }

const invalid = (name: string, reason: string, hint?: string): GantryError =>
  new GantryError(
    'invalid_argument',
    'BUILD_CONTEXT_INVALID',
    `Cannot use the build context "${name}": ${reason}`,
    hint === undefined ? {} : { hint },
  )

/** The named contexts of a build. `invalid_argument` for names and values that mean nothing. */
export class NamedContexts {
  readonly #contexts = new Map<string, NamedContext>()
  readonly #folders = new Map<string, string>()

  /** @param given what each name is, as the command line has it: `NAME` or `NAME::PLATFORM` */
  constructor(given: Readonly<Record<string, string>> = {}) {
    for (const [written, value] of Object.entries(given)) {
      const [name = '', platform] = written.split('::', 2)
      const normal = normalName(name)
      if (normal === undefined)
        throw invalid(written, 'it is no name of a stage or an image', 'write NAME=PATH, for example --build-context lib=../lib')
      if (value === '') throw invalid(written, 'it has no value')
      const key = platform === undefined ? normal : `${normal}::${platform}`
      this.#contexts.set(key, this.#parse(key, value))
    }
  }

  get empty(): boolean {
    return this.#contexts.size === 0
  }

  /** The paths of folders and archives of this machine, by the names of their ContextOps. */
  get folders(): ReadonlyMap<string, string> {
    return this.#folders
  }

  /** What a stage or an image of this name is to be; undefined if it is what it says. One for the platform goes first. */
  find(name: string, platform: Platform): NamedContext | undefined {
    if (this.empty || /^(?:scratch|context)$/i.test(name)) return undefined
    const normal = normalName(name)
    return this.#contexts.get(`${normal}::${formatPlatform(normalizePlatform(platform))}`) ?? this.#contexts.get(normal ?? '')
  }

  #parse(name: string, value: string): NamedContext {
    const [scheme = '', rest = ''] = /^(docker-image|oci-layout|target):(?:\/\/)?(.*)$/s.exec(value)?.slice(1) ?? []
    const label = `[context ${name}]`
    if (scheme === 'docker-image') {
      if (rest === 'scratch') return { kind: 'scratch' }
      parseReference(rest)
      return { kind: 'image', reference: rest, label: `${label} ${rest}` }
    }
    if (scheme === 'oci-layout')
      return { kind: 'image', reference: `oci-layout://${rest}`, label: `${label} OCI load from client` }
    if (scheme === 'target') return { kind: 'stage', name: rest }
    const source = contextSource(value)
    const shown = `${label} ${redactSources(value)}`
    if (source.kind === 'git') return { kind: 'files', op: { kind: 'git', reference: source.reference }, label: shown }
    if (source.kind === 'url')
      return { kind: 'files', op: { kind: 'http', url: source.url, name: 'context', unpack: true }, label: shown }
    this.#folders.set(name, value)
    return { kind: 'files', op: { kind: 'context', name }, label: `${label} load from client` }
  }
}

/** `docker.io/library/alpine:latest` and `alpine` are the same; undefined for what is no name. */
const normalName = (name: string): string | undefined => {
  try {
    return familiarString(parseReference(name.toLowerCase() === name ? name : name.toLowerCase())).replace(/:latest$/, '')
  } catch (error) {
    if (isGantryError(error, 'invalid_argument')) return undefined
    throw error
  }
}
