/** What a context holds at a path. All of it has the time `contextTime`, modes are 644 and 755 unless they say otherwise. */
export type CorpusFile =
  | string
  | { readonly text: string; readonly mode: number }
  | { readonly folder: number }
  | { readonly link: string }
  /** Another name of a file of the context. */
  | { readonly sameAs: string }
  | { readonly archive: readonly ArchiveMember[] }
  | { readonly base64: string }
  | { readonly fifo: true }

/** A member of an archive for ADD; all have the time `archiveTime`. */
export interface ArchiveMember {
  readonly name: string
  readonly text?: string
  readonly mode?: number
  /** Of user and group. */
  readonly owner?: readonly [number, number]
  readonly link?: string
  readonly hardLink?: string
  readonly folder?: true
  readonly xattrs?: Readonly<Record<string, string>>
}

/** Something that gantry makes otherwise than the peer, on purpose. */
export interface KnownDifference {
  /** In words, for whoever asks. */
  readonly reason: string
  /** A line of the golden, as a whole; or what gantry alone has is in `ours`. */
  readonly theirs?: string
  /** The line in its place; or what the peer alone has is in `theirs`. */
  readonly ours?: string
}

/** A Dockerfile, its context, and what is known of its image. */
export interface CorpusRow {
  readonly text: string
  readonly files?: Readonly<Record<string, CorpusFile>>
  readonly buildArgs?: Readonly<Record<string, string>>
  readonly labels?: Readonly<Record<string, string>>
  readonly target?: string
  /** Named contexts: `./PATH` in the context, or what else they may be. No peer of Debian's has them. */
  readonly contexts?: Readonly<Record<string, string>>
  /** Where in the context the Dockerfile is. Default: `Dockerfile`. */
  readonly dockerfile?: string
  /** The Dockerfile comes through a pipe, and there is no context. */
  readonly piped?: true
  /** It must not build: what gantry says then. */
  readonly refused?: RegExp
  /** The image's description where no peer of Debian's knows the language that far: by the reference and by BuildKit's source. */
  readonly written?: readonly string[]
  readonly differs?: readonly KnownDifference[]
  /** buildah 1.28 makes the same files, too. */
  readonly buildah?: true
}

export type CorpusRows = Readonly<Record<string, CorpusRow>>

/** Seconds since 1970: 2021-06-01 and 2020-01-01. */
export const contextTime = 1_622_505_600
export const archiveTime = 1_577_836_800

/** The description of an image on `base`: what comes with it, then these lines. Lines of the config replace those of base. */
export const onBase = (lines: readonly string[]): readonly string[] => {
  const keys = new Set(lines.map((line) => line.split(' ')[0]))
  const config = [
    'config.Cmd ["sh"]',
    'config.Env ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]',
    'config.WorkingDir "/"',
  ]
  const own = lines.filter((line) => line.startsWith('config.'))
  return [
    'linux/amd64',
    ...[...config.filter((line) => !keys.has(line.split(' ')[0])), ...own].sort(),
    'from base',
    ...lines.filter((line) => !line.startsWith('config.')),
  ]
}
