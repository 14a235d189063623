import { posix } from 'node:path'
import { GantryError } from '../../lib/errors.ts'
import { joinPath } from '../tree/tree.ts'
import { commandWords, splitAssignments } from './command-words.ts'
import type { Manifest } from './manifest.ts'

/** How the image starts. */
export interface Entrypoint {
  readonly words: readonly string[]
  readonly variables: readonly (readonly [string, string])[]
  /** Where it comes from: `scripts.start`, `bin`. */
  readonly from: string
  /** Whether a shell has to be in the base image. */
  readonly shell: boolean
  readonly warnings: readonly string[]
}

/** A command that dependencies bring: its script from the root of the project on, and whether Node.js has to be called for it. */
export interface BinCommand {
  readonly path: string
  readonly node: boolean
}

export interface EntrypointOptions {
  readonly manifest: Manifest
  /** The folder that is packed, from the root of the project on. */
  readonly project: string
  /** Where the root of the project is in the image. */
  readonly target: string
  /** What starts Node.js in the image. */
  readonly node: string
  /** The command of a name, from node_modules/.bin. */
  readonly bin: (name: string) => Promise<BinCommand | undefined>
  /** The file that a path of the root leads to as Node.js resolves it, if the image has it. */
  readonly script: (path: string) => Promise<string | undefined>
  /** Why a file is not in the image, as an end of a sentence. */
  readonly absence: (path: string) => Promise<string>
}

/** Reads `--entrypoint`: JSON, or words. */
export const parseEntrypoint = (text: string): readonly string[] => {
  const words = text.trimStart().startsWith('[') ? jsonWords(text) : commandWords(text)
  if (words !== undefined && words.length > 0) return words
  throw new GantryError(
    'invalid_argument',
    'ENTRYPOINT_INVALID',
    `Cannot use "${text}" as an entrypoint: it is no list of words`,
    {
      hint: `write a command without a shell's signs, or JSON: '["sh", "-c", "a && b"]'`,
    },
  )
}

const jsonWords = (text: string): readonly string[] | undefined => {
  try {
    const value = JSON.parse(text) as unknown
    return Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined
  } catch {
    return undefined
  }
}

