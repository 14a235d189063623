import type { HealthcheckConfig } from '../../oci/image-config.ts'
import type { SourceFile, SourceRange } from './source.ts'

/** What every instruction has. */
interface Base {
  /** The name as it is written. */
  readonly name: string
  /** The whole instruction as written, continued lines joined. */
  readonly text: string
  readonly range: SourceRange
  /** The comments right above. */
  readonly comments: readonly string[]
}

/** The command of RUN, CMD and ENTRYPOINT. */
export type CommandLine =
  | { readonly form: 'exec'; readonly args: readonly string[] }
  | { readonly form: 'shell'; readonly command: string }

export interface KeyValue {
  readonly key: string
  readonly value: string
}

/** A file whose content stands in the Dockerfile; tabs are stripped already where `<<-` asked for it. */
export interface InlineFile {
  readonly name: string
  readonly content: string
  readonly expand: boolean
}

/** `RUN --mount=…` as written, one `key=value` each; evaluated when the variables are known. */
export type MountFlag = string

export interface CopySources {
  readonly sources: readonly string[]
  readonly inline: readonly InlineFile[]
  readonly destination: string
  readonly chown?: string
  readonly chmod?: string
  readonly link: boolean
  readonly exclude: readonly string[]
}

export interface AddInstruction extends Base, CopySources {
  readonly kind: 'add'
  readonly checksum?: string
  readonly keepGitFolder?: boolean
  /** Undefined: local archives are extracted, remote ones are not. */
  readonly unpack?: boolean
}

export interface CopyInstruction extends Base, CopySources {
  readonly kind: 'copy'
  readonly from?: string
  readonly parents: boolean
}

export interface RunInstruction extends Base {
  readonly kind: 'run'
  readonly command: CommandLine
  readonly heredocs: readonly { readonly name: string; readonly content: string; readonly stripTabs: boolean }[]
  readonly mounts: readonly MountFlag[]
  readonly network: 'default' | 'none' | 'host'
  readonly security: 'sandbox' | 'insecure'
}

export type Instruction =
  | AddInstruction
  | CopyInstruction
  | RunInstruction
  | (Base & { readonly kind: 'arg'; readonly args: readonly { readonly key: string; readonly value?: string }[] })
  | (Base & { readonly kind: 'cmd' | 'entrypoint'; readonly command: CommandLine })
  | (Base & { readonly kind: 'env' | 'label'; readonly pairs: readonly KeyValue[]; readonly legacy: boolean })
  | (Base & { readonly kind: 'expose'; readonly ports: readonly string[] })
  | (Base & { readonly kind: 'healthcheck'; readonly check: HealthcheckConfig })
  | (Base & { readonly kind: 'maintainer'; readonly maintainer: string })
  /** `expression` is the trigger as it is kept in the image. */
  | (Base & { readonly kind: 'onbuild'; readonly expression: string })
  | (Base & { readonly kind: 'shell'; readonly shell: readonly string[] })
  | (Base & { readonly kind: 'stopsignal'; readonly signal: string })
  | (Base & { readonly kind: 'user'; readonly user: string })
  | (Base & { readonly kind: 'volume'; readonly volumes: readonly string[] })
  | (Base & { readonly kind: 'workdir'; readonly path: string })

export type ArgInstruction = Extract<Instruction, { kind: 'arg' }>

/** FROM; begins a stage. */
export interface FromInstruction extends Base {
  readonly kind: 'from'
  readonly image: string
  readonly platform?: string
  /** The stage's name, in lower case. */
  readonly alias?: string
  /** `AS name` as it is written. */
  readonly as?: { readonly keyword: string; readonly name: string }
}

export interface Stage {
  readonly index: number
  readonly from: FromInstruction
  readonly instructions: readonly Instruction[]
}

/** A Dockerfile as data: what it says, nothing evaluated. */
export interface Dockerfile {
  readonly file: SourceFile
  readonly escape: string
  readonly syntax?: string
  readonly check?: string
  /** The ARGs before the first FROM. */
  readonly args: readonly ArgInstruction[]
  /** At least one. */
  readonly stages: readonly Stage[]
}
