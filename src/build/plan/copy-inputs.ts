import { posix } from 'node:path'
import { GantryError } from '../../lib/errors.ts'
import { parseDigest, type Digest } from '../../oci/digest.ts'
import type { AddInstruction, CopyInstruction } from '../dockerfile/instruction.ts'
import { createVertex, type CopyFrom, type Vertex } from '../graph.ts'
import { invalidChecksum, isCommitPrefix, parseGitReference, type GitReference } from '../sources/git-reference.ts'
import { nameOfUrl } from '../sources/url-name.ts'
import { redactSources } from '../sources/redact-sources.ts'
import type { StageContext } from './stage-context.ts'

const refuse = (reason: string): GantryError => new GantryError('invalid_argument', 'COPY_INVALID', reason)

/** What a source of COPY or ADD is: a path of the context or of another stage, a file of a server, a commit. */
type Source =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string; readonly checksum?: Digest }
  | { readonly kind: 'git'; readonly reference: GitReference }

/** Where an instruction takes files from, and the inputs 1, 2, … of its vertex that have them. */
export const copyInputs = async (
  context: StageContext,
  instruction: AddInstruction | CopyInstruction,
  words: readonly string[],
): Promise<{ readonly from: readonly CopyFrom[]; readonly vertices: readonly Vertex[] }> => {
  const isAdd = instruction.kind === 'add'
  const sources = words.map((word) => sourceOf(instruction, word, words.length))
  const vertices: Vertex[] = []
  const indexOf = (vertex: Vertex): number => {
    const at = vertices.findIndex(({ digest }) => digest === vertex.digest)
    return at < 0 ? vertices.push(vertex) : at + 1
  }
  const from: CopyFrom[] = []
  for (const source of sources) {
    if (source.kind === 'path') {
      const vertex =
        isAdd || instruction.from === undefined ? context.context : await context.sourceOf(instruction, instruction.from)
      const unpack = isAdd && (instruction.unpack ?? true)
      from.push({ kind: 'input', index: indexOf(vertex), unpack, ...pathOf(source.path, !isAdd && instruction.parents) })
      continue
    }
    const facts = { label: labelOf(source), source: instruction.range }
    if (source.kind === 'git') {
      const vertex = createVertex({ kind: 'git', reference: source.reference }, [], facts)
      from.push({ kind: 'input', index: indexOf(vertex), unpack: false, path: '/' })
      continue
    }
    const { url, checksum } = source
    const name = nameOfUrl(url)
    const op = { kind: 'http', url, name, unpack: false, ...(checksum === undefined ? {} : { checksum }) } as const
    const unpack = isAdd && instruction.unpack === true
    from.push({ kind: 'input', index: indexOf(createVertex(op, [], facts)), unpack, path: name, literal: true })
  }
  return { from, vertices }
}

const labelOf = (source: Exclude<Source, { kind: 'path' }>): string =>
  source.kind === 'url'
    ? `[internal] load ${redactSources(source.url)}`
    : `[internal] load git source ${redactSources(source.reference.remote)}${source.reference.ref === '' ? '' : `#${source.reference.ref}`}`

/** `--parents` keeps the folders of the source, from the pivot `/./` on if there is one. */
const pathOf = (path: string, parents: boolean): { readonly path: string; readonly include?: readonly string[] } => {
  if (!parents) return { path }
  const pivot = path.indexOf('/./')
  const pattern = posix.normalize(`/${pivot < 0 ? path : path.slice(pivot + 3)}`)
  return { path: pivot < 0 ? '/' : path.slice(0, pivot), include: [pattern.slice(1).replace(/\/$/, '')] }
}

const sourceOf = (instruction: AddInstruction | CopyInstruction, word: string, count: number): Source => {
  const isAdd = instruction.kind === 'add'
  const checksum = isAdd && instruction.checksum !== undefined && instruction.checksum !== '' ? instruction.checksum : undefined
  if (checksum !== undefined && count !== 1) throw refuse("checksum can't be specified for multiple sources")
  const git = parseGitReference(word)
  if (git !== undefined) {
    if (!isAdd) throw refuse("source can't be a git ref for COPY")
    return { kind: 'git', reference: withFlags(git, instruction, checksum) }
  }
  if (/^https?:\/\//.test(word)) {
    if (!isAdd) throw refuse("source can't be a URL for COPY")
    return { kind: 'url', url: word, ...(checksum === undefined ? {} : { checksum: parseDigest(checksum) }) }
  }
  if (checksum !== undefined) throw refuse('checksum requires HTTP(S) or Git sources')
  return { kind: 'path', path: word }
}

const withFlags = (git: GitReference, { keepGitFolder }: AddInstruction, checksum: string | undefined): GitReference => {
  if (keepGitFolder !== undefined && git.keepGitFolder !== undefined && keepGitFolder !== git.keepGitFolder)
    throw refuse('inconsistent keep-git-dir configuration')
  if (checksum !== undefined && git.checksum !== undefined && checksum !== git.checksum)
    throw refuse(`checksum mismatch "${checksum}" != "${git.checksum}"`)
  if (checksum !== undefined && !isCommitPrefix(checksum)) throw invalidChecksum(checksum)
  return {
    ...git,
    ...(keepGitFolder === undefined ? {} : { keepGitFolder }),
    ...(checksum === undefined ? {} : { checksum }),
  }
}