/** What a project starts with: its start script, a command of its own, its main file, or server.js or index.js. */
export const findEntrypoint = async (options: EntrypointOptions): Promise<Entrypoint> => {
  const { manifest, project, target, node, script, absence } = options
  const start = manifest.scripts.get('start')
  if (start !== undefined && start.trim() !== '') return await new ScriptReader(options).read('start', start, [])
  const own = manifest.bin.get(manifest.name.replace(/^@[^/]*\//, '')) ?? [...manifest.bin.values()][0]
  const files: readonly (readonly [string, string | undefined])[] = [
    ['bin', own],
    ['main', manifest.main === '' ? undefined : manifest.main],
    ['server.js', 'server.js'],
    ['index.js', 'index.js'],
  ]
  for (const [from, file] of files) {
    if (file === undefined) continue
    const path = posix.join(project, file)
    const found = path.startsWith('..') ? undefined : await script(path)
    if (found !== undefined) return { words: [node, `${target}/${found}`], variables: [], from, shell: false, warnings: [] }
    if (from === 'bin' || from === 'main') throw scriptMissing(`"${from}" of package.json`, file, await absence(path))
  }
  throw new GantryError(
    'failed_precondition',
    'NO_ENTRYPOINT',
    `Cannot pack: package.json has no start script, no "bin" and no "main", and there is no server.js`,
    { hint: 'add "scripts": {"start": "node FILE"}, or give --entrypoint' },
  )
}

const scriptMissing = (what: string, file: string, reason: string): GantryError =>
  new GantryError('failed_precondition', 'SCRIPT_MISSING', `Cannot pack: ${what} is "${file}", ${reason}`, {
    hint: 'build the project first if that makes the file; what ignore files leave out comes back with a line "!FILE"',
  })

/** Flags of node that a word of their own follows. */
const flagsWithValue = new Set([
  '-r',
  '--require',
  '--import',
  '--loader',
  '--experimental-loader',
  '-C',
  '--conditions',
  '--env-file',
  '--title',
])
/** With these there is no script. */
const withoutScript = new Set(['-e', '--eval', '-p', '--print', '-i', '--interactive', '--test', '--run', '--watch', '-'])
const mostScripts = 10

class ScriptReader {
  readonly #options: EntrypointOptions
  readonly #warnings: string[] = []
  #depth = 0

  constructor(options: EntrypointOptions) {
    this.#options = options
  }

  async read(name: string, text: string, more: readonly string[]): Promise<Entrypoint> {
    const { manifest } = this.#options
    if (manifest.scripts.has(`pre${name}`)) this.#warnings.push(`the script "pre${name}" is not run when the image starts`)
    const from = `scripts.${name}`
    const parsed = commandWords(text)
    if (parsed === undefined || parsed.length === 0) return this.#shell(from, text, more)
    const { variables, words } = splitAssignments([...parsed, ...more])
    const [command = '', ...args] = words
    const called = await this.#calledScript(command, args, variables)
    if (called !== undefined) return called
    const found = await this.#program(command, args)
    if (found === undefined) return this.#shell(from, text, more)
    return { words: found, variables, from, shell: false, warnings: this.#warnings }
  }

  #shell(from: string, text: string, more: readonly string[]): Entrypoint {
    // what docker run adds is to reach the command too, as npm start -- passes it on
    const command = [text, ...more.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`)].join(' ')
    const open = !/[)&;|}]\s*$|[#\n]|\b(?:fi|done|esac)\s*$/.test(command)
    return {
      words: ['sh', '-c', ...(open ? [`${command} "$@"`, 'sh'] : [command])],
      variables: [],
      from,
      shell: true,
      warnings: this.#warnings,
    }
  }

  /** `npm run NAME` and its like lead to another script. */
  async #calledScript(
    command: string,
    args: readonly string[],
    variables: readonly (readonly [string, string])[],
  ): Promise<Entrypoint | undefined> {
    const { scripts } = this.#options.manifest
    if (command !== 'npm' && command !== 'pnpm' && command !== 'yarn') return undefined
    const words = args.filter((word, at) => !(word === '-s' || word === '--silent') || at > 1)
    const explicit = words[0] === 'run' || words[0] === 'run-script'
    const [name = '', ...rest] = explicit ? words.slice(1) : words
    const text = explicit || command !== 'npm' || name === 'start' ? scripts.get(name) : undefined
    if (text === undefined) return undefined
    if (++this.#depth > mostScripts)
      throw new GantryError(
        'invalid_argument',
        'SCRIPT_CYCLE',
        `Cannot pack: the script "${name}" of package.json leads to itself`,
      )
    const found = await this.read(name, text, rest[0] === '--' ? rest.slice(1) : rest)
    return { ...found, variables: [...variables, ...found.variables] }
  }

  async #program(command: string, args: readonly string[]): Promise<readonly string[] | undefined> {
    const { node, project, target, bin } = this.#options
    if (command === 'node') return await this.#node(args)
    if (command === 'npx' && args[0] !== undefined && !args[0].startsWith('-')) return await this.#program(args[0], args.slice(1))
    const found = await bin(command)
    if (found !== undefined) return [...(found.node ? [node] : []), `${target}/${found.path}`, ...args]
    if (command === 'npm' || command === 'npx' || command === 'pnpm' || command === 'yarn') return undefined
    if (command.startsWith('./') || command.startsWith('../')) {
      const path = await this.#existing(command)
      return [...(/\.[cm]?js$/.test(path) ? [node] : []), `${target}/${path}`, ...args]
    }
    if (command === '' || project.startsWith('..')) return undefined
    return [command, ...args]
  }

  async #node(args: readonly string[]): Promise<readonly string[]> {
    const { node, target } = this.#options
    const at = args.findIndex((word, index) => !word.startsWith('-') && !flagsWithValue.has(args[index - 1] ?? ''))
    const script = args[at]
    if (script === undefined || script.startsWith('/') || args.slice(0, at).some((word) => withoutScript.has(word)))
      return [node, ...args]
    const path = await this.#existing(script)
    return [node, ...args.slice(0, at), `${target}/${path}`, ...args.slice(at + 1)]
  }

  async #existing(file: string): Promise<string> {
    const { project, script, absence } = this.#options
    const path = joinPath('', posix.join(project, file))
    const found = path.startsWith('..') ? undefined : await script(path)
    if (found === undefined) throw scriptMissing('what the start script runs', file, await absence(path))
    return found
  }
}
