import { editDistance } from '../lib/edit-distance.ts'
import type { CommandSpec } from './command.ts'

interface CommandEntry {
  readonly summary: string
  readonly load: () => Promise<{ readonly command: CommandSpec }>
}

type Entry = readonly [summary: string, load: CommandEntry['load']]

const images: Readonly<Record<string, Entry>> = {
  build: ['Build an image from a Dockerfile', () => import('./commands/build.ts')],
  'build context ls': ['List what goes into a build', () => import('./commands/build-context-ls.ts')],
  'build context why': ['Say why files go into a build or not', () => import('./commands/build-context-why.ts')],
  catalog: ['List the repositories of a registry', () => import('./commands/catalog.ts')],
  history: ['Show the layers of an image and what made them', () => import('./commands/history.ts')],
  images: ['List images', () => import('./commands/images.ts')],
  'image prune': ['Remove images that are not used', () => import('./commands/image-prune.ts')],
  import: ['Make an image of a root file system in a tar', () => import('./commands/import.ts')],
  inspect: ['Show everything about images or containers as JSON', () => import('./commands/inspect.ts')],
  load: ['Load images from a tar archive', () => import('./commands/load.ts')],
  pack: ['Make an image of a Node.js project without a Dockerfile', () => import('./commands/pack.ts')],
  pull: ['Download an image from a registry', () => import('./commands/pull.ts')],
  push: ['Upload an image to a registry', () => import('./commands/push.ts')],
  rmi: ['Remove images', () => import('./commands/rmi.ts')],
  save: ['Save images to a tar archive', () => import('./commands/save.ts')],
  search: ['Search Docker Hub or a registry for images', () => import('./commands/search.ts')],
  tag: ['Give an image another name', () => import('./commands/tag.ts')],
  tags: ['List the tags of a repository in a registry', () => import('./commands/tags.ts')],
  untag: ['Take names from an image', () => import('./commands/untag.ts')],
}

const containers: Readonly<Record<string, Entry>> = {
  'container prune': ['Remove containers that do not run', () => import('./commands/container-prune.ts')],
  logs: ["Show a container's output", () => import('./commands/logs.ts')],
  ps: ['List containers', () => import('./commands/ps.ts')],
  rm: ['Remove containers', () => import('./commands/rm.ts')],
  run: ['Create and run a new container from an image', () => import('./commands/run.ts')],
  stop: ['Stop running containers', () => import('./commands/stop.ts')],
}

const tools: Readonly<Record<string, Entry>> = {
  'artifact attach': ['Attach files to an image', () => import('./commands/artifact-attach.ts')],
  'artifact pull': ['Download the files of an artifact', () => import('./commands/artifact-pull.ts')],
  'artifact push': ['Upload files as an artifact', () => import('./commands/artifact-push.ts')],
  'image copy': ['Copy an image from anywhere to anywhere', () => import('./commands/image-copy.ts')],
  'image mirror': ['Copy repositories, what differs', () => import('./commands/image-mirror.ts')],
  'manifest add': ['Add an image to a manifest list', () => import('./commands/manifest-add.ts')],
  'manifest annotate': ['Change what a manifest list says', () => import('./commands/manifest-annotate.ts')],
  'manifest create': ['Make a manifest list of images', () => import('./commands/manifest-create.ts')],
  'manifest inspect': ['Show a manifest or manifest list', () => import('./commands/manifest-inspect.ts')],
  'manifest push': ['Upload a manifest list and its images', () => import('./commands/manifest-push.ts')],
  'manifest remove': ['Take images out of a manifest list', () => import('./commands/manifest-remove.ts')],
  'manifest rm': ['Remove manifest lists', () => import('./commands/manifest-rm.ts')],
  referrers: ['List what refers to an image', () => import('./commands/referrers.ts')],
}

const others: Readonly<Record<string, Entry>> = {
  'builder prune': ['Forget cached steps of builds', () => import('./commands/builder-prune.ts')],
  completion: ['Print a script that completes command lines in a shell', () => import('./commands/completion.ts')],
  doctor: ['Say what this machine offers and what is missing', () => import('./commands/doctor.ts')],
  'hub serve': ['Serve a registry', () => import('./commands/hub-serve.ts')],
  login: ['Log in to a registry', () => import('./commands/login.ts')],
  logout: ['Log out from a registry', () => import('./commands/logout.ts')],
  info: ['Show what there is and what it runs on', () => import('./commands/info.ts')],
  'system df': ['Show what takes which room on the disk', () => import('./commands/system-df.ts')],
  'system prune': ['Remove all that is not used', () => import('./commands/system-prune.ts')],
  'system verify': ['Look for damage, and repair it', () => import('./commands/system-verify.ts')],
  version: ['Show the version', () => import('./commands/version.ts')],
}

/** What the overview does not list: forms with a noun that are more than another name, and what shells ask. */
const unlisted: Readonly<Record<string, Entry>> = {
  __complete: ['Say what may come next in a command line', () => import('./commands/complete.ts')],
  'image inspect': ['Show everything about images as JSON', () => import('./commands/image-inspect.ts')],
}

/** `gantry image ls` and the like: docker's forms with a noun, and what they stand for. */
const aliases: Readonly<Record<string, string>> = {
  attach: 'artifact attach',
  'artifact discover': 'referrers',
  'image build': 'build',
  'image history': 'history',
  'image import': 'import',
  'image list': 'images',
  'image load': 'load',
  'image ls': 'images',
  'image pull': 'pull',
  'image push': 'push',
  'image remove': 'rmi',
  'image rm': 'rmi',
  'image save': 'save',
  'image tag': 'tag',
  'system info': 'info',
  'image untag': 'untag',
  'container inspect': 'inspect',
  'container list': 'ps',
  'container logs': 'logs',
  'container ls': 'ps',
  'container ps': 'ps',
  'container remove': 'rm',
  'container rm': 'rm',
  'container run': 'run',
  'container stop': 'stop',
}

const all: Readonly<Record<string, Entry>> = { ...images, ...tools, ...containers, ...others, ...unlisted }

/** Finds the command that the words start with; answers its name, how to load it, and the words after it. */
export const findCommand = (
  words: readonly string[],
): { readonly name: string; readonly load: CommandEntry['load']; readonly rest: readonly string[] } | undefined => {
  for (const count of [3, 2, 1]) {
    if (words.length < count) continue
    const typed = words.slice(0, count).join(' ')
    const name = Object.hasOwn(aliases, typed) ? (aliases[typed] ?? typed) : typed
    const entry = Object.hasOwn(all, name) ? all[name] : undefined
    if (entry !== undefined) return { name: typed, load: entry[1], rest: words.slice(count) }
  }
  return undefined
}

/** Every way to write a command, in one word or more, with its summary. */
export const commandForms = (): readonly (readonly [words: string, summary: string])[] => [
  ...Object.entries(all).map(([name, [summary]]) => [name, summary] as const),
  ...Object.entries(aliases).map(([words, name]) => [words, all[name]?.[0] ?? ''] as const),
]

/** Whether a word is a command, or the first of one's words. */
export const isVerb = (word: string): boolean =>
  [...Object.keys(all), ...Object.keys(aliases)].some((name) => name === word || name.startsWith(`${word} `))

/** Names that begin like what was typed or differ from it in a letter or two. */
export const similarCommands = (word: string): readonly string[] =>
  Object.keys(all).filter((name) => name.startsWith(word) || editDistance(name, word, 3) <= 2)

/** The text of `gantry --help`. */
export const overview = (): string => {
  const section = (title: string, entries: Readonly<Record<string, Entry>>): string =>
    `${title}:\n${Object.entries(entries)
      .map(([name, [summary]]) => `  ${name.padEnd(18)}${summary}`)
      .join('\n')}`
  return [
    'Usage:  gantry [OPTIONS] COMMAND',
    'Build, pull, push, run and host container images, without a daemon.',
    section('Images', images),
    section('Image tools', tools),
    section('Containers', containers),
    section('Registries and system', others),
    `Global options:
      --root DIR              Where images and containers are kept (default: $GANTRY_ROOT, else /var/lib/gantry or ~/.local/share/gantry)
      --storage-driver NAME   How layers are kept: erofs or folder (default: the best that works)
      --tls-verify=false      Accept any certificate of a registry
      --plain-http            Speak plain HTTP to registries
      --debug                 Show the chain of causes of an error
  -v, --version               Show the version`,
    "Run 'gantry COMMAND --help' for more about a command.",
  ].join('\n\n')
}
